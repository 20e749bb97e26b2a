"""The free-response curve is what counting by hand gives, with weights and ties."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.detection.froc import (
    Findings,
    area_to,
    froc_points,
    point_at,
    sensitivity_at,
)

RATES = [0.125, 0.25, 0.5, 1, 2, 4, 8]


def make_findings(seed: int, levels: int = 6) -> Findings:
    """Nine lesions on the first four of twelve images; few levels make ties."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(1, levels, 9) / levels
    scores[rng.random(9) < 0.3] = -np.inf
    return Findings(
        scores,
        rng.integers(0, 4, 9),
        rng.integers(0, levels, 30) / levels,
        rng.integers(4, 12, 30),
        np.arange(12) >= 4,
    )


def count_by_hand(findings: Findings, weights: np.ndarray) -> list[tuple[float, float]]:
    """(false positives an image, sensitivity) from each threshold on, by loops."""
    levels = sorted({*findings.scores, *findings.false_scores} - {-np.inf}, reverse=True)
    wanted = sum(weights[row] for row in findings.rows)
    images = sum(w for w, c in zip(weights, findings.counted, strict=True) if c)
    points = [(0.0, 0.0)]
    for level in levels:
        true = sum(
            weights[r] for s, r in zip(findings.scores, findings.rows, strict=True) if s >= level
        )
        pairs = zip(findings.false_scores, findings.false_rows, strict=True)
        points.append((sum(weights[r] for s, r in pairs if s >= level) / images, true / wanted))
    return points


@pytest.mark.parametrize("seed", range(6))
def test_a_replicate_is_the_curve_counted_by_hand(seed):
    findings = make_findings(seed)
    weights = np.random.default_rng(seed).integers(0, 4, (5, 12)).astype(float)
    rate, sensitivity = froc_points(findings, weights)
    for row in range(5):
        points = np.array(count_by_hand(findings, weights[row])).T
        # A fine grid that avoids the upright pieces.
        grid = np.linspace(0.0013, 5, 977)
        read = sensitivity_at(rate[row], sensitivity[row], grid)
        np.testing.assert_allclose(read, np.interp(grid, *points), atol=1e-12)


def test_a_patient_drawn_twice_counts_twice():
    findings = make_findings(1)
    doubled = Findings(
        np.tile(findings.scores, 2),
        np.concatenate([findings.rows, findings.rows + 12]),
        np.tile(findings.false_scores, 2),
        np.concatenate([findings.false_rows, findings.false_rows + 12]),
        np.tile(findings.counted, 2),
    )
    once = [points[-1] for points in froc_points(findings, np.full(12, 2.0))]
    assert once == [points[-1] for points in froc_points(doubled)]


def test_a_lesion_tied_with_a_false_mark_is_half_way_up_at_half_its_rate():
    tied = Findings(
        np.array([0.5]), np.array([0]), np.array([0.5]), np.array([1]), np.array([False, True])
    )
    assert sensitivity_at(*froc_points(tied), [0.5, 1]).tolist() == [0.5, 1.0]


def test_the_best_curve_has_area_one_and_a_blind_one_none():
    nothing = np.array([], float)
    counted = np.array([False, True])
    best = Findings(np.array([0.9]), np.array([0]), nothing, nothing.astype(int), counted)
    blind = Findings(np.array([-np.inf]), np.array([0]), nothing, nothing.astype(int), counted)
    assert float(area_to(*froc_points(best), 8)) == 1.0
    assert float(area_to(*froc_points(blind), 8)) == 0.0
    assert sensitivity_at(*froc_points(best), RATES).tolist() == [1.0] * 7


@pytest.mark.parametrize("most", [0.3, 1.7, 8.0])
def test_the_area_is_the_mean_height_of_the_curve(most):
    rate, sensitivity = froc_points(make_findings(3, levels=4))
    grid = (np.arange(200_000) + 0.5) / 200_000 * most
    mean = sensitivity_at(rate, sensitivity, grid).mean()
    assert float(area_to(rate, sensitivity, most)) == pytest.approx(mean, abs=1e-4)


def test_beyond_its_last_mark_the_curve_stays_level():
    findings = make_findings(2)
    rate, sensitivity = froc_points(findings)
    assert rate[-1] < 8
    assert float(sensitivity_at(rate, sensitivity, [8])[0]) == sensitivity[-1]
    assert sensitivity[-1] == np.isfinite(findings.scores).mean()


def test_without_an_image_to_count_in_or_a_lesion_all_is_nan():
    findings = make_findings(4)
    no_healthy = np.where(findings.counted, 0.0, 1.0)
    for weights in (no_healthy, 1 - no_healthy):
        curve = froc_points(findings, weights)
        assert np.isnan(sensitivity_at(*curve, RATES)).all()
        assert np.isnan(area_to(*curve, 8))


def test_the_point_at_a_score_takes_the_marks_at_it():
    findings = make_findings(5)
    false, true = point_at(findings, 0.5, np.ones((2, 12)))
    assert false.tolist() == [(findings.false_scores >= 0.5).sum() / 8] * 2
    assert true.tolist() == [(findings.scores >= 0.5).mean()] * 2
