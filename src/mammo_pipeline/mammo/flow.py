"""The cohort's flow from files found to images scored, counted so that it must add up."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mammo_pipeline.mammo.fates import FATES

FILE_FATES = ["accepted", "quarantined", "duplicate", "other"]
SIDES = ["train", "tune", "test"]


def count_cohort_flow(
    files: pd.DataFrame, cohort: pd.DataFrame, index: pd.DataFrame, scored: pd.DataFrame
) -> dict[str, Any]:
    """Returns the counts of each step, with reasons.

    Args:
        files: One row a file found: fate, reason.
        cohort: One row an accepted image that has a side: image_id, side.
        index: One row an image that was standardized or refused: image_id, position (-1 refused)
            and code.
        scored: One row a scored test image: image_id.

    Raises:
        ValueError: A step does not add up: a file or an image was lost without a reason.
    """
    fates = files["fate"].value_counts()
    flow: dict[str, Any] = {"found": len(files)}
    flow |= {fate: int(fates.get(fate, 0)) for fate in FILE_FATES}
    refused_files = files[files["fate"].isin(["quarantined", "other"])]
    flow["not_used_by_reason"] = _tally(refused_files["reason"])
    flow["cohort"] = len(cohort)
    flow["outside_cohort"] = flow["accepted"] - len(cohort)
    sides = cohort["side"].value_counts()
    flow |= {side: int(sides.get(side, 0)) for side in SIDES}
    placed = cohort[["image_id", "side"]].merge(index, on="image_id", how="left")
    ready = placed["position"] >= 0
    flow["standardized"] = int(ready.sum())
    flow["refused"] = int((~ready).sum())
    flow["refused_by_reason"] = _tally(placed.loc[~ready, "code"].map(_tell_refusal))
    flow["scored"] = int(placed["image_id"].isin(scored["image_id"]).sum())
    flow["test_refused"] = int((~ready & placed["side"].eq("test")).sum())
    _check_flow(flow)
    return flow


def _tell_refusal(code: object) -> str:
    if not isinstance(code, str):
        return "not in the store"
    return FATES[code].reason if code in FATES else code


def _tally(values: pd.Series) -> dict[str, int]:
    return {str(name): int(n) for name, n in values.value_counts().items()}


def _check_flow(flow: dict[str, Any]) -> None:
    sums = {
        "found": sum(flow[fate] for fate in FILE_FATES),
        "accepted": flow["cohort"] + flow["outside_cohort"],
        "cohort": sum(flow[side] for side in SIDES),
        "test": flow["scored"] + flow["test_refused"],
    }
    wrong = [f"{name} {flow[name]}, its parts {n}" for name, n in sums.items() if flow[name] != n]
    if wrong or flow["outside_cohort"] < 0:
        raise ValueError(
            f"the cohort's flow does not add up: {'; '.join(wrong) or flow}. Tables of different "
            "runs were mixed, or images were lost: run from `ingest` again."
        )
