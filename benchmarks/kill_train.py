"""Kills train at seeded instants and compares what a rerun leaves with a run left alone.

    python benchmarks/kill_train.py [--kills 30] [--series 3] [--women 24] [--seed 1]

Kills come in series: the room starts without states and checkpoints, is killed and started again
as often as the series is long, and then runs to its end. SIGKILL hits the whole process group or,
every second time, the leader alone. A third strikes anywhere between the start and the end, two
thirds after the first checkpoint that the run itself has written. The run must end with 0 and leave
the states of every stage to the bit, history and reports to the letter but for what is timed, and
no file more or less in the folder of checkpoints. The study is made up and the nets are toys, but
the ladder has all that a resume could lose: Adam's moments, averages, the best epoch, dropout, a
batch in parts, every change of the pictures, hard negatives. A running stage is written down about
five times a second. A minute a kill on two cores.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
from kill_ingest import KEDRO, copy_project, finish, start
from kill_standardize import FEW_TWINS

from mammo_pipeline.datasets.arrays import read_arrays
from mammo_pipeline.mammo.digest import digest_arrays

WORDS = [str(KEDRO), "run", "--env", "demo"]
COMMAND = [*WORDS, "--pipelines", "train", "--nodes", "train_ladder"]
FOLDERS = ("ladder", "training_views")
TABLES = ("ladder_history.csv", "restore_report.csv", "wiring_report.csv")
MINED = "mined_patches.parquet"
TIMED = {"seconds", "step_ms", "feed_wait_share", "images_per_second", "memory_mb", "memory_of"}
LADDER = """\
# For: kills. A toy of the winner's ladder that has all that a resume could lose.
# Cost: about a minute on two cores.
# Expect: no skill.
train:
  execution: {checkpoint_seconds: 0.2}
  ladders:
    dream_winner:
      network:
        block_widths: [4, 8, 8, 8]
        head_widths: [16, 8]
        image_shape: [288, 224]
        patch_px: 56
      stages:
        patch_adam:
          epochs: 4
          batch: 10
          examples_per_epoch: 1000
          dropout: 0.2
          keep: {epoch: best}
          augment: {rotation_degrees: 25, shear: 0.2, zoom: 0.2, gain: 0.1, elastic: 0.02}
        image_adam: {epochs: 3, batch: 4, examples_per_epoch: 160, accumulate: 2}
        finetune_ema: {epochs: 3, batch: 4, examples_per_epoch: 160}
        finetune_sgd: {epochs: 3, batch: 4, examples_per_epoch: 160}
        patch_again:
          data: patches
          start: patch_adam
          restore: [weights, optimizer]
          optimizer: {name: adam}
          learning_rate: 1.0e-4
          schedule: {kind: cosine, end_factor: 0.1}
          ema: {momentum: 0.9, of: weights_and_statistics}
          epochs: 3
          batch: 10
          examples_per_epoch: 1000
          mine: {per_image: 2, above: 0.0, overlap_most: 0.35}
"""


def make_study(folder: Path, women: int) -> Path:
    """Returns a copy of the project with a made-up study that is ready to be learned from."""
    project = copy_project(folder)
    (project / "conf/demo/parameters/train.yml").write_text(LADDER)
    few = f"fabricate.women={women},fabricate.current.women=2,check.minimum_patients=2"
    finish(project, [*WORDS, "--pipelines", "fabricate,ingest,check", "--params", few])
    alone = ["--to-outputs", "canvas_lesions", "--params", FEW_TWINS]
    finish(project, [*WORDS, "--pipelines", "standardize", *alone])
    finish(project, [*WORDS, "--pipelines", "patches"])
    return project


def models(project: Path) -> Path:
    return project / "data/demo/06_models"


def list_checkpoints(project: Path) -> dict[str, int]:
    """Name to time of every file in the folder of checkpoints, hidden ones among them."""
    found = {}
    for path in (models(project) / "checkpoints/train").glob("**/*"):
        try:
            found[path.name] = path.stat().st_mtime_ns
        except FileNotFoundError:  # It took its name, or went, just now.
            continue
    return found


def clear(project: Path) -> None:
    shutil.rmtree(models(project), ignore_errors=True)


def digest_outputs(project: Path) -> dict[str, str]:
    """What the room left, by name: digests of states, text of tables without what is timed."""
    told = {}
    for folder in FOLDERS:
        for path in sorted((models(project) / folder).glob("*.npz")):
            told[f"{folder}/{path.stem}"] = digest_arrays(read_arrays(path))
    for name in TABLES:
        table = pd.read_csv(models(project) / name, dtype=str, keep_default_na=False)
        told[name] = table.drop(columns=TIMED & set(table.columns)).to_csv()
    told[MINED] = pd.read_parquet(models(project) / MINED).to_csv()
    told["checkpoints"] = "\n".join(sorted(list_checkpoints(project)))
    return told


def wait_for_checkpoint(project: Path, run: subprocess.Popen, before: dict[str, int]) -> None:
    while run.poll() is None and set(list_checkpoints(project).items()) <= set(before.items()):
        time.sleep(0.005)


def kill_once(project: Path, delay_s: float, from_checkpoint: bool, group: bool) -> bool:
    """Whether the kill came before the run's own end.

    Args:
        project: Where to run.
        delay_s: Until the kill, from the start or from the run's first checkpoint on.
        from_checkpoint: Which of the two.
        group: Whether child processes are hit, too.
    """
    before = list_checkpoints(project)
    run = start(project, COMMAND)
    if from_checkpoint:
        wait_for_checkpoint(project, run, before)
    try:
        run.wait(timeout=delay_s)
    except subprocess.TimeoutExpired:
        (os.killpg if group else os.kill)(run.pid, signal.SIGKILL)
        run.wait()
        return True
    return False


def find_stage(project: Path) -> str:
    """Returns how far a killed run had come."""
    if (models(project) / "ladder").exists():
        return "while saving"
    names = [name.lstrip(".") for name in list_checkpoints(project)]
    running = sorted({name.split("-")[0] for name in names if ".running_" in name})
    if running:
        return f"in {', '.join(running)}"
    done = {name.split("-")[0] for name in names}
    return f"behind {len(done)} stages" if done else "before the first checkpoint"


def time_alone(project: Path) -> tuple[float, float]:
    """Returns the seconds of an undisturbed run: whole, and from its first checkpoint on."""
    began = time.monotonic()
    run = start(project, COMMAND)
    wait_for_checkpoint(project, run, {})
    first = time.monotonic()
    if run.wait():
        raise SystemExit(f"{' '.join(COMMAND)} ended with {run.returncode}")
    ended = time.monotonic()
    return ended - began, ended - first


def compare(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    return sorted(n for n in expected.keys() | found if expected.get(n) != found.get(n))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--series", type=int, default=3)
    parser.add_argument("--women", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    options = read_options()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        project = make_study(Path(scratch), options.women)
        finish(project, COMMAND)
        expected = digest_outputs(project)
        clear(project)
        alone_s, learned_s = time_alone(project)
        again = compare(expected, digest_outputs(project))
        states = sum(name.startswith("ladder/") for name in expected)
        print(f"undisturbed: {alone_s:.1f} s, {learned_s:.1f} s after the first checkpoint")
        print(f"{states} stages; a second undisturbed run: {again or 'equal'}", flush=True)
        stages: Counter[str] = Counter()
        equal = ended = 0
        for number in range(options.kills):
            if number % options.series == 0:
                clear(project)
            group, from_checkpoint = number % 2 == 0, number % 3 > 0
            delay_s = chance.uniform(0, learned_s / 2 if from_checkpoint else alone_s)
            in_time = kill_once(project, delay_s, from_checkpoint, group)
            stage = find_stage(project) if in_time else "after its end"
            stages[stage] += 1
            who = "group" if group else "leader"
            line = f"{number + 1:3} {who:6} {delay_s:5.1f} s, {stage}"
            if (number + 1) % options.series and number + 1 < options.kills:
                print(line, flush=True)
                continue
            finish(project, COMMAND)
            wrong = compare(expected, digest_outputs(project))
            ended += 1
            equal += not wrong
            print(f"{line}; rerun: {wrong or 'equal'}", flush=True)
    print(f"kills {options.kills}: {dict(stages)}")
    print(f"series of {options.series} that ended with 0: {ended}; equal to the bit: {equal}")
    sys.exit(equal != ended or bool(again))


if __name__ == "__main__":
    main()
