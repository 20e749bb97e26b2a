"""The labels of the test side are opened by the room `evaluate` alone."""

from __future__ import annotations

import pytest

from mammo_pipeline.pipeline_registry import ROOMS, register_pipelines

# What tells the outcome of a test image, and who may read it.
SEALED = {
    "test_truth": {"evaluate"},
    "test_lesions": {"evaluate"},
    "canvas_test_lesions": {"evaluate"},
    "raw_labels": {"ingest"},
    "images": {"check"},
    "lesions": {"check"},
}


@pytest.fixture(scope="module")
def readers() -> dict[str, set[str]]:
    """Data set to the rooms that take it."""
    rooms = register_pipelines()
    taken = {room: set().union(*(n.inputs for n in rooms[room].nodes)) for room in ROOMS}
    return {name: {room for room in ROOMS if name in taken[room]} for name in SEALED}


@pytest.mark.parametrize("name", SEALED)
def test_labels_of_the_test_side_are_read_where_they_may_be_and_nowhere_else(readers, name):
    assert readers[name] == SEALED[name]


def test_the_store_is_made_from_the_sealed_cohort():
    [store] = [n for n in register_pipelines()["standardize"].nodes if n.outputs == ["store"]]
    assert store.inputs[0] == "cohort"
