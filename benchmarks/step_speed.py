"""Our training step against the same net in a bare Keras `fit` loop.

Run: OMP_NUM_THREADS=1 python benchmarks/step_speed.py [--rounds 12] [--steps 20] [--threads 1]
The nets are the demo's patch net and image net, and a patch net of four times its width at twice
its side. Both sides train the same layers from the same weights on the same batch with the same
Adam and the same loss; `fit` reads its batch from a tf.data set in memory and has no callback but
the clock; our step takes the plain arrays, measures the gradient's norm and is waited for after
every step, as in the ladder. Rounds alternate and change who begins. Times are CPU seconds of the
process, as other programs may use the machine: `--clock wall` measures wall time.
Prints ms a step of both, and fit's time over ours: the median of the rounds and its quartiles.
Required: the median is at least 0.97 for every net. Averages and clipping, which `fit` has not,
are shown beside it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

REQUIRED = 0.97
DEMO = {"block_widths": [8, 16, 32, 32], "head_widths": [64, 32], "image_shape": [288, 224]}
WIDE = {"block_widths": [32, 64, 128, 128, 128], "head_widths": [256, 128]}
CASES: dict[str, dict[str, Any]] = {
    "demo patches 56 px, batch 20": {"data": "patches", "batch": 20, "network": DEMO},
    "demo images 288x224, batch 4": {"data": "images", "batch": 4, "network": DEMO},
    "wide patches 112 px, batch 8": {
        "data": "patches",
        "batch": 8,
        "network": {**WIDE, "image_shape": [576, 448]},
    },
}
MORE = {"ema": {"momentum": 0.9}, "clip_norm": 1.0}


def make_ladder(case: dict[str, Any], more: dict[str, Any]) -> Any:
    from mammo_pipeline.mammo.ladder.stages import Ladder

    stage = {
        "data": case["data"],
        "start": "scratch",
        "optimizer": {"name": "adam", "clip_norm": more.get("clip_norm")},
        "ema": more.get("ema"),
        "learning_rate": 1e-3,
        "epochs": 1,
        "batch": case["batch"],
    }
    return Ladder.model_validate({"seed": 7, "network": case["network"], "stages": {"s": stage}})


def make_batch(ladder: Any) -> Any:
    from mammo_pipeline.mammo.ladder.feed import Batch

    rng = np.random.default_rng(0)
    stage, network = ladder.stages["s"], ladder.network
    patches = stage.data == "patches"
    shape = (network.patch_px, network.patch_px) if patches else network.image_shape
    return Batch(
        pixels=rng.integers(0, 65536, (stage.batch, *shape, 1)).astype(np.uint16),
        labels=rng.integers(0, network.classes if patches else 2, stage.batch),
        weights=np.full(stage.batch, 1 / stage.batch, np.float32),
        changes={},
        rows=np.arange(stage.batch),
        dropout_seed=1,
    )


def build(ladder: Any) -> Any:
    """Returns a new net of the ladder: the cache would give both sides the same one."""
    from mammo_pipeline.mammo.ladder import nets

    classes = ladder.network.classes
    stage = ladder.stages["s"]
    prevalence = np.full(classes, 1 / classes) if stage.data == "patches" else 0.5
    nets._build_once.cache_clear()
    net, state = nets.build_net(ladder, stage, prevalence)
    nets.assign_state(net, state)
    return net


def make_ours(ladder: Any, batch: Any, steps: int) -> Callable[[Callable[[], float]], float]:
    from mammo_pipeline.mammo.ladder.steps import make_step

    stage = ladder.stages["s"]
    step = make_step(build(ladder), stage, ladder.execution)

    def run(clock: Callable[[], float]) -> float:
        began = clock()
        for _ in range(steps):
            loss, norm = step.take(batch, stage.learning_rate)
            float(loss), float(norm)
        return clock() - began

    return run


def make_fit(ladder: Any, batch: Any, steps: int) -> Callable[[Callable[[], float]], float]:
    import keras
    import tensorflow as tf

    from mammo_pipeline.mammo.ladder.losses import loss_of

    stage = ladder.stages["s"]
    net = build(ladder)
    loss = loss_of(stage)
    net.optimizer.learning_rate = stage.learning_rate
    net.model.compile(
        net.optimizer, lambda truth, logits: loss(truth[:, 0], logits), jit_compile=False
    )
    labels = batch.labels[:, None].astype(np.int32)
    data = tf.data.Dataset.from_tensors((batch.pixels, labels)).cache().repeat()

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.began = self.clock()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds = self.clock() - self.began

    timer = Clock()

    def run(clock: Callable[[], float]) -> float:
        timer.clock = clock
        net.model.fit(data, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[timer])
        return float(timer.seconds)

    return run


def race(case: dict[str, Any], options: argparse.Namespace) -> dict[str, list[float]]:
    """Returns the seconds of every round of fit, of our step, and of our step doing more."""
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    plain, more = make_ladder(case, {}), make_ladder(case, MORE)
    batch = make_batch(plain)
    sides = {
        "fit": make_fit(plain, batch, options.steps),
        "ours": make_ours(plain, batch, options.steps),
        "more": make_ours(more, batch, options.steps),
    }
    for run in sides.values():
        run(clock)  # traces
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(options.rounds):
        for name in list(sides) if number % 2 else reversed(list(sides)):
            seconds[name].append(sides[name](clock))
    return seconds


def report(name: str, seconds: dict[str, list[float]], steps: int) -> float:
    """Prints one net's line; returns the median of fit's time over ours."""
    ms = {side: 1000 * statistics.median(times) / steps for side, times in seconds.items()}
    found = {
        side: statistics.quantiles(
            [f / o for f, o in zip(seconds["fit"], seconds[side], strict=True)], n=4
        )
        for side in ("ours", "more")
    }
    low, median, high = found["ours"]
    print(
        f"{name:30} fit {ms['fit']:7.2f} ms  ours {ms['ours']:7.2f} ms  "
        f"ratio {median:.3f} ({low:.3f} to {high:.3f})  "
        f"with average and clipping {found['more'][1]:.3f}"
    )
    return median


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=["cpu", "wall"], default="cpu")
    options = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    print(
        f"clock {options.clock}, {options.threads} thread(s), {options.rounds} rounds, "
        f"{options.steps} steps each"
    )
    ratios = [report(n, race(c, options), options.steps) for n, c in CASES.items()]
    return 0 if min(ratios) >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
