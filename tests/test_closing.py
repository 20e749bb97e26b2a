"""The next command can be pasted as it stands."""

from __future__ import annotations

from mammo_pipeline import closing


def test_the_next_command_names_the_environment_of_the_run(monkeypatch):
    monkeypatch.setenv("MAMMO_PIPELINE_ENV", "")
    closing.name_environment("mine")
    told = closing.closing_block("t", {}, next_command="kedro run --pipelines check")
    assert told.endswith(".venv/bin/kedro run --env mine --pipelines check")


def test_the_local_environment_needs_no_name(monkeypatch):
    monkeypatch.setenv("MAMMO_PIPELINE_ENV", "")
    closing.name_environment("local")
    assert closing.complete_command("kedro run") == ".venv/bin/kedro run"
