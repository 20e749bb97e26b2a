import dataclasses

import numpy as np
import pytest

from mammo_pipeline.mammo import scoring
from mammo_pipeline.mammo.delong import compare_areas
from mammo_pipeline.mammo.intervals import proportion
from mammo_pipeline.mammo.readers import standalone
from mammo_pipeline.mammo.readers.table import ReaderStudy, arrange_study
from reader_studies import draw_scores, make_table


@pytest.fixture
def study():
    return arrange_study(make_table(np.random.default_rng(11), readers=4, cases=100))


def test_the_mean_difference_is_the_models_area_less_the_mean_reader(study):
    found = standalone.measure_model(study, 0.95)
    for number, against in enumerate(found["against"]):
        areas = [float(scoring.auroc(study.labels, s)) for s in study.scores[number]]
        expected = found["auroc"]["value"] - np.mean(areas)
        assert against["modality"] == study.modalities[number]
        assert against["random"]["figure"]["value"] == pytest.approx(expected, abs=1e-12)
        by_reader = [row["difference"]["value"] for row in against["by_reader"]]
        assert np.mean(by_reader) == pytest.approx(expected, abs=1e-12)


def test_against_one_fixed_reader_it_is_delongs_paired_test(study):
    one = dataclasses.replace(study, readers=["R1"], scores=study.scores[:, :1])
    found = standalone.measure_model(one, 0.95)["against"][0]
    known = compare_areas(
        study.labels, np.column_stack([study.model, study.scores[0, 0]]), study.patients, 0.95
    )
    assert found["fixed"]["p"] == pytest.approx(known["p"], rel=1e-9)
    assert found["fixed"]["figure"]["high"] == pytest.approx(known["difference"]["high"])
    assert found["by_reader"][0]["p"] == known["p"]
    assert found["random"]["figure"]["low"] is None


def test_a_model_that_is_one_more_reader_is_told_apart_as_often_as_the_level_says():
    rng, rejected, studies = np.random.default_rng(12), 0, 200
    labels = np.repeat([1, 0], 50)
    for _ in range(studies):
        # The model: a reader without a part of its own, beside six readers of the same area.
        scores = draw_scores(rng, labels, 7, modalities=1, reader=1e-12)
        study = ReaderStudy(
            cases=[str(n) for n in range(100)], labels=labels, patients=np.arange(100),
            readers=list("abcdef"), modalities=["unaided"], scores=scores[:, :6],
            model=scores[0, 6],
        )  # fmt: skip
        rejected += standalone.measure_model(study, 0.95)["against"][0]["random"]["p"] < 0.05
    # 0.05 with a standard error of 0.015.
    assert 0.01 <= rejected / studies <= 0.1


def test_points_are_counts_with_wilsons_intervals(study):
    found = standalone.place_readers(study, 1.0, 0.95)
    assert len(found) == 8
    point = next(p for p in found if (p["reader"], p["modality"]) == ("R2", "aided"))
    recalled = study.scores[1, 1] >= 1.0
    assert point["sensitivity"]["value"] == pytest.approx(recalled[study.labels == 1].mean())
    assert point["specificity"]["value"] == pytest.approx(1 - recalled[study.labels == 0].mean())
    assert (point["sensitivity"]["n"], point["specificity"]["n"]) == (50, 50)


def test_a_reader_on_the_models_curve_has_no_gap(study):
    as_reader = np.broadcast_to(study.model, study.scores.shape)
    same = dataclasses.replace(study, scores=as_reader)
    gaps = standalone.compare_points(same, 0.5, 0.95, 200, np.random.default_rng(0))
    for gap in gaps:
        assert gap["difference"]["value"] == pytest.approx(0, abs=1e-12)
        assert gap["difference"]["high"] == pytest.approx(0, abs=1e-12)


def test_a_gap_is_measured_at_the_readers_own_specificity(study):
    gaps = standalone.compare_points(study, 1.0, 0.95, 300, np.random.default_rng(0))
    gap = next(g for g in gaps if (g["reader"], g["modality"]) == ("R1", "unaided"))
    recalled = study.scores[0, 0] >= 1.0
    curve = scoring.roc_points(study.labels, study.model)
    at = recalled[study.labels == 0].mean()
    expected = np.interp(at, *curve) - recalled[study.labels == 1].mean()
    assert gap["difference"]["value"] == pytest.approx(expected, abs=1e-12)
    assert gap["difference"]["low"] < expected < gap["difference"]["high"]


def test_where_the_curve_rises_upright_its_upper_end_counts():
    curve = np.array([[0.0, 0.0, 1.0]]), np.array([[0.0, 0.6, 1.0]])
    found = [
        float(standalone.sensitivity_on_curve(*curve, np.array([at]))[0]) for at in (0, 0.5, 1)
    ]
    assert found == pytest.approx([0.6, 0.8, 1.0])


def test_without_a_model_there_is_nothing_to_compare(study):
    with pytest.raises(ValueError, match="no rows of reader `model`"):
        standalone.measure_model(dataclasses.replace(study, model=None), 0.95)


def test_one_patient_with_cancer_proves_nothing_of_a_readers_point(study):
    keep = np.append(np.flatnonzero(study.labels == 1)[:1], np.flatnonzero(study.labels == 0))
    few = dataclasses.replace(
        study, labels=study.labels[keep], patients=study.patients[keep], model=study.model[keep],
        scores=study.scores[:, :, keep], cases=[study.cases[k] for k in keep],
    )  # fmt: skip
    for gap in standalone.compare_points(few, 1.0, 0.95, 50, np.random.default_rng(0)):
        assert gap["difference"]["low"] is None and gap["p"] is None
        assert "only 1 patient with cancer" in gap["difference"]["reason"]


def test_cases_of_one_patient_make_a_readers_point_less_sure(study):
    def widths(patients):
        points = standalone.place_readers(dataclasses.replace(study, patients=patients), 1.0, 0.95)
        return np.array([p["specificity"]["high"] - p["specificity"]["low"] for p in points])

    order = np.lexsort((study.scores[0, 0], study.labels))
    pairs = np.empty(len(order), int)
    pairs[order] = np.arange(len(order)) // 2
    alone, together = widths(np.arange(len(order))), widths(pairs)
    assert together[0] > 1.3 * alone[0]
    for point in standalone.place_readers(study, 1.0, 0.95):
        counted = point["sensitivity"]
        known = proportion(counted["value"] * counted["n"], counted["n"], 0.95)
        assert [counted[e] for e in ("low", "high")] == pytest.approx([known["low"], known["high"]])
