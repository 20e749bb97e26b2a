"""Training whole images: images a second, share of the device's arithmetic, and memory.

Run: [KERAS_BACKEND=jax] python benchmarks/train_throughput.py [--out figures.json] [--quick]
[--nets dreamnet resnet50] [--precisions bfloat16 float32] [--steps 20] [--largest 256]
[--peak-tflops 989] [--xla]
Trains DreamNet and ResNet50 at 1152x896 on whatever accelerator and Keras backend is there, in
batches of 1, 2, 4, ... until the memory or `--largest` is reached, each net and precision in a
process of its own, so that its peak of memory is its own. Pictures are made before the clock runs
and are copied to the device within it. The first steps of a batch size, which compile, are not
timed. A step is the ladder's own: loss, gradient, norm, Adam.
Arithmetic counted: 2 x multiplications of all convolutions and dense layers, forward, three times
that for a step (the gradient of the pictures is not left out of the first layer, and nothing else
is counted). Utilisation is that against the device's dense peak, for float32 that of TF32 where
the device has it, as convolutions use it; `--peak-tflops` replaces the table and counts for every
precision. Without a known peak, utilisation is left out.
Memory is the peak on the device, on a CPU that of the process.
`--quick` is a check of this script on any machine: tiny nets and pictures, two batch sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

NETS: dict[str, dict[str, Any]] = {"dreamnet": {}, "resnet50": {}}
QUICK: dict[str, dict[str, Any]] = {
    "dreamnet": {"block_widths": [4, 8, 8, 8], "head_widths": [16, 8], "image_shape": [288, 224]},
    "resnet50": {"image_shape": [96, 64], "patch_px": 64, "image_widths": [32]},
}
# Dense TFLOP/s as the makers' data sheets give them: (bfloat16, float32 of convolutions).
PEAKS: dict[str, tuple[float, float]] = {
    "H200": (989.0, 494.0),
    "H100 PCIe": (756.0, 378.0),
    "H100": (989.0, 494.0),
    "A100": (312.0, 156.0),
    "L40S": (362.0, 183.0),
    "L4": (121.0, 60.0),
    "A10": (125.0, 62.5),
    "RTX 4090": (165.0, 82.6),
}
STEP_PER_FORWARD = 3  # the gradients of weights and of inputs each cost as much as the forward pass


def count_flops(model: Any) -> int:
    """Returns the floating-point operations of one picture forward: convolutions and dense layers.

    A convolution has 2 x rows x columns x filters of its output x the size of its kernel x its
    input channels; the kernel's variable holds all but rows and columns.
    """
    from mammo_pipeline.mammo.ladder.averages import walk_layers

    total = 0
    for layer in walk_layers(model):
        kind = type(layer).__name__
        if kind not in ("Conv2D", "Dense"):
            continue
        places = layer.output.shape[1:-1]
        if None in places:
            raise ValueError(f"{layer.name} gives {layer.output.shape}: build the net of images")
        total += 2 * int(np.prod(layer.kernel.shape)) * int(np.prod(places, dtype=np.int64))
    return total


def find_peak(device: str, precision: str) -> float | None:
    """Returns the dense TFLOP/s of a device by its name, None where the table has none."""
    for name, (half, single) in PEAKS.items():
        if name.lower() in device.lower():
            return half if precision == "bfloat16" else single
    return None


def name_device() -> str:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow as tf

    cards = tf.config.list_physical_devices("GPU")
    if not cards:
        return "cpu"
    return str(tf.config.experimental.get_device_details(cards[0]).get("device_name", "gpu"))


def make_ladder(net: str, precision: str, options: argparse.Namespace) -> Any:
    from mammo_pipeline.mammo.ladder.stages import Ladder

    stage = {
        "data": "images",
        "start": "scratch",
        "optimizer": {"name": "adam"},
        "learning_rate": 1e-4,
        "epochs": 1,
        "batch": 1,
    }
    network = {"family": net, **(QUICK if options.quick else NETS)[net]}
    execution = {"precision": precision, "xla": options.xla, "deterministic": False}
    described = {"seed": 7, "network": network, "stages": {"s": stage}, "execution": execution}
    return Ladder.model_validate(described)


def make_batch(count: int, shape: tuple[int, int]) -> Any:
    from mammo_pipeline.mammo.ladder.feed import Batch

    rng = np.random.default_rng(count)
    return Batch(
        pixels=rng.integers(0, 65536, (count, *shape, 1), dtype=np.uint16),
        labels=np.arange(count) % 2,
        weights=np.full(count, 1 / count, np.float32),
        changes={},
        rows=np.arange(count),
        dropout_seed=1,
    )


def is_memory_error(error: Exception) -> bool:
    """Returns whether an error says that the device is full, on either backend."""
    text = f"{type(error).__name__} {error}"
    signs = ("RESOURCE_EXHAUSTED", "ResourceExhausted", "Out of memory", "out of memory", "OOM")
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)


def time_steps(step: Any, batch: Any, steps: int) -> float:
    """Returns the seconds of one step, after three that warm up; the last is waited for."""
    for _ in range(3):
        float(step.take(batch, 1e-4)[0])
    began = time.perf_counter()
    for _ in range(steps):
        loss, _ = step.take(batch, 1e-4)
    float(loss)
    return (time.perf_counter() - began) / steps


def measure(net: str, precision: str, options: argparse.Namespace) -> None:
    """Prints a JSON line for each batch size, until the memory is full."""
    from mammo_pipeline.mammo.ladder.memory import measure_memory
    from mammo_pipeline.mammo.ladder.nets import assign_state, build_net
    from mammo_pipeline.mammo.ladder.steps import make_step

    ladder = make_ladder(net, precision, options)
    built, state = build_net(ladder, ladder.stages["s"], 0.5)
    assign_state(built, state)
    step = make_step(built, ladder.stages["s"], ladder.execution)
    flops = count_flops(built.model)
    peak = options.peak_tflops or find_peak(name_device(), precision)
    batch = 1
    while batch <= options.largest:
        row = {"net": net, "precision": precision, "batch": batch}
        try:
            seconds = time_steps(step, make_batch(batch, ladder.network.image_shape), options.steps)
        except Exception as error:
            if not is_memory_error(error):
                raise
            print(json.dumps({**row, "full": True}), flush=True)
            return
        tflops = STEP_PER_FORWARD * flops * batch / seconds / 1e12
        megabytes, whose = measure_memory()
        row |= {
            "images_per_second": batch / seconds,
            "step_ms": 1000 * seconds,
            "gflop_forward": flops / 1e9,
            "tflops": tflops,
            "utilisation": tflops / peak if peak else None,
            "memory_mb": megabytes,
            "memory_of": whose,
            "device": name_device(),
        }
        print(json.dumps(row), flush=True)
        batch *= 2


def run_apart(net: str, precision: str, arguments: list[str]) -> list[dict[str, Any]]:
    """Returns the rows of one net and precision, measured in a process of its own."""
    command = [sys.executable, __file__, *arguments, "--only", net, precision]
    # JAX would take most of the memory at once and hide what a batch needs.
    environment = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in told.stdout.splitlines() if line.startswith("{")]
    if told.returncode and not rows:
        raise RuntimeError(f"{net} {precision} failed:\n{told.stderr[-3000:]}")
    if told.returncode:
        # A process that was killed for its memory tells nothing more.
        print(f"{net} {precision} ended with {told.returncode} after {rows[-1]['batch']} images")
        print(told.stderr[-1000:], file=sys.stderr)
    return rows


def print_rows(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        head = f"{row['net']:9} {row['precision']:9} batch {row['batch']:4}"
        if row.get("full"):
            print(f"{head}  the memory is full")
            continue
        share = "" if row["utilisation"] is None else f"  {row['utilisation']:6.1%} of peak"
        print(
            f"{head}  {row['images_per_second']:8.2f} images/s  {row['step_ms']:8.1f} ms  "
            f"{row['tflops']:7.2f} TFLOP/s{share}  {row['memory_mb']:8.0f} MB"
        )


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--nets", nargs="+", choices=list(NETS), default=list(NETS))
    precisions = ["bfloat16", "float32"]
    parser.add_argument("--precisions", nargs="+", choices=precisions, default=precisions)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--largest", type=int, default=256)
    parser.add_argument("--peak-tflops", type=float)
    parser.add_argument("--xla", action="store_true")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.steps, options.largest = 2, 2
    return options


def main() -> int:
    options = read_options()
    if options.only:
        measure(*options.only, options)
        return 0
    rows = []
    for net in options.nets:
        for precision in options.precisions:
            found = run_apart(net, precision, sys.argv[1:])
            print_rows(found)
            rows += found
            if options.out:
                options.out.write_text(json.dumps(rows, indent=1))
    timed = [row for row in rows if not row.get("full")]
    first = timed[0]
    print(f"{first['device']}, memory: {first['memory_of']}")
    return 0 if len({(r["net"], r["precision"]) for r in timed}) else 1


if __name__ == "__main__":
    sys.exit(main())
