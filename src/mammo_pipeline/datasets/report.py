"""A report: one self-contained HTML page for people, a JSON twin for machines."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from mammo_pipeline.datasets.atomic import replace_file, replace_folder
from mammo_pipeline.mammo.digest import digest_record
from mammo_pipeline.provenance import describe_making

# The options that a foot repeats, by every spelling that Kedro knows.
_SHOWN = {
    "-e": "--env",
    "--env": "--env",
    "-p": "--pipeline",
    "--pipeline": "--pipeline",
    "--pipelines": "--pipelines",
    "-c": "--config",
    "--config": "--config",
}
# What a foot says of the run where no MLflow run was open.
UNTRACKED = "untracked"


def show_command(argv: list[str]) -> str:
    """Returns the command with the options that name no folder; every other word is left out.

    A command line may name a folder, and a folder a patient. Of a configuration file only the
    name is kept; another value with a slash is no name and is left out.

    >>> show_command([".venv/bin/kedro", "run", "--env=demo", "--params", "score_folder=/d/Doe"])
    'kedro run --env demo'
    >>> show_command(["pytest"])
    'pytest'
    """
    command = [Path(argv[0]).name, *(["run"] if argv[1:2] == ["run"] else [])]
    return " ".join([*command, *_list_shown(argv[1:])])


def _list_shown(words: list[str]) -> Iterator[str]:
    for word, following in pairwise([*words, ""]):
        option, _, joined = word.partition("=")
        name = _SHOWN.get(option)
        value = joined or following
        if name == "--config":
            value = Path(value).name
        if name and re.fullmatch(r"\w[\w,.\-]*", value):
            yield f"{name} {value}"


class Report(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """Writes a report's page and its twin, which differ only in the ending of their names.

    Args:
        filepath: The page, ending in .html.
        tables: Whether each table is written as a CSV too, into the folder `<stem>_tables` beside
            the page.
        metadata: Free notes of the catalog entry.
    """

    def __init__(
        self, *, filepath: str, tables: bool = False, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = Path(filepath)
        self._tables = tables
        self.metadata = metadata

    @property
    def _twin(self) -> Path:
        return self._filepath.with_suffix(".json")

    @property
    def _folder(self) -> Path:
        return self._filepath.with_name(f"{self._filepath.stem}_tables")

    @property
    def artifacts(self) -> list[Path]:
        """All that is written: the page, its twin, and the folder of tables where there is one."""
        return [self._filepath, self._twin, *([self._folder] if self._tables else [])]

    def load(self) -> dict[str, Any]:
        """Returns the twin, with the page's path under `page`."""
        return {**json.loads(self._twin.read_text()), "page": str(self._filepath)}

    def save(self, data: dict[str, Any]) -> None:
        """Renders the page, its foot saying when, how and by which code, and writes every file.

        The twin holds the page's SHA-256 under `page_sha256`, and the page's foot the digest of
        the twin's `record`, so that the first vouches for both. The page is written last: beside a
        twin that names another digest it was changed, or a write was cut short.
        """
        from mammo_pipeline.reporting.csv_tables import write_tables
        from mammo_pipeline.reporting.page import plain, render_page, twin
        from mammo_pipeline.tracking.runs import active_run

        run = active_run()
        making = describe_making(Path.cwd()) | {"command": show_command(sys.argv)}
        making["run"] = run.run_id if run else UNTRACKED
        if "record" in data:
            making["record"] = digest_record(plain(data["record"]))
        data = {**data, "footer": {**data.get("footer", {}), **making}}
        page = render_page(data).encode()
        stored = twin(data) | {"page_sha256": hashlib.sha256(page).hexdigest()}
        if self._tables:
            with replace_folder(self._folder) as scratch:
                for name, content in write_tables(data).items():
                    (scratch / name).write_text(content, "utf-8")
        with replace_file(self._twin) as scratch:
            scratch.write_text(json.dumps(stored, indent=1, allow_nan=False))
        with replace_file(self._filepath) as scratch:
            scratch.write_bytes(page)

    def _exists(self) -> bool:
        return all(path.exists() for path in self.artifacts)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "tables": self._tables}
