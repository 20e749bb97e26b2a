"""How a split came out: who is on which side, by stratum, and what the links cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.digest import digest_table
from mammo_pipeline.mammo.sealed import place_images
from mammo_pipeline.mammo.split import OUTCOMES, SIDES, STRATUM, describe_groups

_LOCKED = ["patient_id", "side"]


def count_split(images: pd.DataFrame, split: pd.DataFrame, links: pd.DataFrame) -> dict[str, Any]:
    """Returns the record of a split: its digest, its draws, and counts of sides and strata.

    It is made of the split's table and of the images alone, so that a second run on the same data
    writes the same record.

    Args:
        images: One row an image: exam_id, patient_id, laterality, cancer, device, density.
        split: What `split_patients` returned.
        links: patient_id, other_patient_id, reason.

    Returns:
        digest (of patient_id and side); earlier_digest (before the last draw, null for the first);
        draws; patients (in the lock) and absent (of these without an image now); sides (patients,
        share, images, breasts, breasts_with_cancer); strata (patients by side); links (by reason,
        and how many patients they join); left_out (patients and images).
    """
    draws = split.groupby("draw").agg(seed=("seed", "first"), patients=("patient_id", "size"))
    earlier = split[split["draw"] < split["draw"].max()]
    placed = place_images(images, split)
    out = images["patient_id"].isin(split.loc[split["left_out"], "patient_id"])
    here = pd.Index(images["patient_id"].unique())
    joined = pd.unique(links[["patient_id", "other_patient_id"]].to_numpy(object).ravel())
    return {
        "digest": digest_table(split, _LOCKED),
        "earlier_digest": digest_table(earlier, _LOCKED) if len(earlier) else None,
        "draws": draws.reset_index().to_dict("records"),
        "patients": len(split),
        "absent": int((here.get_indexer(split["patient_id"]) < 0).sum()),
        "sides": _count_sides(placed),
        "strata": _count_strata(placed),
        "links": {str(k): int(n) for k, n in links["reason"].value_counts().sort_index().items()},
        "linked_patients": len(joined),
        "left_out": {
            "patients": int(images.loc[out, "patient_id"].nunique()),
            "images": int(out.sum()),
        },
    }


def _count_sides(placed: pd.DataFrame) -> dict[str, dict[str, Any]]:
    patients = placed["patient_id"].nunique()
    sides = {}
    for name in SIDES:
        part = placed[placed["side"] == name]
        breasts = part.groupby(["exam_id", "laterality"])["cancer"].max()
        mine = int(part["patient_id"].nunique())
        sides[name] = {
            "patients": mine,
            "share": round(mine / patients, 4) if patients else None,
            "images": len(part),
            "breasts": len(breasts),
            "breasts_with_cancer": int(breasts.sum()),
        }
    return sides


def _count_strata(placed: pd.DataFrame) -> list[dict[str, Any]]:
    codes, _ = pd.factorize(placed["patient_id"])
    side = placed.drop_duplicates("patient_id")["side"].to_numpy()
    strata = pd.DataFrame(describe_groups(placed, codes)).replace({"outcome": OUTCOMES})
    counts = strata.assign(**{name: np.equal(side, name) for name in SIDES}).groupby(STRATUM)
    rows = counts[list(SIDES)].sum().reset_index().to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def list_missed_shares(
    record: dict[str, Any], shares: dict[str, float], tolerance: float
) -> dict[str, tuple[float, float]]:
    """Returns side to (share asked, share found) where the two differ by more than the tolerance.

    A patient more or less never counts as missed: no split can be closer.

    >>> sides = {"tune": {"patients": 30, "share": 0.3}, "test": {"patients": 70, "share": 0.7}}
    >>> list_missed_shares({"sides": sides}, {"tune": 0.3, "test": 0.5}, 0.02)
    {'test': (0.5, 0.7)}
    """
    total = sum(side["patients"] for side in record["sides"].values())
    allowed = max(tolerance * total, 2)
    return {
        name: (shares[name], side["share"])
        for name, side in record["sides"].items()
        if abs(side["patients"] - shares[name] * total) > allowed
    }
