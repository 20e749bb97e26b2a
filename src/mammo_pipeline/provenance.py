"""Which code made something: what a run's tags and a page's foot say of it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from mammo_pipeline import __version__


def read_commit(root: Path) -> str:
    """Returns the commit of the checkout at `root`, `+changes` where tracked files differ.

    `unknown` outside a checkout, as in an image that holds the sources alone.
    """
    sha = _ask_git(root, "rev-parse", "HEAD")
    changed = _ask_git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{sha}+changes" if sha and changed else sha or "unknown"


def describe_making(root: Path) -> dict[str, str]:
    """Returns date, version and commit of what is being made now."""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "mammo_pipeline": __version__,
        "commit": read_commit(root),
    }


def _ask_git(root: Path, *question: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *question], cwd=root, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
