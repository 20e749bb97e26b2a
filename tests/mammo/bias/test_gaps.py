import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from mammo_pipeline.mammo.bias.gaps import (
    adjust_gaps,
    adjust_p,
    measure_gaps,
    place_scores,
    pooled_spreads,
    summarize_gaps,
)
from mammo_pipeline.mammo.bias.groups import list_cells
from mammo_pipeline.mammo.bias.replicates import draw_figures
from mammo_pipeline.mammo.scoring import auroc


def make_breasts(n=400, groups="ab"):
    rng = np.random.default_rng(5)
    cancer = (rng.random(n) < 0.3).astype(float)
    logit = rng.normal(2 * cancer - 1.5, 1)
    p = 1 / (1 + np.exp(-logit))
    facts = {"calibrated_logit": logit, "probability": p, "recalled": p >= 0.4}
    women = np.arange(n) // 2
    return pd.DataFrame(
        {"patient_id": women, "cancer": cancer, **facts, "device": rng.choice(list(groups), n)}
    )


def gaps_of(breasts, axis="device", refused=None, repeats=300):
    cells = list_cells(breasts, axis)
    values, draws = draw_figures(breasts, cells, 0.4, 5, repeats, np.random.default_rng(0))
    return [
        measure_gaps(
            breasts,
            cell,
            {name: found[place] for name, found in values.items()},
            {name: found[place] for name, found in draws.items()},
            0.95,
            refused or {},
        )
        for place, cell in enumerate(cells)
    ]


def test_a_gap_is_the_group_less_everyone_else():
    breasts = make_breasts()
    a, b = (breasts[breasts["device"].eq(name)] for name in "ab")
    first, second = gaps_of(breasts)
    ours = auroc(a["cancer"], a["calibrated_logit"]) - auroc(b["cancer"], b["calibrated_logit"])
    assert first["auroc"]["value"] == pytest.approx(float(ours))
    assert first["recall_rate"]["value"] == pytest.approx(
        a["recalled"].mean() - b["recalled"].mean()
    )
    for name, gap in first.items():
        assert second[name]["value"] == pytest.approx(-gap["value"])
        assert second[name]["p"] == pytest.approx(gap["p"])
        assert gap["low"] < gap["value"] < gap["high"]


def test_the_interval_leaves_out_zero_where_p_is_below_its_level():
    breasts = make_breasts()
    moved = breasts["device"].eq("a") & breasts["cancer"].eq(1)
    breasts["recalled"] |= moved
    breasts.loc[moved, "probability"] = 0.9
    gap = gaps_of(breasts)[0]["sensitivity"]
    assert (gap["low"] > 0) == (gap["p"] < 0.05) and gap["p"] < 0.01


def test_five_cancers_that_were_all_found_prove_nothing():
    breasts = make_breasts(600)
    breasts["device"] = "b"
    five = breasts.index[breasts["cancer"].eq(1)][:5]
    breasts.loc[five, "device"] = "a"
    breasts.loc[five, ["calibrated_logit", "probability"]] = [2.0, 0.88]
    breasts["recalled"] = breasts["probability"] >= 0.4
    gap = gaps_of(breasts)[0]["sensitivity"]
    assert gap["value"] > 0.1 and gap["p"] > 0.05
    assert gap["p_plus_one"] < 0.01, "the replicates alone would have called it"


def test_two_views_of_the_same_breasts_are_compared_in_pairs():
    breasts = make_breasts(300)
    both = pd.concat([breasts.assign(view="CC"), breasts.assign(view="MLO")], ignore_index=True)
    both.loc[both["view"].eq("CC"), "calibrated_logit"] += 0.3
    both["probability"] = 1 / (1 + np.exp(-both["calibrated_logit"]))
    both["recalled"] = both["probability"] >= 0.4
    gap = gaps_of(both, "view")[0]
    assert gap["auroc"]["value"] == pytest.approx(0) and gap["auroc"]["p"] == pytest.approx(1)
    assert gap["recall_rate"]["value"] > 0 and gap["recall_rate"]["p"] < 0.001


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        ({"cancer": 0.0}, "auroc", "n = 3: no breast with cancer in the group"),
        ({"cancer": 1.0}, "auroc", "n = 3: no breast without cancer in the group"),
        ({"cancer": 0.0}, "sensitivity", "n = 3: no breast with cancer in the group"),
    ],
)
def test_a_gap_that_three_breasts_cannot_give_says_so(change, name, reason):
    breasts = make_breasts(100).assign(device="b")
    breasts.loc[:2, "device"] = "a"
    for column, value in change.items():
        breasts.loc[:2, column] = value
    gap = gaps_of(breasts)[0][name]
    assert gap["value"] is None and gap["p"] is None
    assert gap["reason"] == f"cannot be estimated, {reason}"


def test_an_axis_of_one_group_has_no_gap():
    gap = gaps_of(make_breasts(60).assign(device="a"))[0]["recall_rate"]
    assert gap["reason"] == "cannot be estimated, n = 60: no breast in the rest"


def test_the_pooled_spread_is_that_of_equal_shares():
    breasts = make_breasts()
    cell = list_cells(breasts, "device")[0]
    share, (n, m) = breasts["recalled"].mean(), (cell.inside.sum(), cell.rest.sum())
    wanted = np.sqrt(share * (1 - share) * (1 / n + 1 / m))
    assert pooled_spreads(breasts, cell)["recall_rate"] == pytest.approx(wanted)


def test_the_healthy_that_two_lesion_kinds_share_add_nothing_to_their_gap():
    breasts = make_breasts()
    kinds = np.where(np.arange(len(breasts)) % 3, "mass", "calcification")
    breasts["lesion_kind"] = np.where(breasts["cancer"].eq(1), kinds, "")
    cell = list_cells(breasts, "lesion_kind")[0]
    scores, ill = breasts["calibrated_logit"].to_numpy(), breasts["cancer"].eq(1).to_numpy()
    placed = place_scores(scores[ill], scores[~ill])[0]
    sides = [(ill & side).sum() for side in (cell.inside, cell.rest)]
    wanted = np.sqrt(placed.var() * sum(1 / n for n in sides))
    assert pooled_spreads(breasts, cell)["auroc"] == pytest.approx(wanted)


def test_placements_average_to_the_area_ties_included():
    rng = np.random.default_rng(0)
    ill, healthy = rng.integers(2, 9, 30).astype(float), rng.integers(0, 7, 50).astype(float)
    labels, scores = np.repeat([1, 0], [30, 50]), np.concatenate([ill, healthy])
    for part in place_scores(ill, healthy):
        assert part.mean() == pytest.approx(float(auroc(labels, scores)))


def record(axis, group, *ps):
    names = ("auroc", "sensitivity")
    return {
        "axis": axis,
        "group": group,
        "gaps": {n: {"p": p} for n, p in zip(names, ps, strict=False)},
    }


def test_the_family_is_every_gap_with_a_p_and_mirrors_count_once():
    records = [record("side", "L", 0.01, None), record("side", "R", 0.01, None)]
    records += [record("device", "a", 0.04, 0.03), record("device", "b", 0.5, 0.9)]
    found = adjust_gaps(records, [None, "L", None, None], "benjamini_hochberg", 0.05)
    wanted = false_discovery_control([0.01, 0.04, 0.03, 0.5, 0.9])
    assert found[0]["gaps"]["auroc"]["family"] == 5
    ours = [found[0], found[2], found[3]]
    adjusted = [g["p_adjusted"] for r in ours for g in r["gaps"].values() if g["counted"]]
    np.testing.assert_allclose(adjusted, wanted)
    assert found[1]["gaps"]["auroc"]["p_adjusted"] == found[0]["gaps"]["auroc"]["p_adjusted"]
    assert not found[1]["gaps"]["auroc"]["counted"]
    assert found[0]["gaps"]["sensitivity"]["p_adjusted"] is None
    assert "p_adjusted" not in records[0]["gaps"]["auroc"]


def test_the_verdict_counts_what_holds_alone_and_together():
    ps = [(0.0001, 0.03), (0.2, 0.9), (0.5, None)]
    records = [record("device", name, *p) for name, p in zip("abc", ps, strict=True)]
    told = summarize_gaps(adjust_gaps(records, [None] * 3, "benjamini_hochberg", 0.05))
    assert (told["tested"], told["significant"], told["undefined"]) == (5, 1, 1)
    assert "5 gaps were tested; 1 holds at 5%" in told["text"]
    assert "(AUROC by device), 2 would alone" in told["text"]
    calm = summarize_gaps(adjust_gaps(records[1:2], [None], "holm", 0.05))["text"]
    assert "none hold" in calm and "Holm" in calm


def test_holm_is_never_below_and_order_is_kept():
    p = np.array([0.04, 0.001, 0.02, 0.8])
    holm, hochberg = adjust_p(p, "holm"), adjust_p(p, "benjamini_hochberg")
    assert holm.tolist() == pytest.approx([0.08, 0.004, 0.06, 0.8])
    assert (holm >= hochberg).all()
    with pytest.raises(ValueError, match="expected one of"):
        adjust_gaps([], [], "bonferroni", 0.05)
