"""A report is a page and its twin, and both say which code made them."""

from __future__ import annotations

import json

import pytest

from mammo_pipeline.datasets.report import Report, show_command

REPORT = {"title": "T", "sections": [{"title": "S", "text": "one < two"}], "footer": {"n": "3"}}

COMMAND = [
    "/home/Doe_Jane/.venv/bin/kedro",
    *("run", "--env", "demo", "--conf-source", "/home/Doe_Jane/conf"),
    *("--pipelines=check,score", "--params", "score_folder=/data/Doe_Jane,x.Doe_Jane=1"),
]


def test_page_and_twin_are_written_together(tmp_path):
    report = Report(filepath=str(tmp_path / "r.html"))
    report.save(REPORT)
    assert "one &lt; two" in (tmp_path / "r.html").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["title"] == "T"
    assert report.load()["page"] == str(tmp_path / "r.html")


def test_the_foot_says_when_and_by_which_code_and_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", COMMAND)
    report = Report(filepath=str(tmp_path / "r.html"))
    report.save(REPORT)
    foot = report.load()["footer"]
    assert {"n", "made", "command", "commit"} <= set(foot)
    assert foot["command"] == "kedro run --env demo --pipelines check,score"
    assert foot["command"] in (tmp_path / "r.html").read_text()
    for file in (tmp_path / "r.html", tmp_path / "r.json"):
        assert "Doe_Jane" not in file.read_text()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["run", "--config", "/data/Doe_Jane/study.yml"], "kedro run --config study.yml"),
        (
            ["run", "-c=/data/Doe_Jane/study.yml", "-e", "mine"],
            "kedro run --config study.yml --env mine",
        ),
        (["run", "--conf-source", "/Doe_Jane", "-p", "train"], "kedro run --pipeline train"),
        (["run", "--conf-source=/Doe_Jane", "--params=a=Doe_Jane", "--env=x"], "kedro run --env x"),
        (["run", "--env", "/data/Doe_Jane", "--load-versions", "Doe_Jane"], "kedro run"),
        (["run", "--env"], "kedro run"),
        (["Doe_Jane"], "kedro"),
    ],
)
def test_only_listed_options_are_repeated(words, shown):
    assert show_command(["/home/Doe_Jane/.venv/bin/kedro", *words]) == shown
