"""Each stored pixel counts by the area that it shares with the new one."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.area import average_area, shrink_frame

LEVEL = 1 / 65535
LOWEST = 37


def draw_stored(shape_px=(61, 47), seed=0):
    return np.random.default_rng(seed).integers(LOWEST, 4096, shape_px).astype(np.uint16)


def make_table():
    return (np.linspace(0, 1, 4096 - LOWEST) ** 1.7).astype(np.float32)


def share_plainly(first, step, count, size):
    shares = np.zeros((count, size))
    for new in range(count):
        low, high = sorted((first + step * new, first + step * (new + 1)))
        for old in range(size):
            shares[new, old] = max(0.0, min(high, old + 1) - max(low, old))
    return shares


def average_plainly(shown, rows, columns):
    """The definition in doubles: the mean over the part of a new pixel that lies in the frame."""
    down = share_plainly(*rows, shown.shape[0])
    across = share_plainly(*columns, shown.shape[1])
    area = down.sum(axis=1)[:, None] * across.sum(axis=1)[None, :]
    total = down @ shown.astype(np.float64) @ across.T
    return np.divide(total, area, out=np.zeros_like(total), where=area > 0)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ((0.0, 1.0, 61), (0.0, 1.0, 47)),
        ((0.0, 3.0, 20), (0.0, 3.0, 15)),
        ((0.4, 2.37, 25), (1.9, 2.37, 18)),
        ((61.0, -2.4, 25), (0.0, 2.4, 19)),
        ((60.3, -1.9, 30), (47.0, -1.9, 24)),
        ((-5.3, 4.1, 20), (-3.7, 11.4, 6)),
        ((70.2, -8.5, 10), (52.0, -3.3, 18)),
        ((10.2, 0.4, 60), (7.7, 0.3, 50)),
        ((0.0, 9.7, 7), (47.2, -1.01, 48)),
    ],
)
def test_the_mean_over_an_area_is_exact_to_one_level(rows, columns):
    stored, table = draw_stored(), make_table()
    wanted = average_plainly(table[stored - LOWEST], rows, columns)
    found = average_area(stored, table, LOWEST, rows, columns)
    assert (found.dtype, found.shape) == (np.float32, (rows[2], columns[2]))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=LEVEL)


@pytest.mark.parametrize("step", [1.0, 2.37, -3.3, 0.6])
def test_the_total_is_kept(step):
    stored, table = draw_stored(), make_table()
    counts = [int(np.ceil(size / abs(step))) + 2 for size in stored.shape]
    begin = [-0.7 if step > 0 else size + 0.7 for size in stored.shape]
    rows, columns = ((first, step, n) for first, n in zip(begin, counts, strict=True))
    found = average_area(stored, table, LOWEST, rows, columns)
    within = np.outer(*(share_plainly(*a, n).sum(1) for a, n in ((rows, 61), (columns, 47))))
    assert (found * within).sum() == pytest.approx(
        table[stored - LOWEST].sum(dtype=np.float64), rel=1e-6
    )


def test_what_lies_outside_the_frame_is_0():
    stored = np.full((8, 6), 9, np.uint16)
    table = np.arange(10, dtype=np.float32)
    found = average_area(stored, table, 0, (-4.0, 2.0, 8), (10.0, -2.0, 7))
    inside = np.zeros((8, 7), bool)
    inside[2:6, 2:5] = True
    np.testing.assert_allclose(found, np.where(inside, 9.0, 0.0), rtol=1e-6)


def test_a_border_pixel_is_the_mean_of_its_part_within():
    stored = np.array([[4, 8]], np.uint16)
    table = np.arange(9, dtype=np.float32)
    found = average_area(stored, table, 0, (0.0, 1.0, 1), (-0.5, 1.0, 3))
    assert found.tolist() == [[4.0, 6.0, 8.0]]


def test_each_pixel_of_a_fine_grid_is_the_stored_one_it_lies_in():
    stored, table = draw_stored((5, 4)), make_table()
    fine = average_area(stored, table, LOWEST, (0.0, 0.25, 20), (4.0, -0.25, 16))
    shown = table[stored - LOWEST]
    np.testing.assert_allclose(fine, shown.repeat(4, 0).repeat(4, 1)[:, ::-1], rtol=1e-6)


@pytest.mark.parametrize("freeze", ["read-only", "view", "sixteen bits"])
def test_any_frame_is_taken_and_none_is_changed(freeze):
    stored, table = draw_stored(), make_table()
    if freeze == "sixteen bits":
        stored = np.random.default_rng(1).integers(0, 65536, (61, 47)).astype(np.uint16)
        stored[0, :2] = 0, 65535
    lowest = int(stored.min())
    table = np.linspace(0, 1, int(stored.max()) - lowest + 1).astype(np.float32)
    given = np.asfortranarray(stored) if freeze == "view" else stored.copy()
    given.flags.writeable = freeze != "read-only"
    rows, columns = (0.3, 2.2, 25), (46.0, -2.2, 20)
    np.testing.assert_allclose(
        average_area(given, table, lowest, rows, columns),
        average_plainly(table[stored.astype(int) - lowest], rows, columns),
        atol=LEVEL,
    )
    np.testing.assert_allclose(
        shrink_frame(given, table, lowest, 5), shrink_plainly(stored, table, lowest, 5), atol=LEVEL
    )
    np.testing.assert_array_equal(given, stored)


def shrink_plainly(stored, table, lowest, cell):
    """Means of stored values over the rows that are taken, looked up between two values."""
    rows, columns = stored.shape[0] // cell, stored.shape[1] // cell
    taken = max(1, cell // 4)
    small = np.empty((rows, columns))
    for row in range(rows):
        lines = [row * cell + (step * cell) // taken for step in range(taken)]
        part = stored[lines, : columns * cell].astype(np.float64)
        small[row] = part.reshape(taken, columns, cell).mean(axis=(0, 2))
    return np.interp(small - lowest, np.arange(table.size), table.astype(np.float64))


@pytest.mark.parametrize("cell", [1, 2, 4, 7, 8, 11, 16])
def test_a_small_frame_is_the_mean_of_the_rows_it_takes(cell):
    stored, table = draw_stored((67, 49)), make_table()
    small = shrink_frame(stored, table, LOWEST, cell)
    assert (small.dtype, small.shape) == (np.float32, (67 // cell, 49 // cell))
    np.testing.assert_allclose(small, shrink_plainly(stored, table, LOWEST, cell), atol=LEVEL)


@pytest.mark.parametrize("cell", [8, 11, 16])
def test_the_rows_of_a_cell_are_evenly_spread(cell):
    # A ramp of rows: the mean row that a cell is read from is near its middle.
    stored = np.repeat(np.arange(64, dtype=np.uint16)[:, None], 32, axis=1)
    small = shrink_frame(stored, np.arange(64, dtype=np.float32), 0, cell)
    middles = (np.arange(small.shape[0]) + 0.5) * cell
    assert np.abs(small[:, 0] + 0.5 - middles).max() <= cell / 4


def test_the_darkest_and_the_brightest_frame_keep_their_ends():
    table = np.linspace(0.2, 0.9, 65536).astype(np.float32)
    for value, shown in ((0, 0.2), (65535, 0.9)):
        stored = np.full((16, 16), value, np.uint16)
        np.testing.assert_allclose(shrink_frame(stored, table, 0, 8), shown, rtol=1e-6)
        whole = average_area(stored, table, 0, (0.0, 8.0, 2), (0.0, 8.0, 2))
        np.testing.assert_allclose(whole, shown, rtol=1e-6)


def test_the_last_entry_of_a_table_is_read():
    stored = np.full((8, 8), 3, np.uint16)
    table = np.array([0, 0, 0, 1], np.float32)
    assert shrink_frame(stored, table, 0, 8).tolist() == [[1.0]]
    assert average_area(stored, table, 0, (0.0, 8.0, 1), (0.0, 8.0, 1)).tolist() == [[1.0]]
