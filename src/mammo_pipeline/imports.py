"""Which of our own source files a module needs, read from the text without running it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path


def find_imports(
    files: Iterable[Path], package: Path, leave_out: tuple[str, ...] = ()
) -> set[Path]:
    """Returns `files` and all files of `package` that they import, directly or through others.

    Imports inside functions count; those for type checkers alone do not.

    Args:
        files: Where to start.
        package: Folder of the package, whose name is the folder's.
        leave_out: Dotted names that are not followed, nor what lies below them.
    """
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for name in _read_names(file, package):
            if not name.startswith(leave_out):
                waiting += _locate(name, package)
    return found


def digest_code(module: str) -> str:
    """Returns 16 hexadecimal digits of the SHA-256 of a module and of all of ours that it imports.

    What was computed by other code is not taken for the same result.

    Args:
        module: Dotted name, such as `mammo_pipeline.mammo.ladder.climb`.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(find_imports(_locate(module, package), package)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _read_names(file: Path, package: Path) -> Iterator[str]:
    home = [*file.relative_to(package.parent).parts[:-1]]
    for node in _walk_without_typing(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = home[: len(home) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _walk_without_typing(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not for_types:
            yield node
            yield from _walk_without_typing(node)


def _locate(name: str, package: Path) -> list[Path]:
    """Returns the file of `name`, a module, or of the module that defines it; none if not ours."""
    parts = name.split(".")
    if parts[0] != package.name:
        return []
    for depth in (len(parts), len(parts) - 1):
        stem = package.parent.joinpath(*parts[:depth])
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if file.is_file():
                return [file]
    return []
