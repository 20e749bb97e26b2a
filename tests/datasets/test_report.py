"""A report is a page and its twin, and both say which code made them."""

from __future__ import annotations

import hashlib
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


TABLED = REPORT | {
    "sections": [
        {
            "title": "Figures & more",
            "table": {
                "columns": ["figure", "value"],
                "rows": [["AUROC", {"value": 0.84213, "low": 0.8, "high": None, "n": 9}]],
            },
        },
        {"title": "Empty", "table": [{"columns": ["a"], "rows": [], "caption": "None left"}]},
    ]
}


def test_every_table_is_a_csv_beside_the_page(tmp_path):
    report = Report(filepath=str(tmp_path / "audit.html"), tables=True)
    report.save(TABLED)
    folder = tmp_path / "audit_tables"
    assert sorted(p.name for p in folder.iterdir()) == ["01_figures_more.csv", "02_none_left.csv"]
    assert "AUROC,0.84213,0.8,,9,," in (folder / "01_figures_more.csv").read_text()
    assert report.artifacts == [tmp_path / "audit.html", tmp_path / "audit.json", folder]


def test_tables_of_the_page_before_do_not_stay(tmp_path):
    report = Report(filepath=str(tmp_path / "audit.html"), tables=True)
    report.save(TABLED)
    report.save(TABLED | {"sections": TABLED["sections"][1:]})
    assert [p.name for p in (tmp_path / "audit_tables").iterdir()] == ["01_none_left.csv"]


def test_without_the_option_no_folder_is_written(tmp_path):
    report = Report(filepath=str(tmp_path / "audit.html"))
    report.save(TABLED)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit.html", "audit.json"]
    assert report.artifacts == [tmp_path / "audit.html", tmp_path / "audit.json"]


def test_the_twin_knows_the_digest_of_its_page(tmp_path):
    report = Report(filepath=str(tmp_path / "r.html"))
    report.save(REPORT)
    digest = hashlib.sha256((tmp_path / "r.html").read_bytes()).hexdigest()
    assert report.load()["page_sha256"] == digest


def test_the_foot_names_the_run_or_says_that_there_is_none(tmp_path, tracked, monkeypatch):
    report = Report(filepath=str(tmp_path / "r.html"))
    report.save(REPORT)
    assert report.load()["footer"]["run"] == tracked[0].run_id
    monkeypatch.delenv("MAMMO_PIPELINE_RUN")
    report.save(REPORT)
    assert report.load()["footer"]["run"] == "untracked"
