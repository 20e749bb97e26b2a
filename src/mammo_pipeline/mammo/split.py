"""Who is learnt from, who is tuned on and who is tested: drawn by patient, balanced by stratum."""

from __future__ import annotations

import numpy as np
import pandas as pd

SIDES = ("train", "tune", "test")


def split_patients(
    images: pd.DataFrame, shares: dict[str, float], rng: np.random.Generator
) -> pd.Series:
    """Returns the side of every image; all images of a patient lie on one side.

    Patients are grouped by outcome (any breast with cancer) and device, shuffled within the group,
    and dealt out by the shares. What a small group leaves over follows on from the group before,
    so that the shares hold over the whole.

    Args:
        images: One row an image: `patient_id`, `cancer`, `device`.
        shares: Share of the patients for each of `train`, `tune` and `test`; they add up to one.
        rng: Source of the shuffles.

    Raises:
        ValueError: The shares do not add up to one.
    """
    if abs(sum(shares.values()) - 1) > 1e-9 or set(shares) != set(SIDES):
        raise ValueError(f"Shares {shares}: expected train, tune and test, adding up to one.")
    # The order of first appearance, not of the pseudonyms: the same study gets the same split
    # under another key.
    patients = images.groupby("patient_id", sort=False).agg(
        cancer=("cancer", "max"), device=("device", "first")
    )
    dealt = []
    for _, group in patients.groupby(["cancer", "device"], sort=True):
        dealt += list(rng.permutation(group.index.to_numpy()))
    side_of = dict(zip(dealt, _deal(len(dealt), shares), strict=True))
    return images["patient_id"].map(side_of).rename("side")


def _deal(places: int, shares: dict[str, float]) -> list[str]:
    """Returns a side for each place of a long row, every stretch of it close to the shares.

    Each place goes to the side that lags furthest behind its share (largest remainder).
    """
    given = dict.fromkeys(SIDES, 0.0)
    sides = []
    for count in range(1, places + 1):
        lag = {name: shares[name] * count - given[name] for name in SIDES}
        side = max(SIDES, key=lag.__getitem__)
        given[side] += 1
        sides.append(side)
    return sides
