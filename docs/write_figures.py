"""Writes the table of the demo's figures into the README, from the reports of the last demo.

`python docs/write_figures.py` after `make demo` takes the measured values as those to expect and
keeps the tolerances of `docs/demo_figures.json`. `--table` prints the table and changes nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
EXPECTED = ROOT / "docs/demo_figures.json"
OPENING = "<!-- figures: written by `python docs/write_figures.py` from the demo's reports -->"
CLOSING = "<!-- /figures -->"


def read_figure(reports: Path, where: str) -> Any:
    """Returns the value at `file.json:key.key` below the folder of reports."""
    name, path = where.split(":")
    value = json.loads((reports / name).read_text())
    for key in path.split("."):
        value = value[key]
    return value


def render_table(expected: list[dict[str, Any]]) -> str:
    """Returns the table as Markdown: figure, value to expect, tolerance."""
    lines = ["| figure | expect | tolerance |", "|---|---|---|"]
    for row in expected:
        tolerance = f"± {row['tolerance']:g}" if row["tolerance"] else "exact"
        lines.append(f"| {row['figure']} | {row['value']:.4g} | {tolerance} |")
    return "\n".join(lines)


def main() -> None:
    """Reads the reports, then rewrites the expected figures and the README's table."""
    expected = json.loads(EXPECTED.read_text())
    if "--table" not in sys.argv:
        reports = ROOT / "data/demo/08_reporting"
        expected = [
            {**row, "value": round(float(read_figure(reports, row["where"])), 4)}
            for row in expected
        ]
        EXPECTED.write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
        readme = (ROOT / "README.md").read_text()
        head, rest = readme.split(OPENING)
        tail = rest.split(CLOSING)[1]
        text = f"{head}{OPENING}\n{render_table(expected)}\n{CLOSING}{tail}"
        (ROOT / "README.md").write_text(text)
    print(render_table(expected))


if __name__ == "__main__":
    main()
