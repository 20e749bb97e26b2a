"""A sign-off is written once to a file that only grows, for the very page that was read."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from mammo_pipeline.datasets.report import Report
from mammo_pipeline.signed import sign_off

CATALOG = {
    "audit_page": {"type": "mammo_pipeline.datasets.Report", "filepath": "08/audit.html"},
    "sign_offs": {
        "type": "mammo_pipeline.datasets.AppendedRecords",
        "filepath": "08/sign_offs.jsonl",
    },
}
WORDS = {"--decision": "accepted", "--name": "A. Reader", "--reason": "read it all"}


class Project:
    def __init__(self, path) -> None:
        self.project_path = path


def write_page(project, passed=True, **changes):
    gates = [{"name": "auroc", "passed": passed}, {"name": "contract", "passed": True}]
    record = {"ensemble_sha256": "ab" * 32, "gates": gates} | changes
    page = {"title": "t", "sections": [{"title": "s"}], "record": record}
    Report(filepath=str(project / "08/audit.html")).save(page)


@pytest.fixture
def study(project, tracked):
    (project / "conf/base/catalog.yml").write_text(yaml.safe_dump(CATALOG))
    write_page(project)
    return project


def sign(study, **changes):
    words = WORDS | {f"--{name}": value for name, value in changes.items()}
    arguments = [part for pair in words.items() for part in pair]
    return CliRunner().invoke(sign_off, arguments, obj=Project(study))


def read_file(study):
    path = study / "08/sign_offs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_sign_off_is_in_the_file_and_in_the_tags_of_the_run(study, tracked):
    result = sign(study)
    assert result.exit_code == 0, result.output
    [record] = read_file(study)
    twin = json.loads((study / "08/audit.json").read_text())
    assert record["page_sha256"] == twin["page_sha256"]
    assert record["run_id"] == tracked[0].run_id == twin["footer"]["run"]
    assert (record["decision"], record["name"], record["reason"]) == tuple(WORDS.values())
    assert record["gates_passed"] is True and record["when"].endswith("+00:00")
    tags = tracked[1].get_run(record["run_id"]).data.tags
    assert tags["sign_off.decision"] == "accepted" and tags["sign_off.name"] == "A. Reader"
    assert "all 2 passed" in result.output and "WARNING" not in result.output


def test_the_same_command_again_writes_nothing_and_sets_the_tags_again(study, tracked):
    run, client = tracked
    sign(study)
    sign(study, name="B. Reader", decision="rejected")
    client.set_tag(run.run_id, "sign_off.decision", "lost")
    result = sign(study)
    assert "where it stood already" in result.output
    assert [one["name"] for one in read_file(study)] == ["A. Reader", "B. Reader"]
    # The newest judgement of the run is the second reader's still.
    assert client.get_run(run.run_id).data.tags["sign_off.decision"] == "rejected"


def test_a_sign_off_of_an_older_page_stays(study):
    sign(study)
    write_page(study, ensemble_sha256="cd" * 32)
    sign(study)
    digests = [one["ensemble_sha256"] for one in read_file(study)]
    assert digests == ["ab" * 32, "cd" * 32]


def test_accepting_against_a_gate_is_allowed_and_told_loudly(study):
    write_page(study, passed=False)
    result = sign(study, decision="accepted-with-conditions")
    assert result.exit_code == 0
    assert "NOT ALL PASSED: auroc" in result.output
    assert "WARNING   this accepts what a gate refuses" in result.output
    assert read_file(study)[0]["gates_failed"] == ["auroc"]
    assert "WARNING" not in sign(study, decision="rejected").output


def test_a_page_that_was_changed_since_is_refused(study):
    page = study / "08/audit.html"
    page.write_text(page.read_text().replace("<main>", "<main>AUROC 0.99"))
    result = sign(study)
    assert result.exit_code == 1
    assert "is not the page that was written" in result.output
    assert read_file(study) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("ab" * 32, "cd" * 32), ('"passed": false', '"passed": true'), ('"run": "', '"run": "0')],
)
def test_a_twin_that_was_changed_since_is_refused(study, old, new):
    write_page(study, passed=False)
    twin = study / "08/audit.json"
    changed = twin.read_text().replace(old, new)
    assert changed != twin.read_text()
    twin.write_text(changed)
    result = sign(study)
    assert result.exit_code == 1 and "was changed since" in result.output
    assert read_file(study) == []


@pytest.mark.parametrize("gone", ["audit.html", "audit.json"])
def test_without_a_page_there_is_nothing_to_sign(study, gone):
    (study / "08" / gone).unlink()
    result = sign(study)
    assert result.exit_code == 1
    assert "kedro run --pipelines evaluate" in result.output
    assert read_file(study) == []


def test_a_page_of_an_older_kind_is_refused(study):
    Report(filepath=str(study / "08/audit.html")).save({"title": "t", "sections": []})
    result = sign(study)
    assert result.exit_code == 1 and "names no ensemble" in result.output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "  "}, "the name has 0 characters"),
        ({"reason": ""}, "the reason has 0 characters"),
        ({"reason": "x" * 501}, "expected 1 to 500"),
        ({"name": "A\nB"}, "on one line"),
        ({"decision": "maybe"}, "is not one of"),
    ],
)
def test_words_that_cannot_be_used_are_refused(study, change, words):
    result = sign(study, **change)
    assert result.exit_code != 0 and words in result.output
    assert read_file(study) == []


def test_without_a_run_the_file_alone_has_it_and_this_is_told(study, monkeypatch):
    monkeypatch.delenv("MAMMO_PIPELINE_RUN")
    write_page(study)
    result = sign(study)
    assert result.exit_code == 0, result.output
    assert "the file alone has the sign-off" in result.output
    assert read_file(study)[0]["run_id"] == "untracked"


def test_when_mlflow_is_away_the_file_has_it_and_the_command_says_to_come_again(
    study, monkeypatch, tracked
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    result = sign(study)
    assert result.exit_code == 1
    assert "same command again" in " ".join(result.output.split())
    assert len(read_file(study)) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert sign(study).exit_code == 0
    assert len(read_file(study)) == 1
    assert tracked[1].get_run(tracked[0].run_id).data.tags["sign_off.name"] == "A. Reader"


def test_a_run_that_is_gone_is_told(study, tracked):
    tracked[1].delete_run(tracked[0].run_id)
    result = sign(study)
    assert len(read_file(study)) == 1
    assert result.exit_code == 1
    assert "its tags are not set" in " ".join(result.output.split())


def test_a_catalog_without_the_file_is_told(study):
    (study / "conf/base/catalog.yml").write_text(
        yaml.safe_dump({"audit_page": CATALOG["audit_page"]})
    )
    result = sign(study)
    assert result.exit_code == 1 and "no entry sign_offs" in result.output
