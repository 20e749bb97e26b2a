"""The record on lesions: who is judged, what counts, and what is said where nothing can be."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.detection.lesions import (
    choose_images,
    count_out_of_reach,
    measure_lesions,
)
from mammo_pipeline.mammo.detection.settings import LesionSettings
from mammo_pipeline.mammo.exam import BOX_COLUMNS

SHAPE = (100, 80)
SPACING = (0.5, 0.5)
LESION = ["image_id", "kind", "pathology", *BOX_COLUMNS]
MARK = ["image_id", "score", "row_px", "column_px", *BOX_COLUMNS]


def make_study(
    patients: int = 16, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """(marks, lesions, images): the first half of the women have a cancer in the left breast."""
    rng = np.random.default_rng(seed)
    images, lesions, marks = [], [], []
    for patient in range(patients):
        has_cancer = patient < patients // 2
        for side in "LR":
            for view in ("CC", "MLO"):
                name = f"{patient}{side}{view}"
                cancer = int(has_cancer and side == "L")
                images.append((name, f"p{patient}", f"e{patient}", side, view, cancer))
                if rng.random() < 0.6:
                    row, column = rng.uniform(55, 100), rng.uniform(0, 80)
                    marks.append((name, rng.random() / 2, row, column, 55, 0, 100, 80))
                if not cancer:
                    continue
                size = 10 + 5 * (patient % 4)
                kind = ("mass", "calcification")[patient % 2]
                lesions.append((name, kind, "malignant", 5, 5, 5 + size, 5 + size))
                if view == "CC" and patient % 4:
                    marks.append((name, 0.5 + rng.random() / 2, 8, 8, 5, 5, 15, 15))
    columns = ["image_id", "patient_id", "exam_id", "laterality", "view", "cancer"]
    return (
        pd.DataFrame(marks, columns=MARK),
        pd.DataFrame(lesions, columns=LESION),
        pd.DataFrame(images, columns=columns),
    )


def measure(marks, lesions, images, repeats: int = 60, seed: int = 0, reach=None, **settings):
    chosen = LesionSettings(**{"precision_repeats": 3, **settings})
    rng = np.random.default_rng(seed)
    return measure_lesions(
        marks, lesions, images, SPACING, SHAPE, chosen, repeats, 0.95, rng, reach
    )


def test_the_record_holds_plain_json_and_is_the_same_for_a_seed():
    study = make_study()
    record = measure(*study)
    assert json.loads(json.dumps(record, allow_nan=False)) == json.loads(
        json.dumps(measure(*study))
    )
    assert set(record) == {
        *("count", "settings", "froc", "froc_by_breast", "kinds", "sizes", "at_mark_score"),
        *("map", "masks", "how"),
    }


def test_lesions_are_found_in_one_view_and_breasts_in_either():
    record = measure(*make_study())
    # Of 8 women 6 have a mark on the lesion, in CC alone.
    assert record["froc"]["sensitivity_at"]["8"]["value"] == 6 / 16
    assert record["froc_by_breast"]["sensitivity_at"]["8"]["value"] == 6 / 8
    assert (record["froc"]["lesions"], record["froc_by_breast"]["lesions"]) == (16, 8)
    marks, lesions, images = make_study()
    turned = measure(marks, lesions.iloc[::-1], images)
    assert turned["froc_by_breast"]["sensitivity_at"]["8"]["value"] == 6 / 8
    point = record["at_mark_score"]
    assert (point["sensitivity"]["value"], point["false_positives"]["value"]) == (6 / 16, 0)


def test_every_figure_lies_in_its_interval():
    record = measure(*make_study(), repeats=400)
    for curve in (record["froc"], record["froc_by_breast"]):
        for found in (*curve["sensitivity_at"].values(), curve["area"], curve["mean_sensitivity"]):
            assert found["low"] < found["value"] < found["high"]
        read = [found["value"] for found in curve["sensitivity_at"].values()]
        assert curve["mean_sensitivity"]["value"] == pytest.approx(np.mean(read))
        points = curve["points"]
        assert len({len(column) for column in points.values()}) == 1
        assert (np.diff(points["sensitivity"]) >= 0).all()
        assert (np.array(points["low"]) <= points["sensitivity"]).all()
        assert points["rate"] == sorted(points["rate"])


def test_groups_part_the_lesions_and_keep_the_false_marks():
    record = measure(*make_study(), least_patients=1)
    for axis in ("kinds", "sizes"):
        assert sum(group["lesions"] for group in record[axis]) == 16
        weighted = sum(g["lesions"] * g["sensitivity_at"]["8"]["value"] for g in record[axis])
        assert weighted == pytest.approx(6)
        assert {group["ends_at"] for group in record[axis]} == {record["froc"]["ends_at"]}
    assert [group["group"] for group in record["kinds"]] == ["calcification", "mass"]
    # Sides of 10, 15, 20 and 25 px at 0.5 mm.
    assert [g["group"] for g in record["sizes"]] == ["under 10 mm", "10 to under 20 mm"]


def test_a_group_of_few_patients_gets_no_figure():
    record = measure(*make_study(), least_patients=5)
    assert {group["mean_sensitivity"]["value"] for group in record["kinds"]} == {None}
    reason = record["kinds"][0]["mean_sensitivity"]["reason"]
    assert reason.startswith("cannot be estimated, n = 4 patients")
    three = measure(*make_study(patients=6))
    assert three["froc"]["area"]["value"] is None
    assert three["masks"]["figures"]["dice"]["value"] is None
    assert set(three["froc"]["points"]["low"]) == {None}


def test_false_marks_are_those_of_healthy_images_or_of_all_that_can_be_judged():
    marks, lesions, images = make_study()
    healthy = images.loc[images["cancer"].eq(0), "image_id"]
    count = {"without_cancer": marks["image_id"].isin(healthy).sum() / len(healthy)}
    count["all"] = (len(marks) - 6) / len(images)
    for which, expected in count.items():
        record = measure(marks, lesions, images, false_positives=which)
        assert record["froc"]["ends_at"] == pytest.approx(expected)
    assert count["all"] != count["without_cancer"]


def test_marks_on_benign_lesions_are_false_or_ignored():
    marks, lesions, images = make_study()
    benign = pd.DataFrame([("15RCC", "mass", "benign", 0, 0, 20, 20)], columns=LESION)
    hit = pd.DataFrame([("15RCC", 0.99, 10, 10, 0, 0, 20, 20)], columns=MARK)
    exact = marks["image_id"].eq("1LCC")
    marks.loc[exact, ["row_max", "column_max"]] = 20
    study = pd.concat([marks, hit]), pd.concat([lesions, benign]), images
    false = {kind: measure(*study, on_benign=kind) for kind in ("false_positive", "ignore")}
    ends = {kind: record["froc"]["ends_at"] for kind, record in false.items()}
    assert ends["false_positive"] == pytest.approx(ends["ignore"] + 1 / 48)
    assert false["ignore"]["count"]["lesions_benign"] == 1
    precision = [false[kind]["map"]["ap_50"]["value"] for kind in ("ignore", "false_positive")]
    assert precision[0] > precision[1] > 0


def test_an_image_with_cancer_that_nobody_drew_is_left_out_and_counted():
    marks, lesions, images = make_study()
    drawn = lesions[~lesions["image_id"].eq("3LCC")]
    chosen, count = choose_images(images, drawn)
    assert "3LCC" not in set(chosen["image_id"])
    assert count["images_with_cancer_undrawn"] == 1
    record = measure(marks, drawn, images, false_positives="all")
    assert record["froc"]["lesions"] == 15
    # The mark on what nobody drew is no false one: nothing but the hit at 3LCC has gone.
    others = marks[~marks["image_id"].eq("3LCC")]
    assert record["froc"]["ends_at"] == pytest.approx((len(others) - 5) / 63)


def test_an_image_without_an_outcome_is_left_out_unless_a_lesion_is_drawn():
    _, lesions, images = make_study()
    unknown = images.assign(cancer=images["cancer"].astype("Int8").mask(images.index < 4))
    chosen, count = choose_images(unknown, lesions)
    assert count["images_without_outcome"] == 2
    assert {"0LCC", "0LMLO"} <= set(chosen["image_id"])


def test_nothing_drawn_is_a_record_with_a_reason():
    marks, lesions, images = make_study()
    for none in (lesions.iloc[:0], lesions.assign(pathology="benign")):
        record = measure(marks, none, images)
        assert record["reason"] == "no malignant lesion was drawn on these images: nothing to find"
        assert "froc" not in record
    empty = measure(marks.iloc[:0], lesions.iloc[:0], images.iloc[:0])
    assert empty["count"]["images"] == 0


def test_a_network_without_a_mark_finds_nothing_and_says_so():
    marks, lesions, images = make_study()
    record = measure(marks.iloc[:0], lesions, images)
    found = record["froc"]["sensitivity_at"]["1"]
    assert (found["value"], found["low"]) == (0.0, 0.0)
    assert 0.2 < found["high"] < 0.4  # Wilson of 0 of 8 patients
    assert record["masks"]["figures"]["dice"]["value"] == 0.0
    assert record["masks"]["figures"]["hausdorff_95_mm"]["value"] is None


def test_without_a_healthy_image_rates_are_undefined_with_a_reason():
    marks, lesions, images = make_study()
    sick = images[images["cancer"].eq(1)]
    record = measure(marks[marks["image_id"].isin(sick["image_id"])], lesions, sick)
    assert record["froc"]["area"]["reason"] == "no image to count false positives in"
    assert record["at_mark_score"]["sensitivity"]["value"] == 6 / 16
    json.dumps(record, allow_nan=False)


def test_three_exams_of_a_woman_are_not_three_women():
    widths = {}
    for who in ("same", "others"):
        parts = [
            [table.assign(image_id=table["image_id"] + number) for table in make_study()]
            for number in "123"
        ]
        for number, part in zip("123", parts, strict=True):
            own = number if who == "others" else ""
            renamed = {"exam_id": part[2]["exam_id"] + number}
            part[2] = part[2].assign(**renamed, patient_id=part[2]["patient_id"] + own)
        study = [pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True)]
        area = measure(*study, repeats=500)["froc"]["area"]
        widths[who] = area["high"] - area["low"]
    assert widths["others"] == pytest.approx(widths["same"] / 3**0.5, rel=0.2)


def test_lesions_that_no_mark_can_reach_are_counted():
    _, lesions, _ = make_study()
    assert count_out_of_reach(lesions, None) is None
    assert count_out_of_reach(lesions, np.array([15.0, 0, 90, 70])) == 4
    record = measure(*make_study(), reach=np.array([0.0, 0, 90, 70]))
    assert record["count"]["lesions_out_of_reach"] == 0


def test_the_regions_are_those_of_sure_marks_on_images_with_a_lesion():
    masks = measure(*make_study(), mark_score=0.5)["masks"]
    assert masks["images"] == 16
    assert masks["figures"]["precision"]["value"] == 1.0
    every = measure(*make_study(), mark_score=0.0)["masks"]
    assert every["figures"]["precision"]["value"] < 1


def test_what_does_not_belong_together_is_refused():
    marks, lesions, images = make_study()
    with pytest.raises(ValueError, match="marks are of images that are not among"):
        measure(marks, lesions, images.iloc[4:])
    with pytest.raises(ValueError, match="1 images are there twice"):
        measure(marks, lesions, pd.concat([images, images.iloc[:1]]))
    with pytest.raises(ValueError, match="the table of images lacks patient_id, cancer"):
        measure(marks, lesions, images.drop(columns=["patient_id", "cancer"]))
    with pytest.raises(ValueError, match="the table of marks lacks row_max"):
        measure(marks.drop(columns="row_max"), lesions, images)
    with pytest.raises(ValueError, match="no finite score"):
        measure(marks.assign(score=np.nan), lesions, images)
    with pytest.raises(ValueError, match="cancer must be 0, 1 or unknown"):
        measure(marks, lesions, images.assign(cancer=2))


def test_the_mean_is_over_the_rates_that_are_read_alone():
    marks, lesions, images = make_study()
    mixed = marks.assign(score=np.random.default_rng(3).permutation(len(marks)) / len(marks))
    curve = measure(mixed, lesions, images)["froc"]
    read = [found["value"] for found in curve["sensitivity_at"].values()]
    assert len(set(read)) > 1
    assert curve["mean_sensitivity"]["value"] == pytest.approx(np.mean(read))


def test_the_record_names_no_image():
    marks, lesions, images = make_study()
    told = json.dumps(measure(marks, lesions, images))
    assert not [name for name in images["image_id"] if f'"{name}"' in told]
