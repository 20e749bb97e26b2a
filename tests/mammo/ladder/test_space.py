"""The space of a search."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.ladder.space import Search, check_declared, read_value, write_values
from mammo_pipeline.mammo.ladder.stages import Ladder
from toy_study import make_ladder

RATE = "stages.image_adam.learning_rate"
LADDER = make_ladder(
    patch_adam={"optimizer": {"name": "adam", "weight_decay": 1e-4}},
    image_adam={"schedule": {"kind": "cosine", "end_factor": 0.1}},
)


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


@pytest.mark.parametrize(
    ("path", "declared", "other"),
    [
        (RATE, 1e-3, 0.005),
        ("network.dropout", 0.0, 0.25),
        ("stages.image_adam.balance.cancer_fraction", 0.5, 0.3),
        ("stages.patch_adam.optimizer.weight_decay", 1e-4, 1e-3),
        ("stages.patch_adam.optimizer.beta_2", 0.999, 0.99),
        ("stages.finetune_ema.ema.momentum", 0.9, 0.99),
        ("stages.image_adam.schedule.end_factor", 0.1, 0.01),
        ("stages.image_adam.augment.rotation_degrees", 0.0, 10.0),
    ],
)
def test_a_number_is_read_and_written_by_path_and_nothing_else_changes(path, declared, other):
    changed = write_values(LADDER, {path: other})
    assert read_value(LADDER, path) == declared
    assert read_value(changed, path) == other
    assert write_values(changed, {path: declared}) == LADDER


@pytest.mark.parametrize(
    ("network", "path"),
    [
        ({"family": "resnet50", "width": 0.25, "image_shape": (256, 256)}, "network.width"),
        ({"family": "vgg16", "width": 0.5, "image_shape": (256, 256)}, "network.dropout"),
    ],
)
def test_the_network_of_any_family_survives_a_change(network, path):
    described = {**LADDER.model_dump(), "network": network}
    ladder = Ladder.model_validate(described)
    changed = write_values(ladder, {path: 0.75})
    assert type(changed.network) is type(ladder.network)
    assert changed.network.model_dump() == {
        **ladder.network.model_dump(),
        path.split(".")[1]: 0.75,
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("stages.image_adam.cancer_fraction", "no number at 'stages.image_adam.cancer_fraction'"),
        ("stages.image_adam.ema.momentum", "found None"),
        ("stages.image_adam.augment.flip_vertical", "found False"),
        ("stages.image_adam.optimizer", "no number"),
    ],
)
def test_a_path_without_a_number_is_an_error(path, message):
    with pytest.raises(KeyError, match=message):
        write_values(LADDER, {path: 0.5})


def test_a_number_that_is_not_allowed_there_is_an_error():
    with pytest.raises(ValueError, match="less than 1"):
        write_values(LADDER, {"stages.image_adam.balance.cancer_fraction": 1.5})


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


def test_a_search_on_several_machines_is_refused():
    ladder = make_ladder(execution={"devices": "multi_worker"})
    with pytest.raises(ValueError, match="multi_worker would be written by every machine"):
        check_declared(ladder, make_search())
