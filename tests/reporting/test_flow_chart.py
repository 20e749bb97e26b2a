"""The flow chart is plain SVG that says what it is given."""

from __future__ import annotations

from xml.etree import ElementTree

from mammo_pipeline.reporting.flow_chart import flow_chart
from mammo_pipeline.reporting.page import inline_svg

STEPS = [
    {"lines": ["12 files found"], "left": ["3 not used", "2 <quarantined>", "1 duplicate"]},
    {"lines": ["9 images"], "left": []},
]


def test_every_line_is_drawn_escaped_and_within_the_frame():
    root = ElementTree.fromstring(flow_chart(STEPS, "From files to images"))
    texts = [node for node in root.iter() if node.tag.endswith("text")]
    assert [node.text for node in texts] == [
        "12 files found",
        "3 not used",
        "2 <quarantined>",
        "1 duplicate",
        "9 images",
    ]
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert all(float(t.attrib["y"]) < height and float(t.attrib["x"]) < width for t in texts)


def test_the_chart_may_stand_on_a_page_and_is_the_same_twice():
    chart = flow_chart(STEPS, "flow")
    assert inline_svg(chart) == chart == flow_chart(STEPS, "flow")
