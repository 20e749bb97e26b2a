"""A made-up climb of three stages for the page: patches, images, and a last one cut short."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.standing import measure_standing
from mammo_pipeline.mammo.ladder.watch import name_troubles, smooth
from mammo_pipeline.pipelines.train.facts import TrainingFacts
from toy_study import make_ladder

STAGES = ("patch_adam", "image_adam", "finetune_ema", "finetune_sgd")
EPOCHS = {"patch_adam": 12, "image_adam": 8, "finetune_ema": 2, "finetune_sgd": 1}
LAYERS = (("rescale", 0), ("block_1_conv_1", 36), ("heatmap", 45), ("image_conv_1", 124))


def make_history(stage: str, epochs: int, **changes: float) -> list[dict[str, Any]]:
    done = np.arange(epochs) / max(epochs, 1)
    loss, auc = 0.3 + np.exp(-5 * done), 0.85 - 0.3 * np.exp(-5 * done)
    rest: dict[str, Any] = {
        **{"stage": stage, "steps": 40, "learning_rate": 1e-3, "gradient_norm": 1.5},
        **{"gradient_norm_max": 6.0, "spikes": 0, "seconds": 2.0, "step_ms": 50.0},
        **{"feed_wait_share": 0.01, "images_per_second": 160.0, "memory_mb": 812.0},
        "memory_of": "process, peak resident",
        **changes,
    }
    return [
        {"epoch": n + 1, "loss": loss[n], "tune_auc": auc[n], "weight_norm": 10 + done[n]}
        | {"loss_smooth": smooth(loss)[n], "tune_auc_smooth": smooth(auc)[n]}
        | rest
        for n in range(epochs)
    ]


def make_wiring(stage: str, verdict: str = "learns") -> list[dict[str, Any]]:
    rows = [
        {"stage": stage, "check": "layer", "layer": name, "kind": "Conv2D", "weights": weights}
        | {"activation_mean": 0.1, "activation_std": 1.0, "zero_share": 0.5}
        | {"gradient_norm": 0.3 if weights else None, "gradient_norm_after": 0.1}
        | {"verdict": verdict if weights else "no weights", "loss_first": None, "loss_last": None}
        for name, weights in LAYERS
    ]
    batch = {"stage": stage, "check": "one batch", "layer": None, "kind": "20 steps"}
    batch |= dict.fromkeys(rows[0].keys() - batch.keys())
    return [*rows, batch | {"verdict": "learned", "loss_first": 1.2, "loss_last": 0.4}]


def make_restore(stage: str, start: str) -> list[dict[str, Any]]:
    rows = []
    for layer, _ in LAYERS[1:]:
        new = start == "scratch" or (stage == "image_adam" and layer == "image_conv_1")
        action = "new" if new else "restored"
        for kind in ("weight", "first_moment"):
            row = {"stage": stage, "variable": f"{layer}/{kind}", "layer": layer, "kind": kind}
            row |= {"action": action, "from_stage": "" if new else start, "shape": "3x3"}
            rows.append(row | {"maximum_difference": None if new else 0.0})
    return rows


def make_views(stage: str, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (56, 56) if stage == "patch_adam" else (144, 112)
    rows, columns = np.mgrid[:144, :112]
    breast = (((rows / 72 - 1) ** 2 + (columns / 100) ** 2) < 1) * 130
    heat = rng.normal(-3, 1, (4, 7, 5)).astype(np.float32)
    heat[:2, 2, 2] = 4
    labels = rng.integers(0, 2, 60)
    return {
        "samples/pixels": rng.integers(40, 160, (8, *shape)).astype(np.uint8),
        "samples/labels": np.arange(8) % (5 if stage == "patch_adam" else 2),
        "samples/boxes": np.array([[1, 10, 12, 30, 40], [6, 0, 0, 9, 9]], np.float32),
        "heatmaps/pixels": (breast + rng.integers(0, 60, (4, 144, 112))).astype(np.uint8),
        "heatmaps/heat": heat,
        "heatmaps/places": np.array([16, 0, 56], np.float32),
        "heatmaps/scores": np.array([2.1, 0.4, -1.5, -3.0], np.float32),
        "heatmaps/labels": np.array([1, 1, 0, 0]),
        "heatmaps/image_ids": np.array([f"pseudonym{n}" for n in range(4)]),
        "heatmaps/boxes": np.array([[0, 52, 52, 68, 70]], np.float32),
        "tune/labels": labels,
        "tune/scores": (labels + rng.normal(0, 1, 60)).astype(np.float32),
        "tune/groups": np.arange(60) // 2,
    }


def make_facts(stages: tuple[str, ...] = STAGES, **changes: Any) -> TrainingFacts:
    """A sound climb of some of the stages; `changes` are fields of `TrainingFacts`."""
    ladder = make_ladder(**{name: {"epochs": EPOCHS[name]} for name in stages})
    described = ladder.model_dump(mode="json")
    described["stages"] = {name: described["stages"][name] for name in stages}
    views = {name: make_views(name, seed) for seed, name in enumerate(stages)}
    sound = TrainingFacts(
        name="toy",
        ladder=described,
        history=[row for name in stages for row in make_history(name, EPOCHS[name])],
        restore=[r for name in stages for r in make_restore(name, ladder.stages[name].start)],
        wiring=[row for name in stages for row in make_wiring(name)],
        views=views,
        tune={name: measure_tune(own) for name, own in views.items()},
        counts={"train_images": 40, "data_version": "abc"},
    )
    facts = replace(sound, **changes)
    return facts if "troubles" in changes else replace(facts, troubles=name_troubles(facts.history))


def measure_tune(views: dict[str, np.ndarray]) -> dict[str, Any]:
    scores = {name: views[f"tune/{name}"] for name in ("labels", "scores", "groups")}
    return measure_standing(scores, 0, 200, 0.95)
