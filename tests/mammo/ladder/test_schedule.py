"""How the learning rate moves inside a stage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.schedule import rate_at
from mammo_pipeline.mammo.ladder.stages import Stage
from toy_study import make_ladder

RATE = 0.02
STEPS, EPOCHS = 5, 4
FALLING = [
    {"kind": "cosine", "end_factor": 0.01},
    {"kind": "exponential", "end_factor": 0.01},
    {"kind": "steps", "drop_after": [1, 3]},
]


def make_stage(epochs: int = EPOCHS, **schedule) -> Stage:
    change = {"learning_rate": RATE, "epochs": epochs, "schedule": schedule}
    return make_ladder(patch_adam=change).stages["patch_adam"]


def rates(stage: Stage, steps: int = STEPS) -> np.ndarray:
    return np.array([rate_at(stage, step, steps) for step in range(stage.epochs * steps)])


def test_a_constant_rate_is_the_stages_own():
    assert rates(make_stage()).tolist() == [RATE] * STEPS * EPOCHS


def test_a_cosine_ends_at_its_end_factor_and_is_half_way_in_the_middle():
    found = rates(make_stage(kind="cosine", end_factor=0.1), steps=21)
    assert found[0] == RATE
    assert found[-1] == pytest.approx(0.1 * RATE)
    middle = rate_at(make_stage(1, kind="cosine", end_factor=0.1), 10, 21)
    assert middle == pytest.approx(RATE * (1 + 0.1) / 2)


def test_an_exponential_loses_the_same_share_every_step():
    found = rates(make_stage(kind="exponential", end_factor=0.01))
    assert found[0] == RATE
    assert found[-1] == pytest.approx(0.01 * RATE)
    np.testing.assert_allclose(found[1:] / found[:-1], 0.01 ** (1 / 19))


def test_steps_drop_at_the_end_of_the_named_epochs():
    found = rates(make_stage(kind="steps", drop_after=[1, 3], drop_factor=0.5)) / RATE
    np.testing.assert_allclose(found.reshape(EPOCHS, STEPS)[:, 0], [1, 0.5, 0.5, 0.25])
    np.testing.assert_allclose(found.reshape(EPOCHS, STEPS).T, [[1, 0.5, 0.5, 0.25]] * STEPS)


@pytest.mark.parametrize("schedule", FALLING, ids=lambda s: s["kind"])
@pytest.mark.parametrize(("steps", "epochs"), [(1, 4), (1, 7), (3, 5), (8, 4)])
def test_no_rate_rises_after_the_climb_nor_leaves_its_bounds(schedule, steps, epochs):
    found = rates(make_stage(epochs, **schedule), steps)
    assert all(later <= earlier for earlier, later in itertools.pairwise(found))
    assert found.max() <= RATE
    assert found.min() >= 0.01 * RATE * (1 - 1e-12)


@pytest.mark.parametrize("schedule", [{"kind": "constant"}, *FALLING], ids=lambda s: s["kind"])
@pytest.mark.parametrize("warmup", [0.5, 1, 1.3, 2])
def test_the_first_steps_climb_in_a_straight_line_from_zero(schedule, warmup):
    found = rates(make_stage(**schedule, warmup_epochs=warmup))
    climb = math.ceil(warmup * STEPS)
    if schedule["kind"] != "steps":  # which may drop while it climbs
        expected = RATE * (np.arange(climb) + 1) / (warmup * STEPS + 1)
        np.testing.assert_allclose(found[:climb], expected)
    assert found[climb] == pytest.approx(
        RATE * (0.1 if schedule["kind"] == "steps" and warmup >= 1 else 1)
    )


@pytest.mark.parametrize("kind", ["cosine", "exponential"])
def test_a_climb_leaves_the_end_where_it_was(kind):
    found = rates(make_stage(kind=kind, end_factor=0.2, warmup_epochs=1))
    assert found[-1] == pytest.approx(0.2 * RATE)


@pytest.mark.parametrize("step", [-1, STEPS * EPOCHS])
def test_a_step_that_the_stage_has_not_is_an_error(step):
    with pytest.raises(ValueError, match=rf"no step {step}: 4 epochs of 5 steps.*0 to 19"):
        rate_at(make_stage(), step, STEPS)
