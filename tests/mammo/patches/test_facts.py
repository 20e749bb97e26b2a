"""The figures of a sampling."""

from __future__ import annotations

import json

from mammo_pipeline.mammo.patches.facts import count_patches, tell_rules, tell_sides
from mammo_pipeline.mammo.patches.sampling import sample_patches
from toy_study import make_sampling, make_study


def count(lesions=None, **changes):
    store, cohort, boxes = make_study()
    sampling = make_sampling(**changes)
    boxes = boxes if lesions is None else lesions
    patches, draws = sample_patches(store.pixels, store.index, cohort, boxes, sampling)
    return patches, count_patches(patches, draws, sampling)


def test_the_figures_are_those_of_the_table():
    patches, facts = count()
    assert json.loads(json.dumps(facts)) == facts
    for side, part in patches.groupby("side"):
        own = facts[side]
        assert own["patches"]["patches"] == len(part) == sum(own["patches"]["classes"].values())
        assert own["patches"]["classes"]["mass malignant"] == (part["label"] == 4).sum() > 0
        by_rule = {name: rule["found"] for name, rule in own["rules"].items()}
        assert by_rule == part["rule"].value_counts().to_dict()
        assert own["rules"]["lesion"]["cutoff_least"] == 0.75
        assert all(rule["images_short"] == 0 for rule in own["rules"].values())


def test_what_fell_short_is_counted_by_its_reason():
    _, facts = count(beside={"breast_coverage": 1.0, "tries": 5})
    rule = facts["train"]["rules"]["beside"]
    assert rule["found"] < rule["wanted"]
    assert sum(rule["short"].values()) == rule["images_short"] > rule["short"]["lesions too near"]
    both = [facts[side]["rules"]["beside"] for side in ("train", "tune")]
    short, edge = (
        sum(rule["images_short"] for rule in both),
        sum(rule["short"].get("too little breast", 0) for rule in both),
    )
    line = tell_rules(facts)["beside"]
    assert f"; fewer in {short} (" in line and f"too little breast {edge}" in line


def test_how_far_the_cutoff_fell_is_told():
    _, _, lesions = make_study()
    thin = lesions.assign(row_min=0, row_max=60, column_min=0, column_max=1)
    _, facts = count(lesions=thin, lesion={"per_lesion": 1})
    rule = facts["train"]["rules"]["lesion"]
    assert rule["images_cutoff_fell"] == rule["images"] > 0
    assert 0.1 <= rule["cutoff_least"] < 0.25
    assert f"to {rule['cutoff_least']:g} at least" in tell_rules(facts)["lesion"]


def test_images_whose_cancer_no_box_shows_are_counted():
    _, cohort, lesions = make_study()
    ill = cohort[(cohort["cancer"] == 1) & (cohort["side"] == "tune")]["image_id"]
    _, facts = count(lesions=lesions[~lesions["image_id"].isin(ill[:3])])
    assert facts["tune"]["images"]["unlocated"] == 3
    assert "unlocated" not in facts["train"]["images"]
    lines = tell_sides(facts)
    assert lines["tune"].endswith("; no background of 3 images whose cancer no box shows")
    assert lines["train"].endswith("mass malignant")


def test_a_side_without_lesions_is_told_without_a_cutoff():
    _, _, lesions = make_study()
    _, facts = count(lesions=lesions[:0])
    assert tell_rules(facts)["lesion"] == "0 of 0 wanted, in 0 images"
    assert "0 mass malignant; no background of" in tell_sides(facts)["train"]
