"""Marks stand where the map peaks, apart from each other, on tissue."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.detection.marks import (
    MARK_COLUMNS,
    average_maps,
    find_marks,
    find_reach,
)
from mammo_pipeline.mammo.networks.record import Places

PLACES = Places(stride_px=10, offset_px=3, window_px=30)
CANVAS = (150, 110)
SHAPE = (12, 8)


def make_map(*blobs: tuple[float, float, float], spread: float = 1.2) -> np.ndarray:
    """Log odds that fall off as parabolas about (row, column) in places, from a top."""
    rows, columns = np.indices(SHAPE)
    heights = [
        top - ((rows - r) ** 2 + (columns - c) ** 2) / (2 * spread**2) * 2 for r, c, top in blobs
    ]
    return expit(np.max([np.full(SHAPE, -6.0), *heights], axis=0))


def to_px(place: float) -> float:
    return 3 + 15 + 10 * place


@pytest.mark.parametrize(("row", "column"), [(5, 4), (5.3, 3.8), (4.6, 4.4)])
def test_a_mark_lies_where_the_top_of_the_log_odds_lies(row, column):
    found = find_marks(make_map((row, column, 2.0))[np.newaxis], PLACES, CANVAS, 5, 0.1)
    assert len(found) == 1
    assert found.loc[0, "row_px"] == pytest.approx(to_px(row), abs=1e-6)
    assert found.loc[0, "column_px"] == pytest.approx(to_px(column), abs=1e-6)


def test_marks_come_by_image_from_the_highest_down_and_no_more_than_asked_for():
    maps = np.stack([make_map((2, 2, 1.0), (8, 5, 2.0), (9, 1, 0.0)), make_map((5, 4, 3.0))])
    found = find_marks(maps, PLACES, CANVAS, 2, 0.1)
    assert found["image"].tolist() == [0, 0, 1]
    assert found["score"].tolist() == pytest.approx(expit([2.0, 1.0, 3.0]).tolist())
    assert found.columns.tolist() == MARK_COLUMNS


def test_a_peak_nearer_than_half_a_window_to_a_higher_one_is_silent():
    heat = make_map((2, 4, 1.0), (5, 4, 2.0), spread=0.5)[np.newaxis]
    for apart_px, count in ((None, 2), (30, 2), (31, 1)):
        assert len(find_marks(heat, PLACES, CANVAS, 9, 0.1, apart_px=apart_px)) == count
    wide = Places(stride_px=10, offset_px=3, window_px=70)
    assert len(find_marks(heat, wide, CANVAS, 9, 0.1)) == 1


def test_a_flat_top_is_one_mark():
    heat = np.zeros((1, *SHAPE))
    heat[0, 3:5, 3:5] = 0.8
    assert len(find_marks(heat, PLACES, CANVAS, 9, 0.1, apart_px=1)) == 1


def test_no_mark_lies_off_the_tissue_or_below_the_least_score():
    heat = make_map((2, 2, 3.0), (8, 5, 1.0))[np.newaxis]
    tissue = np.ones(heat.shape, bool)
    tissue[0, :5] = False
    found = find_marks(heat, PLACES, CANVAS, 9, 0.1, tissue)
    assert found["score"].tolist() == pytest.approx([expit(1.0)])
    assert find_marks(heat, PLACES, CANVAS, 9, 0.99, tissue).empty
    none = find_marks(heat, PLACES, CANVAS, 9, 0.0, np.zeros(heat.shape, bool))
    assert none.empty
    assert none.columns.tolist() == MARK_COLUMNS


def test_a_box_holds_its_centre_and_ends_at_the_neighbour_and_at_the_canvas():
    heat = make_map((0, 4, 3.0), (6, 4, 2.9), (11, 7, 2.8), spread=3)[np.newaxis]
    found = find_marks(heat, PLACES, (133, 93), 9, 0.1)
    assert len(found) == 3
    for mark in found.itertuples():
        assert 0 <= mark.row_min <= mark.row_px <= mark.row_max <= 133
        assert 0 <= mark.column_min <= mark.column_px <= mark.column_max <= 93
    first, second = found.iloc[0], found.iloc[1]
    assert found["row_min"].min() < 13 + 10
    assert found["row_max"].max() == 133
    assert first["row_max"] <= to_px(3) + 2.5
    assert second["row_min"] >= to_px(3) - 2.5


def test_a_higher_share_of_the_peak_makes_a_smaller_box():
    heat = make_map((5, 4, 2.0), spread=3)[np.newaxis]
    heights = [
        np.ptp(find_marks(heat, PLACES, CANVAS, 1, 0.1, share_of_peak=s)[["row_min", "row_max"]])
        for s in (0.3, 0.5, 0.9)
    ]
    assert heights[0] > heights[1] > heights[2] > 0


def test_a_map_without_anything_and_no_map_give_no_mark():
    for count in (0, 2):
        found = find_marks(np.zeros((count, *SHAPE)), PLACES, CANVAS, 9, 0.0)
        assert found.empty
        assert found["image"].dtype == np.int64


@pytest.mark.parametrize("value", [np.nan, 1.2, -0.1])
def test_what_is_no_probability_is_refused(value):
    heat = np.full((1, *SHAPE), 0.5)
    heat[0, 1, 1] = value
    with pytest.raises(ValueError, match="expected probabilities"):
        find_marks(heat, PLACES, CANVAS, 9, 0.1)


def test_tissue_and_maps_of_other_shapes_are_refused():
    heat = np.zeros((1, *SHAPE))
    with pytest.raises(ValueError, match="tissue is"):
        find_marks(heat, PLACES, CANVAS, 9, 0.1, heat[:, 1:] > 0)
    with pytest.raises(ValueError, match="expected one shape for all"):
        average_maps([heat, heat[:, 1:]], [1, 1])
    with pytest.raises(ValueError, match="expected one shape for all"):
        average_maps([], [])


def test_members_are_averaged_by_their_weight_in_log_odds():
    maps = [expit(np.full((1, 2, 2), 2.0)), expit(np.full((1, 2, 2), -2.0))]
    np.testing.assert_allclose(average_maps(maps, [3, 1]), expit(1.0), rtol=1e-6)
    sure = average_maps([np.ones((1, 1, 1)), np.zeros((1, 1, 1))], [1, 1])
    assert sure.tolist() == [[[0.5]]]


def test_the_reach_holds_every_mark():
    heat = make_map((0, 0, 3.0), (11, 7, 3.0))[np.newaxis]
    found = find_marks(heat, PLACES, CANVAS, 9, 0.1)
    low, high = np.split(find_reach(PLACES, SHAPE), 2)
    centres = found[["row_px", "column_px"]].to_numpy()
    assert len(centres) == 2
    assert (centres >= low).all()
    assert (centres < high).all()
    assert low.tolist() == [13, 13]
    assert high.tolist() == [133, 93]
