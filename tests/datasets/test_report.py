"""A report is a page and its twin, and both say which code made them."""

from __future__ import annotations

import json

from mammo_pipeline.datasets.report import Report

REPORT = {"title": "T", "sections": [{"title": "S", "text": "one < two"}], "footer": {"n": "3"}}


def test_page_and_twin_are_written_together(tmp_path):
    report = Report(filepath=str(tmp_path / "r.html"))
    report.save(REPORT)
    assert "one &lt; two" in (tmp_path / "r.html").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["title"] == "T"
    assert report.load()["page"] == str(tmp_path / "r.html")


def test_the_foot_says_when_and_by_which_code_and_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/x/kedro", "run", "--params", "score_folder=/data/Doe_Jane"])
    report = Report(filepath=str(tmp_path / "r.html"))
    report.save(REPORT)
    foot = report.load()["footer"]
    assert {"n", "made", "command", "commit"} <= set(foot)
    assert foot["command"] == "kedro run"
    assert "Doe_Jane" not in (tmp_path / "r.html").read_text()
