"""Lists of SHA-256 sums: ours, which versions a raw folder, and those that come with a folder.

Ours names no file and no patient. Theirs are full of names, so no error here repeats a line.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from posixpath import dirname, join, normpath

VERSION_DIGITS = 12
_HEADER = "# raw folder | files {files} | read {read} | bytes {size} | sha256 {digest}\n"
_STATED = re.compile(r"# raw folder \| files \d+ \| read \d+ \| bytes \d+ \| sha256 ([0-9a-f]{64})")
UNREAD = "-"

# What lists of SHA-256 sums are called: coreutils and mirrors; one list a file; BagIt (RFC 8493).
_LIST_OF_MANY = re.compile(r"(.*[-_.])?sha256-?sums?(\.txt)?", re.IGNORECASE)
_LIST_OF_ONE = re.compile(r"(.+)\.sha256(\.txt)?", re.IGNORECASE)
_BAGIT_LIST = re.compile(r"(tag)?manifest-sha256\.txt", re.IGNORECASE)
LIST_NAMES = (_LIST_OF_MANY, _LIST_OF_ONE, _BAGIT_LIST)
_SUM = "(?P<sum>[0-9a-fA-F]{64})"
# How a line may state a sum: GNU coreutils (text, binary); tabs or one space (BagIt, sha256 -r);
# FreeBSD sha256(1) and openssl dgst; a sum alone, of the file that the list is named after.
LINE_FORMS = (
    re.compile(rf"{_SUM} [ *](?P<name>.+)", re.DOTALL),
    re.compile(rf"{_SUM}[ \t]+\*?(?P<name>.+)", re.DOTALL),
    re.compile(rf"SHA(2-)?256 ?\((?P<name>.+)\) ?= {_SUM}", re.DOTALL),
    re.compile(rf"{_SUM}(?P<name>)"),
)
# A leading backslash says that the name is escaped (coreutils); BagIt escapes as in an address.
_ESCAPED = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
_BAGIT_ESCAPED = {"%25": "%", "%0A": "\n", "%0a": "\n", "%0D": "\r", "%0d": "\r"}
_DRIVE = re.compile("[A-Za-z]:/")


def render_manifest(rows: Iterable[tuple[str, int, str]], key: bytes) -> str:
    """Returns the text that stands for a raw folder in version control.

    One head line with the number of files, how many were read to their end, their bytes and the
    SHA-256 of all lines below; then a line `<keyed sum> <size> <file_id>` a file, sorted by
    `file_id`, so that one changed file is one changed line, and a folder that was copied or touched
    has the same text. The sum is the HMAC-SHA-256 (RFC 2104) of the 32 bytes of the file's SHA-256:
    the plain SHA-256 of a short file, such as a note that holds nothing but a patient's number, is
    found by trying all numbers. A file that was not read to its end has `-` for a sum.

    Args:
        rows: SHA-256 in hex (empty: not read to its end), size in bytes and pseudonym of every file
            found, in any order.
        key: The secret of this installation's pseudonyms.

    Raises:
        ValueError: A row is not as described, or a pseudonym comes twice.

    >>> text = render_manifest([("0" * 64, 5, "b1"), ("1" * 64, 7, "a1")], b"k")
    >>> text.splitlines()[0][:43]
    '# raw folder | files 2 | read 2 | bytes 12 '
    >>> [line[64:] for line in text.splitlines()[1:]]
    [' 7 a1', ' 5 b1']
    """
    ordered = sorted(rows, key=lambda row: row[2])
    body = "".join(_render_lines(ordered, key))
    digest = hashlib.sha256(body.encode()).hexdigest()
    size = sum(row[1] for row in ordered)
    read = sum(bool(row[0]) for row in ordered)
    return _HEADER.format(files=len(ordered), read=read, size=size, digest=digest) + body


def manifest_version(text: str) -> str:
    """Returns the first 12 hex digits of the SHA-256 that a manifest states: the data version.

    Raises:
        ValueError: The text is no manifest, or its lines are not those that the sum was made of.

    >>> manifest_version(render_manifest([], b"k"))
    'e3b0c44298fc'
    """
    head, _, body = text.partition("\n")
    stated = _STATED.fullmatch(head)
    if not stated or hashlib.sha256(body.encode()).hexdigest() != stated[1]:
        raise ValueError(
            "the manifest of the raw folder is cut off or was edited: its lines do not have the "
            "SHA-256 of its first line. Run the room ingest again, or `dvc checkout` the file."
        )
    return stated[1][:VERSION_DIGITS]


def find_manifests(names: Iterable[str]) -> list[str]:
    """Returns those of the names, sorted, that are lists of SHA-256 sums by their file's name.

    >>> find_manifests(["a/SHA256SUMS", "b.dcm", "b.dcm.sha256", "bag/manifest-sha256.txt"])
    ['a/SHA256SUMS', 'b.dcm.sha256', 'bag/manifest-sha256.txt']
    """
    return sorted(
        name
        for name in names
        if any(form.fullmatch(name.rpartition("/")[2]) for form in LIST_NAMES)
    )


def join_sums(lists: Mapping[str, str]) -> dict[str, str]:
    """Returns what all lists of a folder state: the SHA-256 in lower hex of each file, by name.

    Args:
        lists: Text of each list by its name, both names relative to the raw folder.

    Raises:
        ValueError: A list cannot be read, or two lists contradict each other.
    """
    joined: dict[str, str] = {}
    for list_name in sorted(lists):
        found = parse_sums(lists[list_name], list_name)
        clashes = sum(joined.get(name, stated) != stated for name, stated in found.items())
        if clashes:
            raise ValueError(
                f"two lists of SHA-256 sums in the folder contradict each other on {clashes} files."
                " Remove the list that is out of date."
            )
        joined |= found
    return joined


def parse_sums(text: str, list_name: str = "") -> dict[str, str]:
    """Returns the SHA-256, in lower hex, of every file that a list states, by the file's name.

    Read are the forms of `LINE_FORMS`, escaped names, CRLF, a byte-order mark, blank lines and
    comments (`#`, `;`). A backslash of an unescaped name is a separator of Windows. The same line
    twice is no contradiction.

    Args:
        text: The list, decoded (`errors="surrogateescape"` keeps names that are no UTF-8).
        list_name: Name of the list relative to the raw folder; its folder leads the names.

    Raises:
        ValueError: A line states no SHA-256, names a file outside of the folder, or states another
            sum than an earlier line; or there is no sum at all. Lines are told by number, since
            the names of files may name patients.

    >>> parse_sums("0" * 64 + "  ./a.dcm", "x/SHA256SUMS") == {"x/a.dcm": "0" * 64}
    True
    """
    sums: dict[str, str] = {}
    first: dict[str, int] = {}
    for number, line in _lines(text):
        name, stated = _read_line(number, line, list_name)
        if sums.setdefault(name, stated) != stated:
            raise ValueError(
                f"lines {first[name]} and {number} of a list of SHA-256 sums state two sums for "
                "one file. Make the list again where the files come from."
            )
        first.setdefault(name, number)
    if not sums:
        raise ValueError("a list of SHA-256 sums states no sum. Remove it or make it again.")
    return sums


def _render_lines(ordered: list[tuple[str, int, str]], key: bytes) -> Iterator[str]:
    before = None
    for sha256, size, file_id in ordered:
        if file_id == before or not re.fullmatch(r"([0-9a-f]{64})?", sha256) or size < 0:
            raise ValueError(
                f"file {file_id} has a SHA-256 of {len(sha256)} digits and {size} bytes, or comes "
                "twice; expected 64 hex digits or none, a size, and each pseudonym once."
            )
        before = file_id
        keyed = hmac.digest(key, bytes.fromhex(sha256), "sha256").hex() if sha256 else UNREAD
        yield f"{keyed} {size} {file_id}\n"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip() and not line.startswith(("#", ";")):
            yield number, line.removesuffix("\r")


def _read_line(number: int, line: str, list_name: str) -> tuple[str, str]:
    escaped = line.startswith("\\")
    matches = (form.fullmatch(line.removeprefix("\\")) for form in LINE_FORMS)
    match = next((match for match in matches if match), None)
    if match is None:
        raise ValueError(
            f"line {number} of a list of SHA-256 sums is in no form that is known: expected 64 hex "
            "digits and a name, as sha256sum writes them. Correct the list or remove it."
        )
    name = _unescape(match["name"], escaped, list_name) or _named_after(list_name)
    path = normpath(join(dirname(list_name), name))
    if not name or path.startswith(("../", "/")) or path in ("..", ".") or _DRIVE.match(name):
        raise ValueError(
            f"line {number} of a list of SHA-256 sums names no file within the raw folder. Make "
            "the list again from within that folder, with relative names."
        )
    return path, match["sum"].lower()


def _unescape(name: str, escaped: bool, list_name: str) -> str:
    if _BAGIT_LIST.fullmatch(list_name.rpartition("/")[2]):
        bare = name.lstrip(" \t*")
        return re.sub("%25|%0[AaDd]", lambda found: _BAGIT_ESCAPED[found[0]], bare)
    if escaped:
        return re.sub(r"\\[\\nr]", lambda found: _ESCAPED[found[0]], name)
    return name.replace("\\", "/")


def _named_after(list_name: str) -> str:
    named = _LIST_OF_ONE.fullmatch(list_name.rpartition("/")[2])
    return named[1] if named else ""
