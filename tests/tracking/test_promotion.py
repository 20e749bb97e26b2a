"""The champion moves with a reason, never past a gate, and every move is remembered."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mammo_pipeline.promote import promote as promote_command
from mammo_pipeline.tracking.promotion import (
    CHAMPION,
    PromotionError,
    find_alias,
    promote,
    read_history,
    return_champion,
)
from mammo_pipeline.tracking.registry import CANDIDATE, GATES_TAG, REFUSED_TAG


@pytest.fixture
def client(tracked):
    """A registry with versions 1 and 2 passed, 3 refused, and 2 as the candidate."""
    client = tracked[1]
    client.create_registered_model("tiny")
    passed = {GATES_TAG: "passed"}
    refused = {GATES_TAG: "refused", REFUSED_TAG: "auroc.low is 0.5, expected >= 0.7"}
    for tags in (passed, passed, refused):
        client.create_model_version("tiny", "file:///nowhere", tags=tags)
    client.set_registered_model_alias("tiny", CANDIDATE, "2")
    return client


def test_the_candidate_becomes_champion_with_who_when_and_why(client):
    entry = promote(client, "tiny", "better on dense breasts")
    assert (entry.from_version, entry.to_version) == (None, "2")
    assert find_alias(client, "tiny", CHAMPION) == "2"
    assert read_history(client, "tiny") == [entry]
    assert entry.who and entry.when.endswith("+00:00") and entry.reason == "better on dense breasts"
    version_tags = client.get_model_version("tiny", "2").tags
    assert any(name.startswith("promotion.") for name in version_tags)


def test_a_version_whose_gates_failed_is_refused_with_the_reason(client):
    with pytest.raises(PromotionError, match=r"auroc\.low is 0\.5"):
        promote(client, "tiny", "we need it", "3")
    assert find_alias(client, "tiny", CHAMPION) is None
    assert read_history(client, "tiny") == []


def test_a_version_without_a_verdict_is_refused(client):
    client.create_model_version("tiny", "file:///nowhere")
    with pytest.raises(PromotionError, match="no verdict is recorded"):
        promote(client, "tiny", "made by hand", "4")


def test_without_a_candidate_the_newest_refusal_is_told(client):
    client.delete_registered_model_alias("tiny", CANDIDATE)
    with pytest.raises(PromotionError, match="newest version, 3, was refused"):
        promote(client, "tiny", "why not")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_move_without_a_usable_reason_is_refused(client, reason):
    with pytest.raises(PromotionError, match="expected 1 to 500"):
        promote(client, "tiny", reason)


def test_back_returns_to_the_champion_before_and_keeps_both_moves(client):
    promote(client, "tiny", "first", "1")
    promote(client, "tiny", "second", "2")
    entry = return_champion(client, "tiny", "2 misses calcifications")
    assert (entry.kind, entry.from_version, entry.to_version) == ("back", "2", "1")
    assert find_alias(client, "tiny", CHAMPION) == "1"
    assert [move.reason for move in read_history(client, "tiny")] == [
        "first",
        "second",
        "2 misses calcifications",
    ]
    with pytest.raises(PromotionError, match="no champion came before version 1"):
        return_champion(client, "tiny", "again")


@pytest.mark.parametrize(("version", "words"), [("2", "champion already"), ("9", "no version 9")])
def test_moves_that_make_no_sense_are_refused(client, version, words):
    promote(client, "tiny", "first")
    with pytest.raises(PromotionError, match=words):
        promote(client, "tiny", "again", version)


class Project:
    def __init__(self, path) -> None:
        self.project_path = path


def test_the_command_says_what_it_did_and_what_comes_next(client, project):
    arguments = ["--reason", "better", "--env", "base"]
    result = CliRunner().invoke(promote_command, arguments, obj=Project(project))
    assert result.exit_code == 0, result.output
    assert "champion of tiny: version none -> 2" in result.output
    assert "kedro run --env base --pipelines score" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reason", "x", "--version", "3"], "did not pass its gates"),
        (["--reason", "x", "--back"], "no champion to go back from"),
        (["--reason", "x", "--back", "--version", "1"], "leave --version out"),
        ([], "--reason"),
    ],
)
def test_the_command_fails_and_says_why(client, project, arguments, words):
    result = CliRunner().invoke(promote_command, arguments, obj=Project(project))
    assert result.exit_code != 0
    assert words in result.output


def test_a_registry_without_the_model_says_to_run_the_study(project):
    result = CliRunner().invoke(promote_command, ["--reason", "x"], obj=Project(project))
    assert result.exit_code == 1
    assert "no registered model 'tiny'" in result.output
