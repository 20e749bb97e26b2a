"""Changes of the pictures: how they are drawn, and where they move a lesion's box."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BSpline

from mammo_pipeline.mammo.ladder.augment import (
    Changes,
    as_arrays,
    make_changes,
    move_boxes,
    spline_weights,
)
from mammo_pipeline.mammo.ladder.settings import Augmentation

SHAPE = (60, 40)
ALL = {
    "flip_vertical": True,
    "flip_horizontal": True,
    "rotation_degrees": 25,
    "shear": 0.2,
    "zoom": 0.2,
    "gain": 0.3,
    "shift": 0.1,
    "elastic": 0.05,
}


def draw(count: int = 200, seed: int = 1, **settings: float) -> Changes:
    augment = Augmentation.model_validate(settings)
    return make_changes(np.random.default_rng(seed), count, SHAPE, augment)


def displace(control: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The elastic field by scipy's B-splines: (rows, columns, 2) in px."""
    field = np.asarray(control, np.float64)
    for axis, places in enumerate((rows, columns)):
        cells = control.shape[axis] - 1
        padded = np.concatenate([field[:1], field, field[-1:]])
        spline = BSpline(np.arange(-3, cells + 4) + 0.0, padded, 3)
        field = np.swapaxes(spline((places + 0.5) * cells / SHAPE[axis]), 0, 1)
    return field


def test_a_stage_that_changes_nothing_carries_nothing():
    assert as_arrays(draw()) == {}


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ({"flip_vertical": True}, ["flips"]),
        ({"shear": 0.2, "flip_vertical": True}, ["transforms"]),
        ({"elastic": 0.05}, ["transforms", "elastic"]),
        ({"gain": 0.1}, ["gains"]),
        ({"shift": 0.1}, ["shifts"]),
    ],
)
def test_what_is_carried_depends_on_the_stage_and_never_on_the_draw(setting, names):
    for seed in range(8):
        assert list(as_arrays(draw(1, seed, **setting))) == names


def test_the_same_seed_draws_the_same_changes_and_another_seed_others():
    first, again, other = (as_arrays(draw(5, seed, **ALL)) for seed in (1, 1, 2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).any()


def test_one_more_kind_of_change_leaves_the_others_as_drawn():
    less = as_arrays(draw(zoom=0.2, gain=0.3))
    more = as_arrays(draw(zoom=0.2, gain=0.3, shift=0.1, elastic=0.05))
    for name, array in less.items():
        np.testing.assert_array_equal(array, more[name])


def take_apart(changes: Changes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(turn in degrees, shear, zoom) of transforms without flips: turn x shear / zoom."""
    a0, a1, _, b0, b1, _ = changes.transforms[:, :6].T.astype(np.float64)
    length = np.hypot(a0, b0)
    shear = (a0 * a1 + b0 * b1) / length**2
    return np.rad2deg(np.arctan2(b0, a0)), shear, 1 / length


def test_turn_shear_and_zoom_fill_their_ranges_and_keep_to_them():
    turn, shear, zoom = take_apart(draw(rotation_degrees=25, shear=0.2, zoom=0.2))
    for values, low, high in ((turn, -25, 25), (shear, -0.2, 0.2), (zoom, 0.8, 1.2)):
        margin = (high - low) / 20
        assert low - 1e-5 <= values.min() < low + margin
        assert high - margin < values.max() <= high + 1e-5


def test_gain_and_shift_fill_their_ranges_and_keep_to_them():
    changes = draw(gain=0.3, shift=0.1)
    for values, low, high in ((changes.gains, 0.7, 1.3), (changes.shifts, -6553.5, 6553.5)):
        margin = (high - low) / 20
        assert low <= values.min() < low + margin
        assert high - margin < values.max() <= high


def test_the_centre_stays_whatever_the_transform():
    changes = draw(**{**ALL, "elastic": 0})
    x, y = 19.5, 29.5
    (a0, a1, a2, b0, b1, b2) = changes.transforms[:, :6].T
    np.testing.assert_allclose(a0 * x + a1 * y + a2, x, atol=1e-4)
    np.testing.assert_allclose(b0 * x + b1 * y + b2, y, atol=1e-4)


def test_each_flip_comes_to_half_of_the_pictures():
    flips = draw(flip_vertical=True, flip_horizontal=True).flips
    assert (np.abs(flips.mean(axis=0) - 0.5) < 0.12).all()
    assert not draw(flip_vertical=True).flips[:, 1].any()
    mirrored = draw(flip_horizontal=True, zoom=0.1).transforms
    assert 0.38 < (mirrored[:, 0] < 0).mean() < 0.62
    assert (mirrored[:, 4] > 0).all()


def test_a_displacement_never_exceeds_its_share_of_the_shorter_side():
    control = draw(elastic=0.1).elastic
    assert control.shape == (200, 5, 5, 2)
    length = np.hypot(control[..., 0], control[..., 1])
    assert 3.9 < length.max() <= 4.0
    field = displace(control[0], np.arange(60.0), np.arange(40.0))
    assert np.hypot(field[..., 0], field[..., 1]).max() <= 4.0


def test_the_spline_is_the_one_of_the_textbook():
    control, rows = draw(1, elastic=0.1).elastic[0], np.arange(60.0)
    weights = spline_weights((rows + 0.5) * 4 / 60, 4)
    across = spline_weights((np.arange(40) + 0.5) * 4 / 40, 4)
    ours = np.einsum("hi,wj,ijk->hwk", weights, across, control)
    np.testing.assert_allclose(ours, displace(control, rows, np.arange(40.0)), atol=1e-6)


def test_a_field_that_could_fold_the_picture_is_refused():
    draw(1, elastic=0.11)
    with pytest.raises(ValueError, match=r"moves places by 0\.48 cells.*below 0\.120"):
        draw(1, elastic=0.12)


BOXES = np.array([[10, 5, 20, 12], [30, 20, 33, 40]])


def test_a_box_stays_where_nothing_moves():
    moved, clipped = move_boxes(BOXES, draw(3, gain=0.2), 1, SHAPE)
    np.testing.assert_array_equal(moved, BOXES)
    assert not clipped.any()


@pytest.mark.parametrize("zoom", [0, 1e-9])
def test_a_flip_mirrors_a_box_exactly_alone_or_in_a_transform(zoom):
    changes = draw(40, flip_vertical=True, flip_horizontal=True, zoom=zoom)
    both = draw(40, flip_vertical=True, flip_horizontal=True).flips
    turned = int(np.flatnonzero(both.all(axis=1))[0])
    moved, clipped = move_boxes(BOXES, changes, turned, SHAPE)
    np.testing.assert_allclose(moved, [[40, 28, 50, 35], [27, 0, 30, 20]], atol=1e-4)
    assert not clipped.any()


def test_a_box_is_cut_at_the_edge_and_empty_where_it_left():
    # The new picture shows at x what the old one shows at x + 10: all moves 10 px to the left.
    left = np.array([[1, 0, 10, 0, 1, 0, 0, 0]], np.float32)
    boxes = [[5, 12, 9, 30], [5, 4, 9, 16], [5, 0, 9, 8]]
    moved, clipped = move_boxes(np.array(boxes), Changes(transforms=left), 0, SHAPE)
    np.testing.assert_array_equal(moved, [[5, 2, 9, 20], [5, 0, 9, 6], [5, 0, 9, 0]])
    assert clipped.tolist() == [False, True, True]


def test_a_turned_box_encloses_its_corners():
    quarter = np.array([[0, 1, 0, -1, 0, 39, 0, 0]], np.float32)  # x' = y, y' = 39 - x
    moved, clipped = move_boxes(np.array([[2, 3, 6, 10]]), Changes(transforms=quarter), 0, (40, 40))
    np.testing.assert_allclose(moved, [[3, 34, 10, 38]], atol=1e-5)
    assert not clipped.any()


def test_no_boxes_stay_no_boxes():
    moved, clipped = move_boxes(np.zeros((0, 4)), draw(1, **ALL), 0, SHAPE)
    assert moved.shape == (0, 4) and clipped.shape == (0,)


def test_an_elastic_box_encloses_all_that_its_lesion_became():
    changes = draw(30, elastic=0.1)
    rows, columns = np.arange(-0.5, 60, 0.25), np.arange(-0.5, 40, 0.25)
    low, high = np.array([14, 8]), np.array([40, 30])
    for picture in range(30):
        field = displace(changes.elastic[picture], rows, columns)
        old = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1) + field
        inside = ((old >= low - 0.5) & (old <= high - 0.5)).all(axis=-1)
        lit = np.argwhere(inside)
        first, last = lit.min(axis=0), lit.max(axis=0)
        seen = np.array([rows[first[0]], columns[first[1]], rows[last[0]], columns[last[1]]]) + 0.5
        box = np.concatenate([low, high])[np.newaxis]
        beyond = (seen - move_boxes(box, changes, picture, SHAPE)[0][0]) * [1, 1, -1, -1]
        # The grid is read every quarter pixel, so the tip of a corner can lie between.
        assert beyond.min() > -0.01 and beyond.max() < 0.4


def test_the_steepest_field_that_is_allowed_can_be_undone():
    changes = draw(100, elastic=0.1199)
    whole = np.array([[0, 0, *SHAPE]])
    for picture in range(100):
        move_boxes(whole, changes, picture, SHAPE)
