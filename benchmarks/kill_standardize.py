"""Kills standardize at seeded instants and compares what a rerun leaves with a run left alone.

    python benchmarks/kill_standardize.py [--kills 50] [--women 40] [--seed 1]

Every kill starts from a study without store and audit; SIGKILL hits the whole process group or,
every second time, the leader alone. Half of them strike while the store is open: at an instant from
the first pack's appearance on; the others anywhere between the start and the end. Then the same
command runs to its end. It must end with 0 and leave the store's folder, to the last file, and the
tables and records of the room with the bytes of the run that nobody disturbed; so must a run with
one worker and one with two. The study is made up, and its packs are cut at 200 kB so that there are
many of them. Left out, for time: the made-up twins (`standardize.audit.twins.breasts=0`), which
leave no table, and the room's last two nodes, page and closing. Half a minute a kill on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
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

from kill_ingest import KEDRO, copy_project, finish, start

WORDS = [str(KEDRO), "run", "--env", "demo"]
MADE = ("store", "canvas_lesions.parquet", "image_features.parquet", "device_maps.json")
RECORDS = "device_audit.json"
FEW_TWINS = "standardize.audit.twins.breasts=0"
SMALL_PACKS = """\
store:
  type: mammo_pipeline.datasets.ImageStore
  filepath: ${globals:data}/03_primary/store
  pack_bytes: 200000
"""


def make_study(folder: Path, women: int) -> Path:
    """Returns a copy of the project with a made-up study that has gone through ingest and check."""
    project = copy_project(folder)
    catalog = project / "conf/demo/catalog/standardize.yml"
    catalog.parent.mkdir(exist_ok=True)
    catalog.write_text(SMALL_PACKS)
    few = f"fabricate.women={women},fabricate.current.women=2,check.minimum_patients=2"
    finish(project, [*WORDS, "--pipelines", "fabricate,ingest,check", "--params", few])
    return project


def word_command(jobs: int) -> list[str]:
    wanted = "canvas_lesions,device_audit"
    turned = f"{FEW_TWINS},standardize.engine.jobs={jobs}"
    return [*WORDS, "--pipelines", "standardize", "--to-outputs", wanted, "--params", turned]


def clear(project: Path) -> None:
    primary = project / "data/demo/03_primary"
    shutil.rmtree(primary / "store", ignore_errors=True)
    for name in MADE[1:]:
        (primary / name).unlink(missing_ok=True)
    shutil.rmtree(project / "data/demo/08_reporting", ignore_errors=True)


def digest_outputs(project: Path) -> dict[str, str]:
    """Name to SHA-256 of every file of the store and of the room's tables and records."""
    primary = project / "data/demo/03_primary"
    files = [path for path in (primary / "store").rglob("*") if path.is_file()]
    files += [primary / name for name in MADE[1:]]
    files.append(project / "data/demo/08_reporting" / RECORDS)
    return {
        path.relative_to(project / "data/demo").as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(files)
        if path.exists()
    }


def kill_once(
    project: Path, command: list[str], delay_s: float, from_store: bool, group: bool
) -> bool:
    """Whether the kill came before the run's own end.

    Args:
        project: Where to run.
        command: What to run.
        delay_s: Until the kill, from the start or from the first pack's appearance on.
        from_store: Which of the two.
        group: Whether workers are hit, too.
    """
    run, packs = start(project, command), project / "data/demo/03_primary/store/packs"
    while from_store and run.poll() is None and not packs.exists():
        time.sleep(0.002)
    try:
        run.wait(timeout=delay_s)
    except subprocess.TimeoutExpired:
        (os.killpg if group else os.kill)(run.pid, signal.SIGKILL)
        run.wait()
        return True
    return False


def find_stage(project: Path) -> str:
    """Returns how far a killed run had come."""
    primary = project / "data/demo/03_primary"
    if not any((primary / "store/packs").glob("*.pack")):
        return "before the store"
    if not (primary / "store/index.parquet").exists():
        return "in the store"
    audited = (project / "data/demo/08_reporting" / RECORDS).exists()
    return "after the audit" if audited else "between store and audit"


def time_store(project: Path, command: list[str]) -> float:
    """Returns the seconds between the first pack and the table of an undisturbed run."""
    run, store = start(project, command), project / "data/demo/03_primary/store"
    while run.poll() is None and not (store / "packs").exists():
        time.sleep(0.002)
    began = time.monotonic()
    while run.poll() is None and not (store / "index.parquet").exists():
        time.sleep(0.002)
    spent = time.monotonic() - began
    run.wait()
    return spent


def compare(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    return sorted(n for n in expected.keys() | found if expected.get(n) != found.get(n))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--women", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        project = make_study(Path(scratch), options.women)
        command = word_command(2)
        finish(project, command)
        clear(project)
        alone_s = finish(project, command)
        expected = digest_outputs(project)
        clear(project)
        store_s = time_store(project, command)
        again = compare(expected, digest_outputs(project))
        clear(project)
        finish(project, word_command(1))
        one = compare(expected, digest_outputs(project))
        packs = sum(name.endswith(".pack") for name in expected)
        print(f"undisturbed: {alone_s:.1f} s, {store_s:.1f} s in the store; {packs} packs of it")
        print(f"a second run with 2 workers: {again or 'equal'}; 1 worker: {one or 'equal'}")
        stages: Counter[str] = Counter()
        equal = 0
        for number in range(options.kills):
            clear(project)
            from_store, group = number % 4 > 1, number % 2 == 0
            delay_s = chance.uniform(0, store_s if from_store else alone_s)
            in_time = kill_once(project, command, delay_s, from_store, group)
            stage = find_stage(project) if in_time else "after its end"
            stages[stage] += 1
            finish(project, command)
            wrong = compare(expected, digest_outputs(project))
            equal += not wrong
            who = "group" if group else "leader"
            told = f"{number + 1:3} {who:6} {stage:23} {delay_s:5.2f} s: {wrong or 'equal'}"
            print(told, flush=True)
    print(f"kills {options.kills}: {dict(stages)}")
    print(f"reruns that ended 0: {options.kills}; byte-equal: {equal}")
    sys.exit(equal != options.kills or bool(again or one))


if __name__ == "__main__":
    main()
