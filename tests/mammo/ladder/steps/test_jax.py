"""The same step on JAX, in a process of its own: a process knows one backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax")

from toy_steps import collect_runs, make_stage, run_apart, train

STATISTICS = {"ema": {"momentum": 0.9, "of": "weights_and_statistics"}}
NADAM = {"optimizer": {"name": "nadam", "weight_decay": 0.1, "clip_norm": 0.5}}
L2 = {"optimizer": {"name": "sgd", "momentum": 0.9, "weight_decay": 0.1, "decay": "l2"}}
FROZEN = {"normalization": "frozen"}
STAGES = {
    "average": STATISTICS,
    "nadam": NADAM,
    "l2": L2,
    "parts": {"accumulate": 4, **FROZEN},
    "whole": FROZEN,
}
HALF = {"half": {"execution": {"precision": "bfloat16"}}}
CONTRACT, SEEDS = "contract", "seeds"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    out: Path = tmp_path_factory.mktemp("jax") / "runs.npz"
    wanted = {name: {"stage": stage} for name, stage in STAGES.items()} | HALF
    wanted |= {CONTRACT: {}, SEEDS: {}}
    return collect_runs(out, run_apart(out, wanted, KERAS_BACKEND="jax"))


@pytest.mark.parametrize("name", ["average", "nadam", "l2"])
def test_jax_learns_as_tensorflow_does(runs, name):
    ours = train(make_stage(**STAGES[name]))
    np.testing.assert_allclose(runs[name]["loss"], ours["loss"], atol=2e-5)
    np.testing.assert_allclose(runs[name]["norm"], ours["norm"], rtol=2e-4)
    for path, value in ours.items():
        if path.startswith(("weights", "ema")):
            np.testing.assert_allclose(runs[name][path], value, atol=5e-4, err_msg=path)


def test_four_parts_are_as_one(runs):
    for path, value in runs["whole"].items():
        np.testing.assert_allclose(runs["parts"][path], value, atol=2e-6, err_msg=path)


def test_dropout_depends_on_the_batch_and_on_nothing_before_it(runs):
    assert runs[SEEDS]["alone"] == runs[SEEDS]["after"] != runs[SEEDS]["other"]


def test_half_precision_keeps_its_variables_float32(runs):
    kinds = {v.dtype.name for p, v in runs["half"].items() if p.startswith("weights")}
    assert kinds == {"float32"}
    np.testing.assert_allclose(runs["half"]["loss"], runs["average"]["loss"], atol=0.02)


def test_after_settling_the_variables_hold_what_was_learned(runs):
    assert runs[CONTRACT]["settled"] > 0


def test_what_was_assigned_counts_after_a_reload(runs):
    assert runs[CONTRACT]["reloaded"] == runs[CONTRACT]["fresh"]


def test_an_assignment_behind_the_steps_back_is_an_error(runs):
    assert "was assigned while the step held the weights" in str(runs[CONTRACT]["error"])


def test_given_arrays_are_not_written_over(runs):
    assert runs[CONTRACT]["intact"]


def test_layer_gradients_are_those_of_the_step(runs):
    assert runs[CONTRACT]["gradient_difference"] < 2e-6


def test_several_devices_are_refused_with_what_can_be_done(runs):
    assert "KERAS_BACKEND=tensorflow only" in str(runs[CONTRACT]["refused"])
