"""Curves are made up: each trouble is planted in a curve that is healthy but for it."""

from typing import Any

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.watch import (
    LEAST_AUC,
    epoch_row,
    find_spikes,
    measure_noise,
    name_troubles,
    smooth,
)

EPOCHS = 16


def make_history(stage: str = "s", **curves: Any) -> list[dict[str, Any]]:
    """A stage that comes to its end: exponential curves, a little noise, nothing else wrong."""
    rng = np.random.default_rng(1)
    done = np.arange(len(curves.get("loss", np.zeros(EPOCHS)))) / EPOCHS
    healthy = {
        "loss": 0.2 + np.exp(-5 * done) + rng.normal(0, 0.004, len(done)),
        "tune_auc": 0.9 - 0.3 * np.exp(-5 * done) + rng.normal(0, 0.003, len(done)),
        "weight_norm": 10 + done,
        "gradient_norm": np.full(len(done), 2.0),
        "gradient_norm_max": np.full(len(done), 5.0),
        "spikes": np.zeros(len(done)),
        "steps": np.full(len(done), 100),
        "feed_wait_share": np.where(done == 0, 0.5, 0.001),
    }
    columns = healthy | curves
    for name in ("loss", "tune_auc"):
        columns[f"{name}_smooth"] = smooth(columns[name])
    return [
        {"stage": stage, "epoch": n + 1} | {name: float(v[n]) for name, v in columns.items()}
        for n in range(len(done))
    ]


def steady(epochs: int = EPOCHS) -> np.ndarray:
    return np.arange(epochs) / epochs


PLANTED = {
    "overfitting": {"tune_auc": 0.9 - 0.3 * np.abs(steady() - 0.4)},
    "long plateau": {
        "loss": 0.2 + np.maximum(0.3 - steady(), 0),
        "tune_auc": 0.8 - np.maximum(0.3 - steady(), 0),
    },
    "noisy": {"tune_auc": 0.8 + np.random.default_rng(0).normal(0, 0.06, EPOCHS)},
    "spiky": {"spikes": np.full(EPOCHS, 2), "gradient_norm_max": np.full(EPOCHS, 80.0)},
    "diverging weights": {"weight_norm": 10 * 1.2 ** np.arange(EPOCHS)},
    "feed-bound": {"feed_wait_share": np.full(EPOCHS, 0.3)},
    "too short": {"loss": 1 - 0.5 * steady(), "tune_auc": 0.6 + 0.3 * steady()},
}
FIGURES = {
    "overfitting": ["epoch 8", "from 0.877 to 0.766", "45 %"],
    "long plateau": ["last 8 of 16 epochs", "0.000"],
    "noisy": ["deviations"],
    "spiky": ["32 of 1600 steps", "40 times"],
    "diverging weights": ["from 10 to 154", "20 %"],
    "feed-bound": ["30 %"],
    "too short": ["last 5 of 16 epochs", "37 %"],
}


@pytest.mark.parametrize("trouble", PLANTED)
def test_a_planted_trouble_is_named_with_its_figures(trouble):
    found = name_troubles(make_history(**PLANTED[trouble]))
    assert [record["trouble"] for record in found] == [trouble]
    for figure in FIGURES[trouble]:
        assert figure in found[0]["sentence"]


def test_a_healthy_stage_has_no_trouble():
    assert name_troubles(make_history()) == []


def test_few_epochs_show_no_trend_and_are_not_judged_by_one():
    short = {name: np.asarray(curve)[:4] for name, curve in PLANTED["too short"].items()}
    assert name_troubles(make_history(**short)) == []


def test_each_stage_is_judged_by_its_own_epochs():
    rows = make_history("good") + make_history("starved", **PLANTED["feed-bound"])
    assert [record["stage"] for record in name_troubles(rows)] == ["starved"]


def test_a_fall_within_the_noise_is_no_overfitting():
    wobble = np.where(np.arange(EPOCHS) % 2, 0.02, -0.02)
    falling = 0.8 - 0.02 * steady()
    smoothly = name_troubles(make_history(tune_auc=falling))
    assert [record["trouble"] for record in smoothly] == ["overfitting"]
    shaken = name_troubles(make_history(tune_auc=falling + wobble))
    assert "overfitting" not in [record["trouble"] for record in shaken]


def test_a_stage_without_a_tune_auc_is_judged_by_the_rest():
    missing = np.full(EPOCHS, np.nan)
    found = name_troubles(make_history(tune_auc=missing, **PLANTED["feed-bound"]))
    assert [record["trouble"] for record in found] == ["feed-bound"]


def test_smoothing_never_looks_ahead():
    values = np.random.default_rng(0).normal(size=12)
    assert smooth(values)[:5].tolist() == smooth(values[:5]).tolist()


def test_smoothing_begins_at_the_first_value_and_passes_over_what_is_missing():
    assert smooth([3.0, np.nan, 3.0]).tolist() == pytest.approx([3.0, 3.0, 3.0])
    assert np.isnan(smooth([np.nan, 1.0])).tolist() == [True, False]


def test_noise_is_measured_beside_the_trend():
    noise = np.random.default_rng(0).normal(0, 0.05, 4000)
    assert measure_noise(noise + np.linspace(0, 40, 4000)) == pytest.approx(0.05, rel=0.08)
    assert measure_noise([0.7]) == 0


@pytest.mark.parametrize("count", [1, 2, 30, 400])
def test_losses_that_fall_smoothly_have_no_spikes(count):
    noise = np.random.default_rng(0).normal(1, 0.05, count)
    assert find_spikes(np.exp(-np.arange(count) / 100) * noise).size == 0


def test_equal_losses_have_no_spikes():
    assert find_spikes(np.full(50, 0.7)).size == 0


def test_spikes_are_found_however_many_and_in_a_loss_that_falls():
    losses = np.exp(-np.arange(300) / 60) * np.random.default_rng(0).normal(1, 0.02, 300)
    planted = [4, 5, 120, 297]
    losses[planted] += 1.0
    assert find_spikes(losses).tolist() == planted


def make_steps(loss: list[float], **more: list[float]) -> dict[str, np.ndarray]:
    n = len(loss)
    steps = {"loss": loss, "gradient_norm": [1.0] * n, "seconds": [0.5] * n, "wait": [0.0] * n}
    return {name: np.array(values) for name, values in (steps | more).items()}


def make_row(epoch: int, steps: dict[str, np.ndarray], auc: float, before: list) -> dict[str, Any]:
    return epoch_row(
        *("patch_adam", epoch, steps),
        **{"pictures": 8, "rate": 1e-3, "tune_auc": auc, "weight_norm": 3.0, "before": before},
    )


def test_a_row_holds_what_was_measured_by_step():
    steps = make_steps(
        [1.0, 2.0, 3.0, 2.0], gradient_norm=[1.0, 2.0, 9.0, 3.0], wait=[0.4, 0, 0, 0]
    )
    row = make_row(1, steps, 0.7, [])
    assert row["loss"] == 2.0 and row["loss_smooth"] == 2.0
    assert (row["gradient_norm"], row["gradient_norm_max"]) == (2.5, 9.0)
    assert (row["seconds"], row["step_ms"], row["feed_wait_share"]) == (2.0, 500.0, 0.2)
    assert row["images_per_second"] == 16 and row["steps"] == 4
    assert row["memory_mb"] > 50 and row["memory_of"]


def test_a_row_is_smoothed_with_the_epochs_of_its_own_stage():
    first = make_row(1, make_steps([4.0]), 0.5, [])
    other = {**first, "stage": "another", "loss": 400.0, "tune_auc": 0.9}
    second = make_row(2, make_steps([2.0]), 0.7, [first, other])
    assert second["loss_smooth"] == pytest.approx(smooth([4.0, 2.0])[-1])
    assert second["tune_auc_smooth"] == pytest.approx(smooth([0.5, 0.7])[-1])


def test_rows_of_a_healthy_run_raise_no_trouble_from_end_to_end():
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for epoch in range(1, EPOCHS + 1):
        level = 0.2 + np.exp(-5 * epoch / EPOCHS)
        auc = 0.9 - 0.3 * np.exp(-5 * epoch / EPOCHS) + rng.normal(0, LEAST_AUC / 4)
        steps = make_steps(list(level * rng.gamma(30, 1 / 30, 80)))
        rows.append(make_row(epoch, steps, auc, rows))
    assert name_troubles(rows) == []
