"""Of several machines that train together one speaks to MLflow."""

from __future__ import annotations

import json

import pytest

from mammo_pipeline.tracking.workers import is_chief

TWO = {"worker": ["one:1", "two:1"]}
WITH_CHIEF = {"chief": ["one:1"], "worker": ["two:1"]}


@pytest.mark.parametrize(
    ("cluster", "kind", "number", "expected"),
    [
        (TWO, "worker", 0, True),
        (TWO, "worker", 1, False),
        (TWO, "worker", "1", False),
        (WITH_CHIEF, "chief", 0, True),
        (WITH_CHIEF, "worker", 0, False),
    ],
)
def test_one_task_of_a_cluster_is_the_chief(cluster, kind, number, expected):
    config = {"cluster": cluster, "task": {"type": kind, "index": number}}
    assert is_chief(json.dumps(config)) is expected


@pytest.mark.parametrize("text", [None, "", "{", "[]", '"worker"', '{"task": {"index": "x"}}'])
def test_a_machine_on_its_own_or_with_a_broken_variable_is_its_own_chief(text):
    assert is_chief(text)
