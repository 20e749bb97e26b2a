"""What a second worker brings: images a second of one and of two workers, on the real function.

Run: python benchmarks/two_workers.py [--images 80] [--rounds 3] [--engine local|dask]
About 20 s a round and kind of file on two idle cores. The files are a phantom of 4096x3328, 12 bits
in 16, with noisy air, as JPEG lossless and uncompressed; each task reads one, standardizes it and
packs the canvas as the store does. Rounds of one and two workers take turns in one run, each with a
fresh pool; the clock starts after the first results, so that start and compilation do not count.
Required: the same bytes from one and two workers, and 1.8 times the throughput. Beside it stands
what two workers bring to tasks that only calculate (so much do the machine's cores give at best:
two threads of one core give less than 2) and to tasks that only pass over memory; CPU time an
image, which rises where workers wait for memory; the leader's CPU time; and the load before.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import xxhash
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1
from speed_frames import describe_file, draw_frames, write_file
from standardize_speed import read_standard

from mammo_pipeline.datasets.codec import encode_canvas
from mammo_pipeline.engine import Engine, run_tasks
from mammo_pipeline.guard import GuardedFailure, Limits, count_cores
from mammo_pipeline.mammo.standard import Standard, standardize_file

LIMITS = Limits(seconds=120, memory_mb=6000)
REQUIRED = 1.8
# Files of each kind, so that no worker reads what lies in its own cache of the processor.
COPIES = 8
# Results before the clock starts, a worker.
WARM_UP = 6
Task = tuple[Any, ...]


@dataclass(frozen=True)
class Round:
    """What one pool did: images a second, CPU seconds an image, in workers and in the leader."""

    rate: float
    worker_s: float
    leader_s: float
    digest: str


def standardize_one(path: str, image: dict[str, Any], standard: Standard) -> tuple[float, bytes]:
    start = time.process_time()
    canvas, record = standardize_file(Path(path).read_bytes(), image, standard)
    if canvas is None:
        raise SystemExit(f"refused: {record['code']}")
    return time.process_time() - start, encode_canvas(canvas)


def calculate(turns: int) -> tuple[float, bytes]:
    """Works within the first cache of a core."""
    start, values = time.process_time(), np.ones(2000)
    for _ in range(turns):
        np.sin(values, out=values)
    return time.process_time() - start, values.tobytes()


def pass_over_memory(megabytes: int) -> tuple[float, bytes]:
    start, values = time.process_time(), np.zeros(megabytes * 2**17)
    for _ in range(3):
        values += 1.0
    return time.process_time() - start, values[:8].tobytes()


def run_round(
    function: Callable[..., Any], tasks: list[Task], engine: Engine, workers: int
) -> Round:
    """Runs the tasks in a fresh pool; the clock runs from the end of the warm-up."""
    digest, spent, warm = xxhash.xxh3_128(), [], WARM_UP * workers
    begin = leader = 0.0
    for number, outcome in run_tasks(function, tasks, engine, LIMITS):
        if isinstance(outcome, GuardedFailure):
            raise SystemExit(f"task {number}: {outcome}")
        seconds, content = outcome
        digest.update(content)
        if number >= warm:
            spent.append(seconds)
        elif number == warm - 1:
            begin, leader = time.perf_counter(), time.process_time()
        end = time.perf_counter()
    counted = len(spent)
    own = (time.process_time() - leader) / counted
    return Round(counted / (end - begin), sum(spent) / counted, own, digest.hexdigest())


def compare(what: str, function: Callable[..., Any], tasks: list[Task], options: Any) -> float:
    """Prints the median of the rounds; returns the ratio of two workers to one."""
    rounds: dict[int, list[Round]] = {1: [], 2: []}
    for turn in range(options.rounds):
        # The second round the other way round, for a machine that tires.
        for workers in (1, 2) if turn % 2 == 0 else (2, 1):
            engine = Engine(kind=options.engine, jobs=workers)
            rounds[workers].append(run_round(function, tasks, engine, workers))
    digests = {each.digest for some in rounds.values() for each in some}
    if len(digests) != 1:
        raise SystemExit(f"{what}: one and two workers give different bytes")
    ratios = [two.rate / one.rate for one, two in zip(rounds[1], rounds[2], strict=True)]
    for workers, some in rounds.items():
        rate, worker_s, leader_s = (
            median(getattr(each, name) for each in some)
            for name in ("rate", "worker_s", "leader_s")
        )
        print(
            f"  {what:<15} {workers} worker(s): {rate:7.2f} tasks/s, CPU a task "
            f"{1e3 * worker_s:7.1f} ms, leader {1e3 * leader_s:5.2f} ms, "
            f"workers busy {100 * rate * worker_s / workers:3.0f} %"
        )
    found = median(ratios)
    print(f"  {what:<15} ratio {found:.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)
    return found


def write_files(folder: Path, count: int) -> dict[str, list[Task]]:
    """Returns the tasks of each kind of file."""
    frame, standard = draw_frames()["noisy"], read_standard()
    kinds = {"JPEG lossless": JPEGLosslessSV1, "uncompressed": ExplicitVRLittleEndian}
    tasks: dict[str, list[Task]] = {}
    for kind, syntax in kinds.items():
        content = write_file(frame.pixels, str(syntax))
        image = describe_file(content, frame.pixels, frame.spacing_mm)
        paths = [folder / f"{kind.split()[0]}_{number}.dcm" for number in range(COPIES)]
        for path in paths:
            path.write_bytes(content)
        tasks[kind] = [(str(paths[n % COPIES]), image, standard) for n in range(count)]
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=80)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=("local", "dask"), default="local")
    options = parser.parse_args()
    if options.images < 4 * WARM_UP:
        raise SystemExit(f"--images {options.images}: expected at least {4 * WARM_UP}")
    load = os.getloadavg()[0]
    print(f"{options.engine}, {count_cores()} cores, load before {load:.2f}", flush=True)
    if load > 0.5:
        print("The machine is busy: the ratios are of no worth.")
    best = compare("calculate", calculate, [(3000,)] * options.images, options)
    compare("pass over memory", pass_over_memory, [(256,)] * options.images, options)
    with tempfile.TemporaryDirectory() as folder:
        kinds = write_files(Path(folder), options.images)
        ratios = {k: compare(k, standardize_one, tasks, options) for k, tasks in kinds.items()}
    for kind, ratio in ratios.items():
        share = f"{100 * ratio / best:.0f} % of what calculation alone gains"
        print(f"{kind}: {ratio:.2f} of {REQUIRED} required, {share}")
    if min(ratios.values()) < REQUIRED:
        raise SystemExit("A second worker brings less than required.")


if __name__ == "__main__":
    # By its name, for a cluster's workers import the functions from there.
    import two_workers

    two_workers.main()
