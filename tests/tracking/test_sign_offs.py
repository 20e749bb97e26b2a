"""Tags of a run repeat its sign-offs: the newest by name, every one whole."""

from __future__ import annotations

import json

import pytest

from mammo_pipeline.tracking import TrackingError
from mammo_pipeline.tracking.sign_offs import list_tags, tag_run

FIRST = {"decision": "rejected", "name": "A", "reason": "few", "when": "2026-01-01T00:00:00+00:00"}
SECOND = FIRST | {"decision": "accepted", "name": "B", "when": "2026-01-02T00:00:00.25+00:00"}


def test_the_newest_is_named_and_the_older_one_kept():
    tags = list_tags([FIRST, SECOND])
    assert tags["sign_off.decision"] == "accepted"
    assert tags["sign_off.name"] == "B"
    assert json.loads(tags["sign_off.20260101T000000Z"]) == FIRST
    assert list_tags([]) == {}


def test_a_run_that_ended_long_ago_takes_the_tags(tracked):
    run, client = tracked
    client.set_terminated(run.run_id, "FINISHED")
    tag_run(client, run.run_id, list_tags([FIRST, SECOND]))
    tags = client.get_run(run.run_id).data.tags
    assert tags["sign_off.reason"] == "few"
    assert json.loads(tags["sign_off.20260102T000000.25Z"]) == SECOND


def test_an_unknown_run_is_told(tracked):
    with pytest.raises(TrackingError, match="was removed, or"):
        tag_run(tracked[1], "0" * 32, list_tags([FIRST]))
