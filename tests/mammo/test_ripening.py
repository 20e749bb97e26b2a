import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mammo_pipeline.mammo import ripening
from mammo_pipeline.mammo.scoring import auroc


def follow(*exams, patient="p", side="L"):
    """Returns one breast's exams from (months since the first, cancer)."""
    return pd.DataFrame(
        {
            "exam_id": [f"{patient}{number}" for number in range(len(exams))],
            "patient_id": patient,
            "laterality": side,
            "exam_offset_days": [months * 30.4375 for months, _ in exams],
            "cancer": [float(cancer) for _, cancer in exams],
        }
    )


def test_a_cancer_found_later_ripens_the_exams_before_it():
    breasts = follow((0, 0), (13, 0), (25, 1))
    assert ripening.label_within(breasts, 12).tolist() == [0, 1, 1]
    assert ripening.label_within(breasts, 24).tolist() == [0, 1, 1]
    assert ripening.label_within(breasts, 25).tolist() == [1, 1, 1]


def test_a_breast_not_seen_again_late_enough_is_unripe():
    breasts = follow((0, 0), (11, 0), (24, 0))
    assert ripening.label_within(breasts, 12).tolist() == [0, 0, 2]
    assert ripening.label_within(breasts, 24).tolist() == [0, 2, 2]
    assert ripening.label_within(breasts, 24.001).tolist() == [2, 2, 2]


def test_the_other_breast_and_other_patients_say_nothing():
    breasts = pd.concat(
        [
            follow((0, 0)),
            follow((0, 0), (6, 1), side="R"),
            follow((0, 0), (30, 0), patient="q"),
        ]
    )
    assert ripening.label_within(breasts, 12).tolist() == [2, 1, 1, 0, 2]


def test_exams_after_treatment_are_left_out_and_a_second_cancer_is_not():
    breasts = follow((0, 0), (12, 1), (24, 0), (36, 1))
    assert ripening.label_within(breasts, 12).tolist() == [1, 1, 3, 1]


def test_the_order_and_index_of_rows_do_not_matter():
    breasts = pd.concat([follow((0, 0), (9, 0), (20, 1)), follow((0, 0), (14, 0), patient="q")])
    turned = breasts.sample(frac=1, random_state=3)
    labels = pd.Series(ripening.label_within(turned, 12), turned["exam_id"].to_numpy())
    groups = pd.Series(ripening.group_exams(turned), turned["exam_id"].to_numpy())
    assert labels[breasts["exam_id"]].tolist() == ripening.label_within(breasts, 12).tolist()
    assert groups[breasts["exam_id"]].tolist() == ripening.group_exams(breasts).tolist()


def test_an_exam_without_a_date_is_left_out_but_a_breasts_only_exam_needs_none():
    dated = follow((0, 0), (13, 0), (26, 0))
    dated["exam_offset_days"] = pd.array([0, None, 791], "Int64")
    assert ripening.label_within(dated, 12).tolist() == [0, 3, 2]
    hidden = follow((0, 0), (13, 0), (26, 1))
    hidden["exam_offset_days"] = [0, 396, np.nan]
    assert ripening.label_within(hidden, 12).tolist() == [3, 3, 3]
    assert ripening.group_exams(hidden).tolist() == ["", "", ""]
    only = follow((0, 1))
    only["exam_offset_days"] = np.nan
    assert ripening.label_within(only, 12).tolist() == [1]
    assert ripening.group_exams(only).tolist() == ["diagnosis"]


def test_the_exam_before_is_the_last_one_within_its_bounds():
    breasts = follow((0, 0), (10, 0), (20, 0), (29, 0), (32, 1), (44, 1))
    assert ripening.group_exams(breasts).tolist() == ["", "", "before", "", "diagnosis", ""]
    assert ripening.group_exams(breasts, (1, 6)).tolist()[3] == "before"
    assert ripening.group_exams(breasts, (22, 24)).tolist()[1] == "before"


def test_exams_are_told_apart_by_their_day_not_by_their_name():
    breasts = follow((0, 0), (12, 0), (24, 1), (36, 1))
    breasts["exam_id"] = breasts["exam_id"].to_numpy()[::-1]
    assert ripening.group_exams(breasts).tolist() == ["", "before", "diagnosis", ""]
    assert ripening.group_exams(breasts, (6, 30)).tolist() == ["", "before", "diagnosis", ""]


def test_a_cancer_at_the_first_exam_has_no_exam_before():
    assert ripening.group_exams(follow((0, 1), (12, 0))).tolist() == ["diagnosis", ""]


def test_only_a_breast_that_never_has_cancer_is_called_so():
    breasts = pd.concat([follow((0, 0), (12, 1)), follow((0, 0), (12, 0), side="R")])
    assert ripening.group_exams(breasts).tolist() == ["before", "diagnosis", "none", "none"]


@pytest.mark.parametrize("bounds", [(24, 6), (0, 24), (-1, 3)])
def test_bounds_out_of_order_stop(bounds):
    with pytest.raises(ValueError, match="expected 0 < least <= most"):
        ripening.group_exams(follow((0, 1)), bounds)


@pytest.fixture(scope="module")
def breasts():
    """300 women with three exams a year apart; 60 get cancer at the third, and it shows before."""
    rng = np.random.default_rng(8)
    tables = []
    for number in range(300):
        sick = number < 60
        for side in "LR":
            here = sick and side == "L"
            table = follow((0, 0), (12, 0), (24, here), patient=f"w{number:03}", side=side)
            rise = np.array([0.0, 0.8, 2.5]) if here else 0.0
            tables.append(table.assign(calibrated_logit=rng.normal(size=3) - 1 + rise))
    table = pd.concat(tables, ignore_index=True)
    p = expit(table["calibrated_logit"])
    score = 1 + np.searchsorted(np.quantile(p, np.arange(1, 10) / 10), p, "right")
    return table.assign(probability=p, score=score)


def measure(breasts, **more):
    return ripening.measure_ripening(breasts, 0.6, 200, 0.95, np.random.default_rng(0), **more)


def test_the_area_falls_with_the_horizon_and_counts_its_cases(breasts):
    record = measure(breasts, months=(0, 12, 24))
    found = {row["months"]: row for row in record["horizons"]}
    assert [found[m]["positives"] for m in (0, 12, 24)] == [60, 120, 180]
    # Within 12 months: the third exams of the 540 others are unripe; none of the first two is.
    assert [found[m]["unripe"] for m in (0, 12, 24)] == [0, 540, 1080]
    assert found[12]["n"] == 1800 - 540
    areas = [found[m]["auroc"]["value"] for m in (0, 12, 24)]
    assert areas[0] > areas[1] > areas[2] > 0.5
    for row in record["horizons"]:
        assert row["auroc"]["low"] < row["auroc"]["value"] < row["auroc"]["high"]


def test_unripe_exams_count_as_negative_only_when_asked(breasts):
    record = measure(breasts, unripe_as_negative=True)
    assert [row["n"] for row in record["horizons"]] == [1800, 1800]
    assert [row["unripe"] for row in record["horizons"]] == [540, 1080]
    labels = ripening.label_within(breasts, 12) == 1
    expected = float(auroc(labels.astype(float), breasts["calibrated_logit"]))
    assert record["horizons"][0]["auroc"]["value"] == pytest.approx(expected, abs=1e-12)


def test_the_slide_has_the_three_groups_and_their_scores(breasts):
    record = measure(breasts)
    assert [group["key"] for group in record["groups"]] == ["diagnosis", "before", "none"]
    assert [group["n"] for group in record["groups"]] == [60, 60, 540 * 3]
    medians = [group["median"] for group in record["groups"]]
    assert medians[0] > medians[1] > medians[2]
    at_diagnosis = breasts[breasts["cancer"] == 1]
    first = record["groups"][0]
    assert first["recalled"]["value"] == pytest.approx((at_diagnosis["probability"] >= 0.6).mean())
    assert first["recalled"]["low"] < first["recalled"]["value"] < first["recalled"]["high"]
    quartiles = np.quantile(at_diagnosis["score"], [0.25, 0.5, 0.75])
    assert [first["q1"], first["median"], first["q3"]] == quartiles.tolist()
    counts = at_diagnosis["score"].value_counts().reindex(range(1, 11), fill_value=0)
    assert first["shares"] == pytest.approx((counts / 60).tolist())
    assert record["auroc_diagnosis"]["value"] > record["auroc_before"]["value"] > 0.6
    assert record["auroc_before"]["positives"] == 60


def test_without_a_score_the_slide_shows_the_probability(breasts):
    record = measure(breasts.drop(columns="score"))
    assert record["scale"] == "probability"
    assert 0 < record["groups"][2]["median"] < 1
    assert sum(record["groups"][2]["shares"]) == pytest.approx(1)


def test_the_record_is_plain_and_the_table_stays_as_it_was(breasts):
    before = breasts.copy()
    record = measure(breasts)
    pd.testing.assert_frame_equal(breasts, before)
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_one_exam_a_woman_leaves_figures_that_say_so(breasts):
    record = measure(breasts[breasts["exam_offset_days"] > 700])
    assert record["auroc_before"]["value"] is None
    assert record["auroc_before"]["reason"] == "cannot be estimated, n = 540: no positive among 540"
    before = record["groups"][1]
    assert (before["n"], before["median"], before["recalled"]["value"]) == (0, None, None)
    # All 540 others are unripe, so nobody is left to rank the 60 against.
    assert record["horizons"][0]["auroc"]["reason"].endswith("no negative among 60")


def test_one_patient_with_cancer_has_an_area_without_interval(breasts):
    few = breasts[breasts["patient_id"].isin(["w000", "w100", "w101"])]
    record = measure(few)
    assert record["auroc_diagnosis"]["value"] is not None
    assert record["auroc_diagnosis"]["low"] is None
    assert record["auroc_diagnosis"]["reason"] == "no interval: only 1 patient with cancer"


def test_dates_that_are_missing_and_exams_after_treatment_are_counted(breasts):
    later = follow((36, 0), patient="w000").assign(calibrated_logit=0.0, probability=0.5, score=5)
    table = pd.concat([breasts, later], ignore_index=True)
    table.loc[table.index[table["patient_id"].eq("w200")][0], "exam_offset_days"] = np.nan
    record = measure(table)
    assert (record["undated"], record["after_diagnosis"]) == (1, 1)


def test_a_table_that_cannot_be_followed_is_refused(breasts):
    with pytest.raises(ValueError, match=r"no column \['exam_offset_days'\]"):
        measure(breasts.drop(columns="exam_offset_days"))
    with pytest.raises(ValueError, match="'calibrated_logit' of the breasts are not finite"):
        measure(breasts.assign(calibrated_logit=np.nan))
    with pytest.raises(ValueError, match="no breast with an outcome"):
        measure(breasts.head(0))
