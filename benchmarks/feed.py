"""The feed of a stage against PNG files and `tf.io.decode_png`: CPU milliseconds, and the wait.

Run: OMP_NUM_THREADS=1 python benchmarks/feed.py [--images 12] [--canvases real.npy] [--rounds 5]
Canvases are full-size phantoms of every device, standardized with the study's parameters. Both
feeds read files in memory with one thread, in the same order, in batches of --batch, up to a
TensorFlow tensor of uint16 whose pixels are compared first; a time is CPU time of the whole
process, the fastest of --rounds passes. Ours draws the changes of a stage, too, with every kind of
augmentation. `copied` is what `tf.convert_to_tensor` makes of a batch, `shared` takes its memory
as it is. Then the wait: a loop whose step takes --step-ms sleeps while the feed reads ahead.
Required: 1.3 CPU-ms an image, ten times less than PNG, and no wait once warm.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from store import make_canvases, write_store

from mammo_pipeline.datasets.store import ImageStore
from mammo_pipeline.mammo.ladder.examples import Examples
from mammo_pipeline.mammo.ladder.feed import read_batches, seed_step
from mammo_pipeline.mammo.ladder.stages import Stage

PATCH_PX = 224
MOST_MS, LEAST_RATIO, MOST_WAIT = 1.3, 10.0, 0.01
AUGMENT = {
    "flip_vertical": True, "flip_horizontal": True, "rotation_degrees": 25, "shear": 0.2,
    "zoom": 0.2, "gain": 0.1, "shift": 0.05, "elastic": 0.05,
}  # fmt: skip
Share = Callable[[np.ndarray], Any]


def make_stage(batch: int) -> Stage:
    return Stage.model_validate(
        {
            "name": "bench", "data": "images", "start": "scratch", "optimizer": {"name": "adam"},
            "learning_rate": 1e-3, "epochs": 1, "batch": batch, "augment": AUGMENT,
        }
    )  # fmt: skip


def make_examples(positions: np.ndarray, corners: np.ndarray, shape_px: tuple) -> Examples:
    names = np.arange(len(positions)).astype(str)
    labels = np.arange(len(positions)) % 2
    return Examples(names, positions, corners, shape_px, labels, names)


def list_images(pixels: Any, count: int) -> Examples:
    """Every image as often as it takes to have `count`."""
    positions = np.arange(count) % len(pixels)
    return make_examples(positions, np.zeros((count, 2), np.int64), pixels.shape[1:])


def list_patches(pixels: Any, count: int, images: int) -> Examples:
    """Patches at chance, in runs of batches that see so many images."""
    rng = np.random.default_rng(1)
    corners = np.stack(
        [rng.integers(0, side - PATCH_PX + 1, count) for side in pixels.shape[1:]], axis=1
    )
    return make_examples(rng.integers(0, images, count), corners, (PATCH_PX, PATCH_PX))


def feed(pixels: Any, examples: Examples, batch: int) -> Iterator[tuple[Any, float]]:
    steps = np.arange(len(examples.labels)).reshape(-1, batch)
    batches = read_batches(
        pixels, examples, steps, make_stage(batch), lambda step: seed_step(1, "bench", 1, step)
    )
    return ((found.pixels, wait) for found, wait in batches)


def cpu_ms(make: Callable[[], Iterator[Any]], count: int, rounds: int) -> float:
    """CPU milliseconds of the whole process for one of `count` pictures, the fastest pass."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in make():
            pass
        seconds.append(time.process_time() - start)
    return min(seconds) / count * 1e3


def share_memory(pixels: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.experimental.dlpack.from_dlpack(pixels.__dlpack__())


def read_png(folder: Path, canvases: np.ndarray, count: int, batch: int) -> Any:
    """The peer: one thread in all, whatever the machine has."""
    import tensorflow as tf

    for number, canvas in enumerate(canvases):
        Image.fromarray(canvas).save(folder / f"{number}.png")
    paths = [str(folder / f"{number % len(canvases)}.png") for number in range(count)]

    def decode(path: Any) -> Any:
        return tf.io.decode_png(tf.io.read_file(path), channels=1, dtype=tf.uint16)

    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    images = tf.data.Dataset.from_tensor_slices(paths).map(decode, num_parallel_calls=1)
    return images.batch(batch).prefetch(2).with_options(options)


def compare(folder: Path, canvases: np.ndarray, batch: int, rounds: int) -> tuple[bool, Any]:
    """Prints the CPU time of every feed; returns whether it is as required, and the store."""
    import tensorflow as tf

    write_store(folder, canvases)
    pixels = ImageStore(filepath=str(folder / "store")).load().pixels
    count = 4 * batch
    images = list_images(pixels, count)
    png = read_png(folder, canvases, count, batch)
    shares: dict[str, Share] = {"copied": tf.convert_to_tensor, "shared": share_memory}

    def ours(examples: Examples, share: Share, size: int) -> Iterator[Any]:
        return (share(found) for found, _ in feed(pixels, examples, size))

    for theirs, *found in zip(png, *(ours(images, s, batch) for s in shares.values()), strict=True):
        for tensor in found:
            np.testing.assert_array_equal(tensor.numpy(), theirs.numpy())
    peer = cpu_ms(lambda: iter(png), count, rounds)
    print(f"{len(canvases)} canvases of {canvases.shape[1]}x{canvases.shape[2]}, tissue "
          f"{np.mean(canvases > 0):.2f}, batches of {batch}")  # fmt: skip
    print(f"{'feed':38}{'CPU ms':>8}{'images/CPU s':>14}{'PNG/ours':>10}")
    print(f"{'PNG, tf.data, decode_png':38}{peer:8.3f}{1e3 / peer:14.0f}{1:10.1f}")
    measured = {}
    for name, share in shares.items():
        cost = cpu_ms(lambda s=share: ours(images, s, batch), count, rounds)
        measured[name] = cost
        print(f"{'store, ' + name:38}{cost:8.3f}{1e3 / cost:14.0f}{peer / cost:10.1f}")
    for spread in (len(canvases), 2):
        patches = list_patches(pixels, 256, spread)
        cost = cpu_ms(lambda p=patches: ours(p, share_memory, 32), 256, rounds)
        print(f"{f'patches of {PATCH_PX}, 32 of {spread} images':38}{cost:8.3f}{1e3 / cost:14.0f}")
    good = measured["copied"] <= MOST_MS and peer >= LEAST_RATIO * measured["shared"]
    return good, pixels


def measure_wait(pixels: Any, batch: int, step_ms: float, steps: int) -> bool:
    examples = list_images(pixels, steps * batch)
    waits = []
    for found, wait in feed(pixels, examples, batch):
        waits.append(wait)
        share_memory(found)
        time.sleep(step_ms / 1e3)
    warm = sum(waits[1:])
    share = warm / (warm + step_ms / 1e3 * (steps - 1))
    print(f"steps of {step_ms:g} ms: first wait {waits[0] * 1e3:.1f} ms, then at most "
          f"{max(waits[1:]) * 1e3:.2f} ms, {share:.3%} of the time")  # fmt: skip
    return share <= MOST_WAIT


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--canvases", help="an .npy file of canvases instead of phantoms")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--step-ms", type=float, default=100.0)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    canvases = np.load(arguments.canvases) if arguments.canvases else None
    canvases = make_canvases(arguments.images) if canvases is None else canvases
    with tempfile.TemporaryDirectory() as folder:
        good, pixels = compare(Path(folder), canvases, arguments.batch, arguments.rounds)
        good &= measure_wait(pixels, arguments.batch, arguments.step_ms, arguments.steps)
    print("as required" if good else "NOT as required")
    sys.exit(not good)


if __name__ == "__main__":
    main()
