import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mammo_pipeline.reporting import charts

CURVE = ([0, 0.2, 1], [0, 0.7, 1])
RELIABILITY = pd.DataFrame(
    {"predicted": [0.1, 0.6], "observed": [0.0, 0.7], "low": [0.0, 0.5], "high": [0.1, 0.8]}
)
FOREST = [
    {"name": "a <b>", "value": 0.8, "low": 0.7, "high": 0.9, "small": False},
    {"name": "b", "value": 0.6, "low": None, "high": None, "small": True},
    {"name": "c", "value": None, "low": None, "high": None, "small": True},
]
DRAWN = {
    "histogram": lambda: charts.histogram_by_group(
        [1.0, 2.0, np.nan, 3.0], ["x", "x", "x", "y"], "width, px"
    ),
    "roc": lambda: charts.roc_curve(*CURVE, "ours", "ROC", (0.1, 0.5), {"BCSC": (0.11, 0.87)}),
    "reliability": lambda: charts.reliability_diagram(RELIABILITY, [0.1, 0.6], "Reliability"),
    "forest": lambda: charts.forest_plot(FOREST, "AUROC", "Forest", whole=0.75),
    "curves": lambda: charts.curves_by_group(
        [0.1, 1.0, 10.0],
        {"a": [1.0, 2.0, np.nan], "b": [2.0, 1.0, 0.0]},
        "f",
        "p",
        "C",
        is_log=True,
    ),
    "bars": lambda: charts.bars(["a", "b"], {"x": [1, 2], "y": [3, np.nan]}, "share", "Bars"),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_chart_is_lone_svg_with_a_title_and_the_pages_colours(draw):
    svg = draw()
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"]
    assert "currentColor" in svg and "var(--series-1" in svg
    assert "#0101" not in svg
    assert "<script" not in svg
    assert "#ffffff" not in svg, "a white ground would blind the dark page"
    assert not re.search(r'(href|src)="(?!#)', svg)


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_equal_data_give_equal_svg(draw):
    assert draw() == draw()
    assert "<dc:date>" not in draw()


def test_ids_of_two_charts_do_not_meet():
    drawn = [charts.histogram_by_group([0.0, v, 9.0], ["x"] * 3, "q50") for v in (1.0, 8.0)]
    found = [set(re.findall(r' id="([^"]+)"', svg)) for svg in drawn]
    assert found[0] and not found[0] & found[1]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_every_reference_inside_a_chart_is_met(draw):
    svg = draw()
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    assert used
    assert used <= set(re.findall(r' id="([^"]+)"', svg))


def test_text_stays_text_and_is_escaped():
    svg = DRAWN["forest"]()
    assert re.search(r"<text [^>]*>a &lt;b&gt;", svg)
    assert "undefined" in svg


def test_groups_say_how_many_they_are():
    assert "x (n 2)" in DRAWN["histogram"]()


def test_empty_histogram_is_drawn():
    assert charts.histogram_by_group([], [], "nothing").startswith("<svg")


def test_grid_holds_every_picture_in_its_cell():
    images = [np.full((40, 20), grey, np.uint8) for grey in (50, 150, 250)]
    uri = charts.image_grid(images, ["a", "b", "c"], columns=2, width_px=30)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))
    assert sheet.shape[1] == 2 * 30 + 6
    assert [sheet[30, 15, 0], sheet[30, 51, 0], sheet[116, 15, 0]] == [50, 150, 250]


def test_grid_refuses_what_is_no_picture():
    with pytest.raises(ValueError, match="uint8, found uint16"):
        charts.image_grid([np.zeros((2, 2), np.uint16)], ["a"])
    with pytest.raises(ValueError, match="0 images"):
        charts.image_grid([], [])


def test_two_histograms_share_the_axis_that_they_are_given():
    drawn = [
        charts.histogram_by_group(values, ["x"] * 3, "v", limits=(0.0, 10.0))
        for values in ([1.0, 2.0, 3.0], [7.0, 8.0, 9.0])
    ]
    ticks = [re.findall(r">([\d.]+)</text>", svg) for svg in drawn]
    assert ticks[0] == ticks[1]


def test_eight_curves_differ_in_colour_dash_or_mark():
    names = [f"device {number}" for number in range(8)]
    curves = {name: [1.0, 2.0, np.nan] for name in names}
    svg = charts.curves_by_group([1, 2, 5], curves, "x", "y", "t")
    assert all(name in svg for name in names)
    drawn = [charts._style_group(number) for number in range(8)]
    assert len({(style["color"], style["linestyle"]) for style in drawn}) == 8


def test_a_curve_of_nothing_is_drawn():
    assert charts.curves_by_group([1, 2], {}, "x", "y", "t", is_log=True).startswith("<svg")
