"""Climbs the toy ladder in a program of its own: another backend, more devices, several workers.

Called with a JSON of settings: out (a file), checkpoints (a folder or none), execution, cpus
(logical devices), without (modules that must not be imported). Of the ladder: patches, then images.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def prepare(settings: dict) -> None:
    for name in settings.get("without", ()):
        sys.modules[name] = None
    if settings.get("cpus"):
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        split = [tf.config.LogicalDeviceConfiguration()] * settings["cpus"]
        tf.config.set_logical_device_configuration(cpu, split)


def climb(settings: dict) -> dict[str, np.ndarray]:
    from mammo_pipeline.datasets.arrays import CheckpointMapping
    from mammo_pipeline.mammo.ladder.climb import climb_ladder
    from mammo_pipeline.mammo.ladder.strategy import open_strategy
    from toy_study import make_ladder, make_lessons

    ladder = make_ladder(
        execution=settings["execution"],
        patch_adam={"epochs": 4, "batch": 16},
        image_adam={"examples_per_epoch": 32, "augment": {"zoom": 0.1}, "ema": {"momentum": 0.9}},
    )
    stages = {name: ladder.stages[name] for name in ("patch_adam", "image_adam")}
    ladder = ladder.model_copy(update={"stages": stages})
    open_strategy(ladder.execution)  # before TensorFlow computes anything
    folder = settings.get("checkpoints")
    checkpoints = CheckpointMapping(Path(folder)) if folder else {}
    found = climb_ladder(ladder, make_lessons(ladder), checkpoints)
    losses = np.array([row["loss"] for row in found.history])
    aucs = np.array([row["tune_auc"] for row in found.history])
    return {**found.states["image_adam"], "losses": losses, "aucs": aucs}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    prepare(given)
    arrays = climb(given)
    np.savez(given["out"], **arrays)
