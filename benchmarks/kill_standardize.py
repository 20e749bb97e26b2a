"""Kills standardize at seeded instants and compares what a rerun leaves with a run left alone.

    python benchmarks/kill_standardize.py [--kills 50] [--women 40] [--seed 1]

Every kill starts from a study without store and audit; SIGKILL hits the whole process group or,
every second time, the leader alone. A third strikes anywhere between the start and the end, a third
while the store is written, and a third from its first pack to the end of the audit. Then the same
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


def wait_for_pack(project: Path, run: subprocess.Popen) -> None:
    packs = project / "data/demo/03_primary/store/packs"
    while run.poll() is None and not any(packs.glob("*.pack")):
        time.sleep(0.001)


def kill_once(
    project: Path, command: list[str], delay_s: float, from_pack: bool, group: bool
) -> bool:
    """Whether the kill came before the run's own end.

    Args:
        project: Where to run.
        command: What to run.
        delay_s: Until the kill, from the start or from the first pack's appearance on.
        from_pack: Which of the two.
        group: Whether workers are hit, too.
    """
    run = start(project, command)
    if from_pack:
        wait_for_pack(project, run)
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


def time_stages(project: Path, command: list[str]) -> tuple[float, float, float]:
    """Returns the seconds of an undisturbed run: whole, in the store, from its first pack on."""
    run, began = start(project, command), time.monotonic()
    wait_for_pack(project, run)
    first = time.monotonic()
    while (
        run.poll() is None and not (project / "data/demo/03_primary/store/index.parquet").exists()
    ):
        time.sleep(0.001)
    settled = time.monotonic()
    if run.wait():
        raise SystemExit(f"{' '.join(command)} ended with {run.returncode}")
    ended = time.monotonic()
    return ended - began, settled - first, ended - first


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
        expected = digest_outputs(project)
        clear(project)
        alone_s, store_s, rest_s = time_stages(project, command)
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
            group = number % 2 == 0
            span_s = (alone_s, store_s, rest_s)[number % 3]
            delay_s = chance.uniform(0, span_s)
            in_time = kill_once(project, command, delay_s, number % 3 > 0, group)
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
