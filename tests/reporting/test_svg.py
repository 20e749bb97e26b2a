import re

from mammo_pipeline.reporting.svg import COLOURS, SERIES, new_axes, write_svg


def draw(title):
    figure, axes = new_axes(2.0)
    axes.plot([0, 1], [0, 1], color=SERIES[1], label="a < b")
    axes.legend()
    return write_svg(figure, title)


def test_marker_colours_become_the_pages_variables():
    svg = draw("title")
    assert "var(--series-2, #bf6526)" in svg
    assert not any(marker in svg for marker in COLOURS)


def test_title_is_escaped_where_it_is_shown_and_where_it_is_heard():
    svg = draw('"quoted" <b>')
    assert "<b>" not in svg
    assert svg.count("&#34;quoted&#34; &lt;b&gt;") == 2


def test_size_is_left_to_the_page():
    head = draw("title").split(">", 1)[0]
    assert "viewBox" in head
    assert not re.search(r"\b(width|height)=", head)
