"""The reviewer's block shows who signed this ensemble, how to sign, and where to write by hand."""

from __future__ import annotations

from mammo_pipeline.reporting.audit.sign_off import draw_pen_lines, give_command, show_sign_off
from mammo_pipeline.reporting.page import render_page

RECORD = {
    "when": "2026-01-01T10:20:30.123456+00:00",
    "decision": "accepted-with-conditions",
    "name": "A. Reader <x>",
    "reason": "only for known devices",
    "page_sha256": "9" * 64,
    "ensemble_sha256": "e1",
    "gates_passed": False,
}


def test_only_sign_offs_of_this_ensemble_are_listed_the_newest_first():
    newer = RECORD | {"decision": "rejected", "when": "2026-02-01T00:00:00+00:00"}
    section = show_sign_off([RECORD, newer, RECORD | {"ensemble_sha256": "e2"}], "e1", "kedro x")
    rows = section["table"]["rows"]
    assert [row[1]["text"] for row in rows] == ["rejected", "accepted with conditions"]
    assert rows[1][4] == {"state": "failed", "text": "not all"}
    assert "of other ensembles: 1." in section["text"]
    page = render_page({"title": "t", "sections": [section]})
    assert "A. Reader &lt;x&gt;" in page and "2026-01-01 10:20:30" in page


def test_a_page_that_nobody_signed_says_so_and_gives_the_command():
    section = show_sign_off([], "e1", give_command(None))
    assert "Nobody has signed" in section["text"] and "table" not in section
    page = render_page({"title": "t", "sections": [section]})
    assert "kedro sign-off --decision accepted --name" in page


def test_there_are_lines_for_a_pen_that_follow_the_colours_of_the_page():
    svg = draw_pen_lines()
    for word in ("accepted", "rejected", "name", "date", "reason", "signature"):
        assert f">{word}</text>" in svg
    assert "currentColor" in svg and "var(--soft" in svg
