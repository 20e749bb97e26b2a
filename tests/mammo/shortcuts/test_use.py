"""A difference of the score by source is found where it is, and where it pays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.shortcuts.use import find_use, measure_confounding


def test_without_confounding_no_study_of_many_rings(draw_study):
    def rings(seed: int) -> bool:
        study = draw_study(seed, used=1.0)
        use = find_use(*study[2:], "device", 499, np.random.default_rng(seed))
        confounded = use["cramers_v"] > 0.15 and use["confounded_p"] < 0.01
        return confounded and use["lean"] > 0 and use["lean_p"] < 0.01

    assert sum(rings(seed) for seed in range(40)) <= 1


def test_p_of_a_difference_that_is_not_there_is_evenly_spread(draw_study):
    found = []
    for seed in range(60):
        _, _, breasts, known = draw_study(seed, women=40)
        use = find_use(breasts, known, "device", 99, np.random.default_rng(seed))
        found.append((use["eta2_p"], use["confounded_p"]))
    for column in np.array(found).T:
        assert 0.3 < column.mean() < 0.7
        assert (column <= 0.05).mean() < 0.17


def test_association_is_cramers_v(draw_study):
    from scipy.stats.contingency import association

    _, _, _, known = draw_study(4, confounding=0.6)
    found = measure_confounding(known, "device", 9, np.random.default_rng(0))[1]
    women = known.groupby("patient_id").agg({"cancer": "max", "device": "first"})
    table = pd.crosstab(women["cancer"], women["device"]).to_numpy()
    assert found["cramers_v"] == pytest.approx(association(table, "cramer"))
    assert found["known_women"] == len(women)


def test_an_honest_score_does_not_lean_on_the_device_that_has_the_cancers(draw_study):
    use = find_use(
        *draw_study(7, confounding=0.9, women=150)[2:], "device", 499, np.random.default_rng(0)
    )
    assert use["cramers_v"] > 0.5
    assert use["eta2"] < 0.05
    assert use["lean_p"] > 0.01


def test_nothing_to_compare_says_why_and_nan_is_refused(draw_study):
    _, _, breasts, known = draw_study(8)
    rng = np.random.default_rng(0)
    alone = find_use(breasts[breasts["device"] == "A"], known, "device", 9, rng)
    assert "cannot be estimated" in alone["reason"]
    with pytest.raises(ValueError, match="not finite"):
        find_use(breasts.assign(calibrated_logit=np.nan), known, "device", 9, rng)
