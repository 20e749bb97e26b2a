"""A report: one self-contained HTML page for people, a JSON twin for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from mammo_pipeline.datasets.atomic import replace_file
from mammo_pipeline.provenance import describe_making


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

        # A command line may name a folder, and a folder a patient: parameters stay out of the foot.
        making = describe_making(Path.cwd())
        making["command"] = making["command"].split(" --params")[0]
        data = {**data, "footer": {**data.get("footer", {}), **making}}
        with replace_file(self._twin) as scratch:
            scratch.write_text(json.dumps(twin(data), indent=1, allow_nan=False))
        with replace_file(self._filepath) as scratch:
            scratch.write_text(render_page(data))

    def _exists(self) -> bool:
        return self._filepath.is_file() and self._twin.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
