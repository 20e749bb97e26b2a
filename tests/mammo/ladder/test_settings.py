"""A record of settings refuses what nobody would read."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.ladder.settings import (
    Augmentation,
    Average,
    Balance,
    Execution,
    Mining,
    Optimizer,
    Schedule,
    Stop,
)


@pytest.mark.parametrize(
    ("record", "values", "message"),
    [
        (Optimizer, {"name": "adam", "momentum": 0.9}, "momentum and nesterov belong to sgd"),
        (Optimizer, {"name": "nadam", "nesterov": True}, "belong to sgd, nadam has its own"),
        (Optimizer, {"name": "sgd", "nesterov": True}, "nesterov needs a momentum"),
        (Optimizer, {"name": "adm"}, "'adam', 'nadam' or 'sgd'"),
        (Optimizer, {"name": "adam", "weight_deca": 0.1}, "did you mean 'weight_decay'"),
        (Schedule, {"kind": "steps"}, r"drop_after \(\): give both"),
        (Schedule, {"drop_after": [2]}, "schedule constant with drop_after"),
        (Schedule, {"end_factor": 0.1}, "constant has no end_factor"),
        (Schedule, {"kind": "steps", "drop_after": [1], "end_factor": 0.5}, "no end_factor"),
        (Schedule, {"kind": "cosine", "end_factor": 0}, "greater than 0"),
        (Average, {"momentum": 1.0}, "less than 1"),
        (Augmentation, {"rotation_degrees": 90}, "less than or equal to 45"),
        (Balance, {"cancer_fraction": 1.0}, "less than 1"),
        (Execution, {"precision": "float16"}, "'float32' or 'bfloat16'"),
        (Stop, {"patience": 0}, "greater than or equal to 1"),
        (Mining, {"per_image": 2, "above": 1.0, "overlap_most": 0.1}, "less than 1"),
    ],
)
def test_what_nobody_would_read_is_refused(record, values, message):
    with pytest.raises(ValueError, match=message):
        record.model_validate(values)


def test_a_picture_is_left_as_it_is_by_default():
    neutral = Augmentation().model_dump(exclude={"elastic_cells"})
    assert not any(neutral.values())


@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "cosine", "end_factor": 0.01, "warmup_epochs": 0.5},
        {"kind": "exponential", "end_factor": 0.01},
        {"kind": "steps", "drop_after": [3, 6]},
    ],
)
def test_a_schedule_survives_being_written_and_read(schedule):
    record = Schedule.model_validate(schedule)
    assert Schedule.model_validate(record.model_dump(mode="json")) == record
