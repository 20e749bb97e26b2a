"""What an evaluation says in short, and what changed since the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mammo_pipeline.mammo.digest import digest_record

# The figures of an evaluation that its history keeps, where it has them.
FIGURES = [
    "auroc", "pauc", "specificity_at_sensitivity", "average_precision", "probabilistic_f1",
    "brier_loss", "log_loss", "calibration_error", "calibration_slope", "calibration_intercept",
    "sensitivity", "specificity", "recall_rate", "ppv", "npv",
]  # fmt: skip
# What may differ between two evaluations, and its name on the page.
PARTS = {
    "ensemble_sha256": "ensemble",
    "test_truth_version": "outcomes of the test set",
    "count": "counts of the test set",
    "data_version": "cohort and canvases, all sides",
    "calibration": "calibration",
    "threshold": "threshold",
}
# Without these two alike, figures rest on other breasts.
TEST_SET = {"test_truth_version", "count"}


def summarize_evaluation(
    evaluation: Mapping[str, Any],
    calibration: Mapping[str, Any],
    gates: Sequence[Mapping[str, Any]],
    alarms: Sequence[str],
    when: str,
) -> dict[str, Any]:
    """Returns the evaluation in short, as its history keeps it: one line of JSON.

    Args:
        evaluation: Figures under their names, `count`, `operating_point` and the versions.
        calibration: The ensemble's: `method`, and `scope` where it has one.
        gates: Verdicts of `gate.judge_gate`.
        alarms: Names of the shortcut alarms that rang.
        when: Time of the evaluation, ISO 8601, UTC.
    """
    scope = {"by_device": "by device"}.get(calibration.get("scope", "pooled"), "pooled")
    kept = {name: evaluation[name] for name in FIGURES if name in evaluation}
    versions = ["ensemble_sha256", "data_version", "test_truth_version"]
    return {
        "when": when,
        "evaluation_sha256": digest_record(evaluation),
        **{name: evaluation[name] for name in versions},
        "count": dict(evaluation["count"]),
        "calibration": f"{calibration['method']}, {scope}",
        "threshold": evaluation["operating_point"]["threshold"],
        "figures": {
            name: {part: found.get(part) for part in ("value", "low", "high", "n", "reason")}
            for name, found in kept.items()
        },
        "gates": [{part: gate[part] for part in ("name", "passed", "value")} for gate in gates],
        "alarms": list(alarms),
    }


def find_previous(
    now: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """Returns the newest record that differs from `now`, None where there is none.

    A page that is written again without a change is still compared with what was before it.

    Args:
        now: A record of `summarize_evaluation`.
        history: Such records, oldest first.

    >>> find_previous({"evaluation_sha256": "b"}, [{"evaluation_sha256": x} for x in "ab"])
    {'evaluation_sha256': 'a'}
    """
    others = [one for one in history if one["evaluation_sha256"] != now["evaluation_sha256"]]
    return others[-1] if others else None


def count_ensembles(now: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> int:
    """Returns how many ensembles were measured on these outcomes, this one among them.

    Args:
        now: A record of `summarize_evaluation`.
        history: Such records; those on other outcomes do not count.

    >>> one = {"ensemble_sha256": "a", "test_truth_version": "t"}
    >>> count_ensembles(one, [one, one | {"ensemble_sha256": "b"}])
    2
    """
    alike = [one for one in history if one.get("test_truth_version") == now["test_truth_version"]]
    return len({one["ensemble_sha256"] for one in [now, *alike]})


def compare_evaluations(
    now: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Returns what changed between two records of `summarize_evaluation`, None without a first.

    Returns:
        when, before_when; `parts`: each {part, before, now, same}; `figures`: each {figure, before,
        now, difference, overlap}, in the order of `FIGURES`; `gates`: those whose outcome differs,
        each {gate, before, now}; `alarms`: {new, gone}; `comparable`, and `warning` where the test
        set is another, so that a difference says nothing of the model.
    """
    if before is None:
        return None
    parts = [
        {
            "part": name,
            "before": before.get(key),
            "now": now.get(key),
            "same": before.get(key) == now.get(key),
        }
        for key, name in PARTS.items()
    ]
    comparable = all(before.get(key) == now.get(key) for key in TEST_SET)
    rang, rings = set(before.get("alarms", [])), set(now.get("alarms", []))
    return {
        "when": now["when"],
        "before_when": before["when"],
        "parts": parts,
        "comparable": comparable,
        "warning": None if comparable else _warn_of(parts),
        "figures": [
            compare_figures(name, before["figures"].get(name), now["figures"].get(name))
            for name in FIGURES
            if name in before["figures"] or name in now["figures"]
        ],
        "gates": compare_gates(now.get("gates", []), before.get("gates", [])),
        "alarms": {"new": sorted(rings - rang), "gone": sorted(rang - rings)},
    }


def _warn_of(parts: Sequence[Mapping[str, Any]]) -> str:
    moved = [one["part"] for one in parts if not one["same"]]
    return (
        f"The test set is not the one of before ({', '.join(moved)} differ): no difference below "
        "is a difference between models."
    )


def compare_figures(
    name: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Returns one figure twice, its difference, and whether the two intervals overlap.

    The difference is None where one of the two is undefined or absent, the overlap where one has no
    interval. Intervals that overlap are no proof of equality (Schenker and Gentleman 2001): the
    same breasts scored twice differ by less than either is uncertain.

    >>> found = compare_figures("auroc", {"value": 0.8, "low": 0.7, "high": 0.9},
    ...     {"value": 0.85, "low": 0.75, "high": 0.95})
    >>> round(found["difference"], 3), found["overlap"]
    (0.05, True)
    """
    first, second = before or {}, now or {}
    difference = overlap = None
    if first.get("value") is not None and second.get("value") is not None:
        difference = second["value"] - first["value"]
    if all(one.get(bound) is not None for one in (first, second) for bound in ("low", "high")):
        overlap = max(first["low"], second["low"]) <= min(first["high"], second["high"])
    return {
        "figure": name,
        "before": before,
        "now": now,
        "difference": difference,
        "overlap": overlap,
    }


def compare_gates(
    now: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Returns the gates whose outcome is another than before: passed, failed, or not judged.

    >>> compare_gates([{"name": "auroc", "passed": True}], [])
    [{'gate': 'auroc', 'before': 'not judged', 'now': 'passed'}]
    """
    words = [
        {gate["name"]: "passed" if gate["passed"] else "failed" for gate in gates}
        for gates in (before, now)
    ]
    rows = [
        {
            "gate": name,
            "before": words[0].get(name, "not judged"),
            "now": words[1].get(name, "not judged"),
        }
        for name in dict.fromkeys([*words[1], *words[0]])
    ]
    return [row for row in rows if row["before"] != row["now"]]
