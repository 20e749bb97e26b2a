import re

import numpy as np
import pytest

from mammo_pipeline.reporting.curves import lines_by_epoch
from mammo_pipeline.reporting.page import inline_svg


def test_a_chart_names_its_curves_and_can_be_heard():
    svg = lines_by_epoch([1, 2, 3], {"each": [3, 2, 1], "smoothed": [3, 2.5, 2]}, "loss", "Loss")
    assert inline_svg(svg)
    assert 'aria-label="Loss"' in svg
    assert ">smoothed<" in svg and ">each<" in svg and ">loss<" in svg
    assert svg == lines_by_epoch(
        [1, 2, 3], {"each": [3, 2, 1], "smoothed": [3, 2.5, 2]}, "loss", "Loss"
    )


def test_one_epoch_alone_is_a_point():
    drawn, empty = (lines_by_epoch([1], {"each": [v]}, "loss", "Loss") for v in (0.7, np.nan))
    assert drawn.count("--series-1") > empty.count("--series-1")


@pytest.mark.parametrize(("heights", "log"), [([1, 2, 3], False), ([1, 5, 900], True)])
def test_heights_far_apart_are_drawn_by_their_logarithm(heights, log):
    svg = lines_by_epoch([1, 2, 3], {"each": heights}, "norm", "Norm")
    ticks = re.findall(r">([\d.]+)</text>", svg)
    assert ({"1", "10", "100"} <= set(ticks)) == log


def test_heights_that_hardly_differ_are_written_whole():
    svg = lines_by_epoch([1, 2], {"norm": [28.9740, 28.9757]}, "norm", "Norm")
    heights = re.findall(r">([+e\d.]+)</text>", svg)
    assert not [text for text in heights if "e" in text]
    assert "28.9750" in heights


def test_a_share_begins_at_zero():
    svg = lines_by_epoch([1, 2], {"wait": [0.4, 0.5]}, "share", "Wait", from_zero=True)
    assert re.search(r">0\.0+</", svg)
