"""A net of a few hundred weights and batches for it: to train some steps and compare.

Run as a program it trains in a process of its own: python toy_steps.py OUT.npz RUNS CPUS, where
RUNS is JSON, for each run the changes of `make_stage` and of `Execution`, and CPUS the number of
logical devices; OUT gets arrays named `<run>/loss`, `<run>/norm`, `<run>/weights/<path>` and
`<run>/ema/<path>`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (12, 10)
BATCH = 8


def make_stage(**changes: Any) -> Any:
    from mammo_pipeline.mammo.ladder.stages import Stage

    settings = {
        "name": "toy",
        "data": "images",
        "start": "scratch",
        "optimizer": {"name": "adam"},
        "learning_rate": 0.01,
        "epochs": 1,
        "batch": BATCH,
    }
    return Stage.model_validate({**settings, **changes})


def make_batches(stage: Any, steps: int = 4, seed: int = 0) -> list[Any]:
    """Batches of bright pictures, labelled 1, and dark ones."""
    from mammo_pipeline.mammo.ladder.feed import Batch
    from mammo_pipeline.mammo.ladder.losses import example_weights

    rng = np.random.default_rng(seed)
    batches = []
    for step in range(steps):
        labels = rng.integers(0, 2, stage.batch)
        level = 20000 + 20000 * labels[:, None, None, None]
        pixels = rng.normal(level, 6000, (stage.batch, *SHAPE, 1)).clip(0, 65535)
        batches.append(
            Batch(
                pixels=pixels.astype(np.uint16),
                labels=labels,
                weights=example_weights(labels, stage),
                changes={},
                rows=np.arange(stage.batch),
                dropout_seed=100 + step,
            )
        )
    return batches


def make_net(stage: Any, execution: Any = None, strategy: Any = None) -> Any:
    """Two convolutions with batch normalization between; the same weights every time."""
    from mammo_pipeline.mammo.ladder.averages import make_averages
    from mammo_pipeline.mammo.ladder.nets import Net
    from mammo_pipeline.mammo.ladder.optimizers import build_optimizer
    from mammo_pipeline.mammo.ladder.settings import Execution
    from mammo_pipeline.mammo.ladder.strategy import Strategy

    execution = execution or Execution()
    with (strategy or Strategy()).scope():
        model = build_model(stage, execution)
        optimizer = build_optimizer(stage.optimizer)
        optimizer.build(model.trainable_variables)
        averages = make_averages(model, stage.ema)
    return Net(model, optimizer, averages)


def build_model(stage: Any, execution: Any) -> Any:
    import keras
    from keras import layers

    policy = {"bfloat16": "mixed_bfloat16"}.get(execution.precision, "float32")
    norm = layers.BatchNormalization(
        momentum=0.9, synchronized=execution.norm == "synchronized", dtype=policy, name="norm"
    )
    pixels = keras.Input((*SHAPE, 1), dtype="float32", name="pixels")
    x = layers.Rescaling(1 / 65535, dtype="float32", name="rescale")(pixels)
    x = layers.Conv2D(4, 3, use_bias=False, kernel_initializer=draw, dtype=policy, name="conv_1")(x)
    x = layers.ReLU(dtype=policy)(norm(x))
    x = layers.Dropout(stage.dropout or 0.0, seed=0, dtype=policy, name="drop")(x)
    x = layers.Conv2D(4, 3, kernel_initializer=draw, dtype=policy, name="conv_2")(x)
    x = layers.GlobalAveragePooling2D(dtype=policy)(layers.ReLU(dtype=policy)(x))
    logit = layers.Dense(1, kernel_initializer=draw, dtype="float32", name="output")(x)
    norm.trainable = stage.normalization == "batch"
    return keras.Model(pixels, logit, name="toy")


def draw(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
    """He's initial weights, of NumPy: the same on every backend."""
    rng = np.random.default_rng(len(shape) * 100 + shape[-2])
    return rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32)


def read_arrays(net: Any) -> dict[str, np.ndarray]:
    from keras import ops

    weights = {f"weights/{v.path}": np.array(ops.convert_to_numpy(v)) for v in net.model.weights}
    averages = {f"ema/{p}": np.array(ops.convert_to_numpy(v)) for p, v in net.averages.items()}
    return {**weights, **averages}


def train(
    stage: Any, execution: Any = None, strategy: Any = None, batches: list[Any] | None = None
) -> dict[str, np.ndarray]:
    """Trains a new net on the batches; returns the loss and norm of each step, and the weights."""
    from mammo_pipeline.mammo.ladder.settings import Execution
    from mammo_pipeline.mammo.ladder.steps import make_step

    execution = execution or Execution()
    net = make_net(stage, execution, strategy)
    step = make_step(net, stage, execution, strategy)
    figures = [
        [float(figure) for figure in step.take(batch, stage.learning_rate)]
        for batch in batches or make_batches(stage)
    ]
    step.settle()
    loss, norm = np.array(figures).T
    return {"loss": loss, "norm": norm, "apart": count_apart(net), **read_arrays(net)}


def count_apart(net: Any) -> Any:
    """How many variables the devices hold different values of."""
    held = [getattr(v.value, "values", ()) for v in [*net.model.weights, *net.averages.values()]]
    return np.array(
        sum(any(not np.array_equal(each, copies[0]) for each in copies) for copies in held)
    )


def run_list(runs: dict[str, Any]) -> dict[str, np.ndarray]:
    from mammo_pipeline.mammo.ladder.settings import Execution
    from mammo_pipeline.mammo.ladder.steps import make_deterministic
    from mammo_pipeline.mammo.ladder.strategy import open_strategy

    found: dict[str, np.ndarray] = {}
    for name, run in runs.items():
        if name in CHECKS:
            found |= {f"{name}/{key}": value for key, value in CHECKS[name]().items()}
            continue
        execution = Execution(**run.get("execution", {}))
        strategy = open_strategy(execution)
        make_deterministic()
        arrays = train(make_stage(**run.get("stage", {})), execution, strategy)
        strategy.barrier()
        facts = [strategy.is_chief, strategy.worker, strategy.replicas]
        arrays["facts"] = np.array([*facts, arrays.pop("apart")])
        found |= {f"{name}/{key}": value for key, value in arrays.items()}
    return found


def check_contract() -> dict[str, np.ndarray]:
    """What a step does with weights that are assigned, settled and reloaded."""
    from mammo_pipeline.mammo.ladder.settings import Execution
    from mammo_pipeline.mammo.ladder.steps import layer_gradients, make_step
    from mammo_pipeline.mammo.ladder.strategy import open_strategy

    stage = make_stage(optimizer={"name": "sgd"})
    batch = make_batches(stage, steps=1)[0]
    net = make_net(stage)
    start = [np.array(v) for v in net.model.get_weights()]
    given = [value.copy() for value in start]
    gradients = layer_gradients(net, stage, batch)
    step = make_step(net, stage, Execution())
    fresh = float(step.take(batch, 1.0)[0])
    step.settle()
    learned = net.model.get_weights()
    paths = [v.path for v in net.model.weights]
    stepped = dict(zip(paths, [a - b for a, b in zip(start, learned, strict=True)], strict=True))
    net.model.set_weights(given)
    step.reload()
    reloaded = float(step.take(batch, 1.0)[0])
    net.model.weights[0].assign(given[0])
    found = {"error": "", "refused": ""}
    for key, call in (
        ("error", step.settle),
        ("refused", lambda: open_strategy(Execution(devices="mirrored"))),
    ):
        try:
            call()
        except (RuntimeError, ValueError) as error:
            found[key] = str(error)
    return {
        **{key: np.array(text) for key, text in found.items()},
        "settled": np.array(max(abs(value).max() for value in stepped.values())),
        "fresh": np.array(fresh),
        "reloaded": np.array(reloaded),
        "intact": np.array(all(map(np.array_equal, start, given))),
        "gradient_difference": np.array(
            max(abs(g - stepped[path]).max() for path, g in gradients.items())
        ),
    }


def check_dropout() -> dict[str, np.ndarray]:
    """Losses of a batch: alone, after another one, and with another seed; nothing is learned."""
    from mammo_pipeline.mammo.ladder.settings import Execution
    from mammo_pipeline.mammo.ladder.steps import make_step

    stage = make_stage(dropout=0.5, optimizer={"name": "sgd"}, normalization="frozen")
    first, second = make_batches(stage, steps=2)
    step = make_step(make_net(stage), stage, Execution())
    batches = {"alone": second, "before": first, "after": second}
    batches["other"] = replace(second, dropout_seed=1)
    return {name: np.array(step.take(batch, 0.0)[0]) for name, batch in batches.items()}


def run_apart(out: Path, runs: dict[str, Any], cpus: int = 1, **environment: str) -> Any:
    """Starts this program in a process of its own; `collect_runs` waits for it."""
    command = [sys.executable, __file__, str(out), json.dumps(runs), str(cpus)]
    return subprocess.Popen(
        command,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def collect_runs(out: Path, process: Any) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each run, by its name."""
    told, _ = process.communicate(timeout=240)
    assert process.returncode == 0, told[-3000:]
    runs: dict[str, dict[str, np.ndarray]] = {}
    with np.load(out) as arrays:
        for key in arrays.files:
            name, path = key.split("/", 1)
            runs.setdefault(name, {})[path] = arrays[key]
    return runs


CHECKS = {"contract": check_contract, "seeds": check_dropout}


def main() -> None:
    out, runs, cpus = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
    if cpus > 1:
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * cpus,
        )
    np.savez(out, **run_list(runs))
    sys.stdout.flush()
    os._exit(0)  # TensorFlow's check of the other workers' health delays the end by half a minute


if __name__ == "__main__":
    main()
