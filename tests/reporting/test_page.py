import json
from html.parser import HTMLParser

import numpy as np
import pytest

from mammo_pipeline.reporting.page import is_narrow_table, render_page, show_cell, show_figure, twin

VOID = {"meta", "img", "br", "link", "input", "hr", "path", "use", "rect"}


@pytest.fixture
def report():
    return {
        "title": "Audit <of> things",
        "subtitle": "one & two",
        "verdict": {"state": "failed", "text": "not met"},
        "facts": {"AUROC": {"value": 0.84, "low": 0.8, "high": 0.88}, "breasts": 1234},
        "sections": [
            {
                "title": "Table",
                "text": "First.\n\nSecond <b>.",
                "table": {
                    "columns": ["name", "n", "state"],
                    "rows": [["<script>x</script>", 3, {"state": "warn", "text": "small"}]],
                    "note": "a note",
                },
            },
            {
                "title": "Chart",
                "chart": '<svg role="img"><title>t</title></svg>',
                "caption": "seen",
            },
            {"title": "Picture", "image": "data:image/png;base64,AAAA", "caption": "a breast"},
        ],
        "footer": {"commit": "abc"},
    }


class Tags(HTMLParser):
    """Collects tags with their attributes and whether all that open close in order."""

    def __init__(self, page):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_page_is_well_formed_and_asks_nothing_of_the_network(report):
    tags = Tags(render_page(report))
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "link", "iframe"}
    for _, attributes in tags.seen:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), attributes


def test_text_from_data_is_escaped_everywhere(report):
    page = render_page(report)
    assert "<script>x" not in page
    assert "Audit &lt;of&gt; things" in page
    assert "Second &lt;b&gt;" in page


def test_tables_and_pictures_can_be_heard(report):
    tags = Tags(render_page(report))
    scopes = [attributes.get("scope") for tag, attributes in tags.seen if tag == "th"]
    assert scopes.count("col") == 3
    assert scopes.count("row") == 1
    assert "caption" in [tag for tag, _ in tags.seen]
    assert {"alt": "a breast"}.items() <= next(a for t, a in tags.seen if t == "img").items()


def test_contents_lead_to_every_section(report):
    tags = Tags(render_page(report))
    ids = {attributes.get("id") for _, attributes in tags.seen}
    links = {attributes["href"][1:] for tag, attributes in tags.seen if tag == "a"}
    assert {"section-1", "section-2", "section-3"} <= links <= ids


def test_page_is_for_light_dark_narrow_and_paper(report):
    page = render_page(report)
    for rule in ("prefers-color-scheme: dark", "max-width: 34rem", "@media print", "viewport"):
        assert rule in page


def test_research_notice_stands_on_every_page(report):
    assert "For research use only" in render_page(report)


def test_the_smallest_report_is_a_page():
    page = render_page({"title": "t", "sections": [{"title": "s"}]})
    assert Tags(page).open == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": {"state": "good", "text": ""}}, "'good'"),
        ({"heading": "x"}, r"unknown keys \['heading'\]"),
        ({"sections": [{"title": "s", "image": "https://x/y.png"}]}, "data URI"),
        ({"sections": [{"title": "s", "chart": "<svg><script>1</script></svg>"}]}, "plain SVG"),
        (
            {"sections": [{"title": "s", "table": {"columns": ["a"], "rows": [[1, 2]]}}]},
            "row 0 has 2 cells for 1 columns",
        ),
    ],
)
def test_a_report_that_would_be_shown_wrongly_is_refused(report, change, message):
    with pytest.raises(ValueError, match=message):
        render_page(report | change)


def test_twin_is_the_report_as_json_without_pictures(report):
    report["facts"] |= {"nothing": float("nan"), "counted": np.int64(3)}
    stored = json.loads(json.dumps(twin(report), allow_nan=False))
    assert stored["facts"] == report["facts"] | {"nothing": None, "counted": 3}
    assert [set(section) for section in stored["sections"]] == [
        {"title", "text", "table"},
        {"title", "caption"},
        {"title", "caption"},
    ]


def test_an_undefined_figure_says_why():
    assert show_figure({"value": None, "reason": "no positive"}) == "– (no positive)"


def test_sentences_keep_room_in_a_narrow_frame(report):
    report["sections"][0]["table"]["rows"] = [["a", 1, "area under the curve, with ties as a half"]]
    assert '<td class="prose">area' in render_page(report)


def test_words_are_not_broken_at_each_space_in_a_narrow_frame(report):
    report["sections"][0]["table"]["rows"] = [["a", 1, "as they come"], ["b", 2, "weights of it"]]
    assert '<td class="wordy">as they come' in render_page(report)


def test_an_undefined_figure_shows_its_reason_in_the_table():
    cell = show_cell({"value": None, "low": None, "high": None, "reason": "no <positive>"})
    assert cell == '<span class="undefined">no &lt;positive&gt;</span>'


def test_a_state_is_told_by_its_word_and_not_by_colour_alone():
    assert ">drift</span>" in show_cell({"state": "failed", "text": "drift"})


def test_a_folded_table_opens_by_its_caption_and_is_all_there(report):
    table = {"columns": ["layer"], "rows": [["conv_1"], ["conv_2"]], "caption": "Every layer"}
    report["sections"][0]["table"] = [table | {"folded": True}, table]
    page = render_page(report)
    assert page.count("<details>") == page.count("</details>") == 1
    assert "<summary>Every layer</summary>" in page
    assert page.count("conv_2") == 2
    assert Tags(page).open == []
    assert twin(report)["sections"][0]["table"][0]["rows"] == [["conv_1"], ["conv_2"]]


def test_pictures_stand_in_a_grid_each_with_its_caption(report):
    picture = {"image": "data:image/jpeg;base64,AAAA", "caption": "breast <1>"}
    report["sections"][2]["pictures"] = [picture, picture | {"caption": "breast 2"}]
    page = render_page(report)
    assert page.count("data:image/jpeg") == 2
    assert 'alt="breast &lt;1&gt;"' in page
    assert Tags(page).open == []
    told = twin(report)["sections"][2]["pictures"]
    assert told == [{"caption": "breast <1>"}, {"caption": "breast 2"}]


@pytest.mark.parametrize(
    "picture", [{"image": "https://x/y.png"}, {"image": "data:image/png;base64,", "title": "x"}]
)
def test_a_picture_from_elsewhere_is_refused(report, picture):
    report["sections"][2]["pictures"] = [picture]
    with pytest.raises(ValueError, match=r"data URI|unknown keys"):
        render_page(report)


def test_the_record_is_for_machines_alone(report):
    report["record"] = {"ensemble_sha256": "0123abcd"}
    assert "0123abcd" not in render_page(report)
    assert twin(report)["record"] == {"ensemble_sha256": "0123abcd"}


def test_a_command_can_be_copied_as_it_is(report):
    report["sections"][0]["command"] = 'kedro sign-off --name "<you>"'
    assert '<pre class="command">kedro sign-off --name &#34;&lt;you&gt;&#34;</pre>' in render_page(
        report
    )


def test_a_greyed_cell_keeps_its_number_and_is_still_set_right(report):
    figure = {"value": 0.5, "low": 0.25, "high": 0.75, "faint": True}
    assert show_cell(figure) == (
        '<span class="faint">0.500 <span class="interval">(0.250 to 0.750)</span></span>'
    )
    report["sections"][0]["table"] = {"columns": ["a", "b"], "rows": [["x", figure]]}
    assert '<td class="number"><span class="faint">' in render_page(report)


def test_a_table_wider_than_paper_is_set_small_there(report):
    figure = {"value": 0.5, "low": 0.25, "high": 0.75}
    names = [f"column {number}" for number in range(9)]
    report["sections"][0]["table"] = {"columns": names, "rows": [[figure] * 9]}
    assert 'class="table wide short"' in render_page(report)
    report["sections"][0]["table"] = {"columns": names[:3], "rows": [[7] * 3] * 20}
    page = render_page(report)
    assert 'class="table wide' not in page and 'class="table narrow">' in page


@pytest.mark.parametrize(("figures", "narrow"), [(1, True), (2, False)])
def test_a_table_of_two_columns_of_intervals_stands_alone(figures, narrow):
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    row = ["image", *([figure] * figures), *([7] * (2 - figures))]
    table = {"columns": ["unit", "a", "b"], "rows": [row]}
    assert is_narrow_table(table) is narrow
