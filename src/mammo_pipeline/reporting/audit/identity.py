"""Who and what the audit page speaks of: run, model, code, data, split, dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Digits of a digest that are shown; the twin has them all.
SHORT = 12
COUNTS = {
    "images": "images scored",
    "images_without_outcome": "of these without an outcome",
    "breasts": "breasts measured",
    "patients": "patients",
    "positives": "breasts with cancer",
}


def show_identity(
    evaluation: Mapping[str, Any], ensemble: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the section that lets a reader find every part again.

    Args:
        evaluation: Has ensemble_sha256, data_version, test_truth_version and count.
        ensemble: Has members (name, weight, sha256).
        facts: What the room knows beside them, each shown where it is given: run_id,
            registered_model, commit, mammo_pipeline (its version), split_sha256, parameters_sha256,
            kedro_env, evaluated, ensemble_made (times, ISO 8601).
    """
    return {
        "title": "Identity",
        "text": "Every name here is a digest of content: where two pages show the same digest, "
        f"they speak of the same thing. The first {SHORT} digits are shown; the page's JSON has "
        "all of them. The version number of the model is given at its release.",
        "table": [
            _tabulate("Model", _list_model(evaluation, facts)),
            _tabulate("Data", _list_data(evaluation, facts)),
            _tabulate("Counts of the test set", _list_counts(evaluation["count"])),
            _tabulate("Making", _list_making(facts)),
            {
                "caption": "Members of the ensemble",
                "columns": ["member", "weight", "digest of its weights"],
                "rows": [
                    [m["name"], m["weight"], shorten(m["sha256"])] for m in ensemble["members"]
                ],
            },
        ],
    }


def _tabulate(caption: str, rows: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    known = [[name, value] for name, value in rows if value not in (None, "")]
    return {"caption": caption, "columns": [caption.lower().split()[0], "is"], "rows": known}


def _list_model(evaluation: Mapping[str, Any], facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    name, digest = facts.get("registered_model"), shorten(evaluation["ensemble_sha256"])
    version = f"given at release; this ensemble is {digest}" if name else None
    return [
        ("registered model", name),
        ("version", version),
        ("ensemble", digest),
        ("MLflow run of this page", facts.get("run_id") or "untracked"),
    ]


def _list_data(evaluation: Mapping[str, Any], facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("data version", evaluation["data_version"]),
        ("split", shorten(facts.get("split_sha256"))),
        ("outcomes of the test set", evaluation["test_truth_version"]),
    ]


def _list_counts(count: Mapping[str, int]) -> list[tuple[str, Any]]:
    return [(name, count[key]) for key, name in COUNTS.items() if key in count]


def _list_making(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("commit", shorten_commit(facts.get("commit"))),
        ("mammo_pipeline", facts.get("mammo_pipeline")),
        ("configuration", facts.get("kedro_env")),
        ("parameters", shorten(facts.get("parameters_sha256"))),
        ("ensemble frozen", facts.get("ensemble_made")),
        ("test set measured", facts.get("evaluated")),
    ]


def shorten(digest: str | None) -> str | None:
    """Returns the digits of a digest that are shown, None for none.

    >>> shorten("0123456789abcdef"), shorten(None)
    ('0123456789ab', None)
    """
    return digest[:SHORT] if digest else None


def shorten_commit(commit: str | None) -> str | None:
    """Returns a commit's first digits, and whether files were changed since.

    >>> shorten_commit("0123456789abcdef+changes"), shorten_commit("unknown")
    ('0123456789ab, with changes', 'unknown')
    """
    if not commit:
        return None
    sha, mark, _ = commit.partition("+")
    return f"{sha[:SHORT]}{', with changes' if mark else ''}"


def record_identity(
    evaluation: Mapping[str, Any], gates: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the page's `record`: what a machine, such as `kedro sign-off`, reads in the twin."""
    versions = ["ensemble_sha256", "data_version", "test_truth_version"]
    return {
        **{name: evaluation[name] for name in versions},
        **{name: value for name, value in facts.items() if value is not None},
        "gates": [dict(gate) for gate in gates],
    }
