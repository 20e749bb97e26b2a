"""The space of a search."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.ladder.space import Search, check_declared, read_value, write_values
from toy_study import make_ladder

RATE = "stages.image_adam.learning_rate"
LADDER = make_ladder()


def make_search(**changes) -> Search:
    settings = {
        "seed": 1,
        "trials": 3,
        "start_from": "patch_adam",
        "ranges": [{"path": RATE, "low": 1e-4, "high": 1e-2, "log": True}],
        "random_trials": 10,
        "prune_after_trials": 10,
        "prune_after_epochs": 0,
    }
    return Search.model_validate({**settings, **changes})


def test_values_are_read_and_written_by_path():
    changed = write_values(LADDER, {RATE: 0.005, "network.dropout": 0.25})
    assert read_value(changed, RATE) == 0.005
    assert changed.network.dropout == 0.25
    assert read_value(LADDER, RATE) == 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranges": [{"path": "stages.image_adm.epochs", "low": 0, "high": 1}]}, "no number at"),
        ({"ranges": [{"path": RATE, "low": 0.1, "high": 1}]}, "outside its range 0.1 to 1"),
        ({"start_from": "nowhere"}, "no stage 'nowhere'"),
        ({"start_from": "finetune_sgd"}, "no stage is left"),
    ],
)
def test_a_search_that_cannot_begin_is_refused(changes, message):
    with pytest.raises((KeyError, ValueError), match=message):
        check_declared(LADDER, make_search(**changes))


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match="low must be below high"):
        make_search(ranges=[{"path": RATE, "low": 0, "high": 1, "log": True}])
