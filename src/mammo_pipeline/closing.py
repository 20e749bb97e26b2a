"""The block with which every room ends: what was done, the figures, where to look, what next."""

from __future__ import annotations

import os

_ENVIRONMENT = "MAMMO_PIPELINE_ENV"


def name_environment(env: str | None) -> None:
    """Remembers the configuration environment, so that the next command names it too."""
    os.environ[_ENVIRONMENT] = env or ""


def closing_block(
    title: str, rows: dict[str, str], report: str | None = None, next_command: str | None = None
) -> str:
    """Returns the block as text, one figure a line, names aligned.

    Args:
        title: The room, and what it did.
        rows: Name of a figure to the figure as it should be read, with its n or interval.
        report: Path of the page to open, relative to the project.
        next_command: The command that a user would give next, as `kedro ...`.

    >>> print(closing_block("check", {"images": "12"}, next_command="kedro run"))
    <BLANKLINE>
    == check ==
      images  12
      next    .venv/bin/kedro run
    """
    lines = dict(rows)
    if report:
        lines["report"] = report
    if next_command:
        lines["next"] = complete_command(next_command)
    width = max(map(len, lines), default=0)
    return "\n".join([f"\n== {title} ==", *(f"  {k:<{width}}  {v}" for k, v in lines.items())])


def complete_command(command: str) -> str:
    """Returns a `kedro` command as it can be pasted: from the project's venv, for this environment.

    >>> complete_command("kedro run --env demo")
    '.venv/bin/kedro run --env demo'
    """
    env = os.environ.get(_ENVIRONMENT, "")
    words = command.split()
    if env and env != "local" and "--env" not in words and len(words) > 1:
        words[2:2] = ["--env", env]
    return " ".join([".venv/bin/kedro" if word == "kedro" else word for word in words])
