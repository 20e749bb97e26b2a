"""A report: one self-contained HTML page for people, a JSON twin for machines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from mammo_pipeline.datasets.atomic import replace_file
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
        metadata: Free notes of the catalog entry.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    @property
    def _twin(self) -> Path:
        return self._filepath.with_suffix(".json")

    def load(self) -> dict[str, Any]:
        """Returns the twin, with the page's path under `page`."""
        return {**json.loads(self._twin.read_text()), "page": str(self._filepath)}

    def save(self, data: dict[str, Any]) -> None:
        """Renders the page, its foot saying when, how and by which code, and writes both files."""
        from mammo_pipeline.reporting.page import render_page, twin

        making = describe_making(Path.cwd()) | {"command": show_command(sys.argv)}
        data = {**data, "footer": {**data.get("footer", {}), **making}}
        with replace_file(self._twin) as scratch:
            scratch.write_text(json.dumps(twin(data), indent=1, allow_nan=False))
        with replace_file(self._filepath) as scratch:
            scratch.write_text(render_page(data))

    def _exists(self) -> bool:
        return self._filepath.is_file() and self._twin.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
