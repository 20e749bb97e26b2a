"""The block with which every room ends: what was done, the figures, where to look, what next."""

from __future__ import annotations


def closing_block(
    title: str, rows: dict[str, str], report: str | None = None, next_command: str | None = None
) -> str:
    """Returns the block as text, one figure a line, names aligned.

    Args:
        title: The room, and what it did.
        rows: Name of a figure to the figure as it should be read, with its n or interval.
        report: Path of the page to open, relative to the project.
        next_command: The command that a user would give next.

    >>> print(closing_block("check", {"images": "12"}, next_command="kedro run"))
    <BLANKLINE>
    == check ==
      images  12
      next    kedro run
    """
    lines = dict(rows)
    if report:
        lines["report"] = report
    if next_command:
        lines["next"] = next_command
    width = max(map(len, lines), default=0)
    return "\n".join([f"\n== {title} ==", *(f"  {k:<{width}}  {v}" for k, v in lines.items())])
