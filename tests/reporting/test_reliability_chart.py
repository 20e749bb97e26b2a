import re
from xml.etree import ElementTree

import pytest

from mammo_pipeline.reporting.reliability_chart import reliability_pair


def make_rows(scale=1.0):
    return [
        {"predicted": 0.1 * scale, "observed": 0.0, "low": 0.0, "high": 0.1 * scale},
        {
            "predicted": 0.6 * scale,
            "observed": 0.7 * scale,
            "low": 0.5 * scale,
            "high": 0.8 * scale,
        },
    ]


HISTOGRAM = {"edges": [0.0, 0.05, 0.9, 1.0], "before": [3, 0, 0], "after": [5, 0, 0]}


def draw(scale=1.0, histogram=HISTOGRAM):
    return reliability_pair({"before": make_rows(scale), "after": make_rows(scale)}, histogram, "R")


def test_both_series_are_named_and_told_apart_without_colour():
    svg = draw()
    assert "before calibration" in svg
    assert "after calibration" in svg
    assert "stroke-dasharray" in svg
    assert re.search(r"fill: none; stroke: var\(--series-2", svg)


def test_the_chart_is_well_formed_follows_the_page_and_is_the_same_each_time():
    svg = draw()
    assert ElementTree.fromstring(svg).attrib["aria-label"] == "R"
    assert "var(--series-1" in svg
    assert "#0101" not in svg
    assert svg == draw()


@pytest.mark.parametrize(("scale", "shown"), [(1.0, "0.8"), (0.05, "0.04")])
def test_the_axes_end_where_the_data_end(scale, shown):
    texts = re.findall(r">([0-9.]+)</text>", draw(scale))
    assert shown in texts
    assert ("0.8" in texts) == (scale == 1.0)


def test_a_breast_far_from_the_bins_is_still_inside_the_histogram():
    svg = draw(0.05, HISTOGRAM | {"after": [4, 0, 1]})
    assert "1.0" in re.findall(r">([0-9.]+)</text>", svg)


def test_a_bound_inside_its_point_by_rounding_is_drawn():
    rows = [{"predicted": 0.5, "observed": 1.0, "low": 0.4, "high": 1.0 - 1e-16}]
    assert "<svg" in reliability_pair({"before": rows, "after": rows}, HISTOGRAM, "R")
