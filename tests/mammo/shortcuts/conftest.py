"""Studies of two sources."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


def draw_study(
    seed: int, confounding: float = 0.0, seen: float = 2.0, used: float = 0.0, women: int = 90
):
    """Returns (embedding, images, breasts, known) of women on devices A and B.

    Args:
        seed: Of everything.
        confounding: Share of the women whose device follows their outcome.
        seen: Distance of the devices in the embedding, in standard deviations.
        used: What device A adds to the score.
        women: On the test side, and as many to learn from.
    """
    rng = np.random.default_rng(seed)
    sick = rng.random(2 * women) < 0.4
    random = rng.random(2 * women) < 0.5
    on_a = np.where(rng.random(2 * women) < confounding, sick, random)
    table = pd.DataFrame(
        {
            "patient_id": [f"p{number}" for number in range(2 * women)],
            "device": np.where(on_a, "A", "B"),
            "sick": sick.astype(int),
        }
    )
    both = pd.concat([table.assign(laterality=side) for side in "LR"], ignore_index=True)
    # The cancer is in the left breast.
    both["cancer"] = both["sick"] * (both["laterality"] == "L")
    is_known = both["patient_id"].isin(table["patient_id"][women:])
    known, test = both[is_known], both[~is_known].reset_index(drop=True)
    on = (test["device"] == "A").to_numpy(float)
    score = 3 * test["cancer"] + used * on + rng.normal(size=len(test))
    embedding = rng.normal(size=(len(test), 6))
    embedding[:, 0] += seen * on
    return embedding, test, test.assign(calibrated_logit=score), known


@pytest.fixture(name="draw_study")
def give_draw_study():
    """The function that draws one."""
    return draw_study


def draw_breasts(seed: int, n: int = 600, confounded: bool = True):
    """Labels, sources and patients; with confounding, source b has most of the cancers."""
    rng = np.random.default_rng(seed)
    sources = np.where(rng.random(n) < 0.5, "a", "b")
    share = np.where(sources == "b", 0.6, 0.1) if confounded else 0.35
    labels = (rng.random(n) < share).astype(int)
    return labels, sources, np.arange(n).astype(str), rng


@pytest.fixture(name="draw_breasts")
def give_draw_breasts():
    """The function that draws labels, sources and patients."""
    return draw_breasts
