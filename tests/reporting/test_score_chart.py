import re
from xml.etree import ElementTree

import numpy as np
import pytest

from mammo_pipeline.reporting.score_chart import score_panels

FULL = {"group": "no cancer", "n": 300, "q1": 3.0, "median": 5.0, "q3": 8.0, "shares": [0.1] * 10}
FEW = FULL | {"group": "cancer <N>", "n": 20}
EMPTY = {"group": "N-1", "n": 0, "q1": None, "median": None, "q3": None, "shares": [0.0] * 10}
SCORES = np.arange(11) + 0.5


def draw(*groups, edges=SCORES):
    return score_panels(groups, edges, "score, 1 to 10", "Scores by group")


def test_chart_is_lone_svg_in_the_pages_colours_and_says_every_name():
    svg = draw(FEW, EMPTY, FULL)
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == "Scores by group"
    assert "#0101" not in svg
    words = "".join(root.itertext())
    for name in ("cancer <N> (n 20)", "N-1 (n 0)", "nobody", "no cancer (n 300)"):
        assert name in words
    assert all(f"var(--series-{number}" in svg for number in (1, 3))


def test_a_small_group_is_hollow_and_a_large_one_is_not():
    filled = re.compile(r"fill: ?var\(--series-1")
    assert filled.search(draw(FEW | {"n": 21}))
    assert not filled.search(draw(FEW))


def test_every_score_has_its_tick_and_probabilities_have_theirs():
    words = " ".join(ElementTree.fromstring(draw(FULL)).itertext()).split()
    assert {str(score) for score in range(1, 11)} <= set(words)
    shares = draw(FULL | {"median": 0.5, "q1": 0.2, "q3": 0.7}, edges=np.linspace(0, 1, 11))
    assert "0.4" in " ".join(ElementTree.fromstring(shares).itertext()).split()


def test_equal_data_give_equal_bytes():
    assert draw(FULL, EMPTY) == draw(FULL, EMPTY)


def test_only_empty_groups_still_make_a_chart():
    assert draw(EMPTY, EMPTY).count("nobody") >= 2


def test_shares_that_do_not_fit_the_classes_stop():
    with pytest.raises(ValueError, match="1 groups for 10 classes"):
        draw(FULL | {"shares": [1.0]})
    with pytest.raises(ValueError, match="0 groups"):
        draw()
