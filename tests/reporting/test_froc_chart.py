"""The free-response chart shows each curve, its band and the rates that are read."""

from __future__ import annotations

from mammo_pipeline.reporting.froc_chart import froc_chart
from mammo_pipeline.reporting.page import inline_svg

RATE = [0.0625, 0.125, 0.25, 0.5, 1.0]
CURVE = {
    "rate": RATE,
    "sensitivity": [0.1, 0.3, 0.4, 0.4, 0.6],
    "low": [0.0, 0.1, 0.2, 0.2, 0.3],
    "high": [0.3, 0.5, 0.6, 0.6, 0.9],
}
READ = {"1/8": 0.125, "1": 1.0}


def draw(curves: dict, **options: str) -> str:
    return froc_chart(curves, READ, "false positives an image", "FROC <of> test", **options)


def test_it_is_an_svg_that_the_page_takes_with_its_title_and_names():
    svg = draw({"lesions": CURVE, "breasts": CURVE})
    assert inline_svg(svg) == svg.strip()
    for text in ("FROC &lt;of&gt; test", "lesions", "breasts", "1/8", "false positives an image"):
        assert text in svg


def test_two_curves_differ_in_colour_and_in_dash():
    svg = draw({"lesions": CURVE, "breasts": CURVE})
    assert "var(--series-1" in svg
    assert "var(--series-2" in svg
    assert "stroke-dasharray" in svg


def test_equal_data_give_equal_text():
    assert draw({"lesions": CURVE}) == draw({"lesions": CURVE})


def test_a_curve_without_a_band_or_without_values_is_drawn_all_the_same():
    unknown = [None] * len(RATE)
    bare = draw({"lesions": CURVE | {"low": unknown, "high": unknown}})
    assert "lesions" in bare
    assert len(bare) < len(draw({"lesions": CURVE}))
    nothing = dict.fromkeys(("sensitivity", "low", "high"), unknown)
    assert "lesions" in draw({"lesions": CURVE | nothing})
