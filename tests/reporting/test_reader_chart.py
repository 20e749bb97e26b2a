import numpy as np

from mammo_pipeline.reporting.reader_chart import draw_readers

CURVE = {"model": (np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.8, 1.0]))}
POINTS = {"unaided": [(0.1, 0.6), (0.2, 0.7)], "aided": [(0.1, 0.7), (0.15, 0.8)]}


def test_curve_and_both_modalities_are_named():
    svg = draw_readers(CURVE, POINTS, "Readers")
    assert svg.startswith("<svg")
    assert 'aria-label="Readers"' in svg
    for name in ("model", "readers, unaided", "readers, aided"):
        assert f">{name}<" in svg


def test_the_two_modalities_differ_in_mark_and_fill_and_not_in_colour_alone():
    svg = draw_readers({}, POINTS, "Readers")
    assert svg.count("fill: none; stroke: var(--series-2") + svg.count("fill: none") > 2
    one = draw_readers({}, {"unaided": POINTS["unaided"]}, "Readers")
    assert one != svg


def test_it_may_be_drawn_without_a_curve_and_twice_alike():
    assert draw_readers({}, POINTS, "Readers") == draw_readers({}, POINTS, "Readers")
