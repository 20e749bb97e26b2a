"""The reviewer's block of the audit page: what was signed, how to sign, and lines for a pen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import escape

STATES = {"accepted": "passed", "accepted-with-conditions": "warn", "rejected": "failed"}
INK, LINE = 'fill="currentColor" font-size="12"', 'stroke="var(--soft, #56616b)" fill="none"'
WIDTH, HEIGHT = 520, 168


def show_sign_off(
    records: Sequence[Mapping[str, Any]], ensemble_sha256: str, command: str
) -> dict[str, Any]:
    """Returns the sign-off section.

    Args:
        records: The whole file of sign-offs, oldest first; those of other ensembles are counted,
            not shown.
        ensemble_sha256: Digest of the ensemble of this page.
        command: How a reviewer signs, as it can be pasted, but for the words in quotation marks.
    """
    own = [one for one in records if one.get("ensemble_sha256") == ensemble_sha256]
    others = len(records) - len(own)
    told = "Nobody has signed a page of this ensemble yet."
    if own:
        told = (
            f"Pages of this ensemble were signed {len(own)} {'time' if len(own) == 1 else 'times'}."
        )
    elsewhere = f" Sign-offs in the file that are of other ensembles: {others}." if others else ""
    section: dict[str, Any] = {
        "title": "Sign-off",
        "text": f"{told}{elsewhere} A sign-off holds for the page whose digest it names; the list "
        "below stands as it was when this page was written.\n\nTo sign, read the page and give "
        "the command below. It writes to a file that only grows, then to the tags of the MLflow "
        "run. It moves no model.",
        "command": command,
        "chart": draw_pen_lines(),
        "caption": "For a sign-off on paper.",
    }
    if own:
        columns = ["when", "decision", "name", "reason", "gates", "page"]
        rows = [_show_record(one) for one in reversed(own)]
        section["table"] = {"caption": "Signed so far", "columns": columns, "rows": rows}
    return section


def give_command(env: str | None) -> str:
    """Returns the command with which a reviewer signs.

    >>> give_command("demo")
    '.venv/bin/kedro sign-off --env demo --decision accepted --name "..." --reason "..."'
    """
    where = f"--env {env} " if env else ""
    return f'.venv/bin/kedro sign-off {where}--decision accepted --name "..." --reason "..."'


def _show_record(record: Mapping[str, Any]) -> list[Any]:
    decision = record["decision"]
    return [
        record["when"][:19].replace("T", " "),
        {"state": STATES.get(decision, "info"), "text": decision.replace("-", " ")},
        record["name"],
        record["reason"],
        "all passed" if record.get("gates_passed") else {"state": "failed", "text": "not all"},
        record["page_sha256"][:12],
    ]


def draw_pen_lines() -> str:
    """Returns boxes to tick and lines to write on, as SVG."""
    parts = []
    for word, left in zip(STATES, (2, 120, 330), strict=True):
        parts.append(f'<rect x="{left}" y="4" width="11" height="11" {LINE}/>')
        parts.append(f'<text x="{left + 17}" y="14" {INK}>{word.replace("-", " ")}</text>')
    lines = [("name", 2, 250), ("date", 268, 518), ("reason", 2, 518), ("signature", 2, 518)]
    for number, (word, left, right) in enumerate(lines):
        y = 52 + 50 * max(0, number - 1)
        parts.append(f'<path d="M {left} {y} H {right}" {LINE}/>')
        parts.append(f'<text x="{left}" y="{y + 13}" {INK}>{word}</text>')
    title = escape("Decision, name, date, reason and signature, to be filled in by hand")
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}" '
    head += 'xmlns="http://www.w3.org/2000/svg">'
    return f"{head}<title>{title}</title>{''.join(parts)}</svg>"
