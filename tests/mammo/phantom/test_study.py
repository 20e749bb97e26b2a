from dataclasses import replace

import numpy as np
import pytest

from mammo_pipeline.mammo.phantom.archive import draw_women
from mammo_pipeline.mammo.phantom.shape import measure_muscle_depth, measure_skin_distance
from mammo_pipeline.mammo.phantom.study import (
    SIDES,
    VIEWS,
    StudyDesign,
    draw_device,
    place_lesions,
)

DESIGN = StudyDesign(0.5, 0.4, 0.4, {"hologic_dimensions": 0.5, "ge_essential": 0.5}, 0.5)
WOMEN = draw_women(200, 11, DESIGN)


def list_lesions(women=WOMEN):
    return [
        (woman.breasts[side], lesion)
        for woman in women
        for side in SIDES
        for lesion in woman.exams[-1].lesions[side]
    ]


def has_cancer(woman):
    lesions = [lesion for side in SIDES for lesion in woman.exams[-1].lesions[side]]
    return any(lesion.pathology == "malignant" for lesion in lesions)


def test_every_lesion_lies_inside_the_breast_in_both_views():
    for breast, lesion in list_lesions():
        for view in VIEWS:
            shape = breast.shapes[view]
            placed = place_lesions(breast, (lesion,), view)[0]
            x, y = np.array([placed.x_mm]), np.array([placed.y_mm])
            assert measure_skin_distance(shape, x, y)[0] > 0.5 * lesion.size_mm
            assert placed.x_mm > 0.5 * lesion.size_mm
            assert measure_muscle_depth(shape, x, y)[0] < 0


def test_a_lesion_lies_as_deep_behind_the_nipple_in_both_views():
    for breast, lesion in list_lesions():
        depths = [
            breast.shapes[view].depth_mm - place_lesions(breast, (lesion,), view)[0].x_mm
            for view in VIEWS
        ]
        assert depths[0] == pytest.approx(depths[1]) == pytest.approx(lesion.behind_mm)


def test_the_shares_are_the_ones_asked_for():
    assert np.mean([has_cancer(woman) for woman in WOMEN]) == pytest.approx(0.4, abs=0.1)
    assert np.mean([len(woman.exams) == 2 for woman in WOMEN]) == pytest.approx(0.5, abs=0.1)
    benign = [lesion.pathology == "benign" for _, lesion in list_lesions()]
    assert sum(benign) / (2 * len(WOMEN)) == pytest.approx(0.4, abs=0.07)


def test_benign_and_malignant_share_sizes_and_contrasts():
    women = draw_women(600, 12, replace(DESIGN, cancer_share=0.7))
    values = {"benign": [], "malignant": []}
    for _, lesion in list_lesions(women):
        values[lesion.pathology].append((lesion.size_mm, lesion.contrast, lesion.behind_mm))
    benign, malignant = np.array(values["benign"]), np.array(values["malignant"])
    error = np.hypot(benign.std(0) / len(benign) ** 0.5, malignant.std(0) / len(malignant) ** 0.5)
    assert (np.abs(benign.mean(0) - malignant.mean(0)) < 3.5 * error).all()


def test_a_prior_is_a_year_older_and_shows_a_smaller_cancer_or_none():
    seen = set()
    for woman in WOMEN:
        if len(woman.exams) == 1:
            continue
        before, now = woman.exams
        assert 340 <= (now.date - before.date).days <= 400
        assert now.age - before.age == pytest.approx(1, abs=0.1)
        for side in SIDES:
            sizes = [
                sum(x.size_mm for x in exam.lesions[side] if x.pathology == "malignant")
                for exam in (before, now)
            ]
            assert sizes[0] <= 0.8 * sizes[1]
            seen.add((sizes[0] > 0, sizes[1] > 0))
    assert seen == {(False, False), (False, True), (True, True)}


def test_without_confounding_the_device_tells_nothing_and_with_it_all():
    def share_of_first(confounding, cancer):
        rng = np.random.default_rng(1)
        design = replace(DESIGN, confounding=confounding)
        drawn = [draw_device(rng, design, cancer) for _ in range(400)]
        return np.mean([name == "hologic_dimensions" for name in drawn])

    assert share_of_first(0.0, True) == pytest.approx(share_of_first(0.0, False), abs=0.1)
    assert share_of_first(1.0, True) == 1.0
    assert share_of_first(1.0, False) == 0.0
    assert share_of_first(0.5, True) == pytest.approx(0.75, abs=0.08)


def test_confounding_shifts_the_devices_of_a_cohort():
    women = draw_women(150, 11, replace(DESIGN, confounding=0.9))
    first = np.array([woman.exams[-1].device == "hologic_dimensions" for woman in women])
    cancer = np.array([has_cancer(woman) for woman in women])
    assert first[cancer].mean() > 0.85 and first[~cancer].mean() < 0.2


def test_a_woman_does_not_depend_on_the_size_of_her_cohort():
    few, many = draw_women(3, 5, DESIGN), draw_women(9, 5, DESIGN)
    for a, b in zip(few, many, strict=False):
        assert (a.density, a.exams[-1].date, a.exams[-1].noise_seeds) == (
            b.density,
            b.exams[-1].date,
            b.exams[-1].noise_seeds,
        )


def test_two_cohorts_of_one_seed_are_other_women():
    a, b = draw_women(5, 5, DESIGN), draw_women(5, 5, replace(DESIGN, name="current"))
    assert all(
        x.exams[-1].noise_seeds != y.exams[-1].noise_seeds for x, y in zip(a, b, strict=True)
    )


def test_small_breasts_find_room_for_two_lesions():
    crowded = replace(DESIGN, cancer_share=1.0, benign_share=1.0)
    for seed in range(3):
        for woman in draw_women(100, seed, crowded):
            lesions = [lesion for side in SIDES for lesion in woman.exams[-1].lesions[side]]
            assert len(lesions) == 3 and min(lesion.size_mm for lesion in lesions) > 6
