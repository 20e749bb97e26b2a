"""Kills ingest and check at seeded instants and compares what a rerun leaves with a run left alone.

    python benchmarks/kill_ingest.py [--kills 50] [--women 16] [--seed 1]

Every kill starts from a project without tables and without a ledger; SIGKILL hits the whole process
group or, every second time, the leader alone. Then the same command runs to its end. It must end
with 0 and leave every table of `02_intermediate` and `03_primary` with the bytes of the run that
nobody disturbed. About half a minute a kill on two cores.
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
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEDRO = Path(sys.executable).with_name("kedro")
COMMAND = [str(KEDRO), "run", "--env", "demo", "--pipelines", "ingest,check"]
TABLES = ("02_intermediate", "03_primary", "08_reporting")


def copy_project(target: Path) -> Path:
    for name in ("pyproject.toml", "kedro.yml", ".telemetry"):
        shutil.copy(ROOT / name, target / name)
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(target / "conf/local", ignore_errors=True)
    (target / "conf/local").mkdir()
    return target


def start(project: Path, command: list[str]) -> subprocess.Popen:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=project, start_new_session=True, **quiet)


def finish(project: Path, command: list[str]) -> float:
    began = time.monotonic()
    told = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if told.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {told.returncode}\n{told.stderr[-3000:]}")
    return time.monotonic() - began


def clear(project: Path) -> None:
    for name in TABLES:
        shutil.rmtree(project / "data/demo" / name, ignore_errors=True)


def digest_tables(project: Path) -> dict[str, str]:
    """Name to SHA-256 of every table; the ledger and pages that state their time are no tables."""
    files = [
        path
        for name in TABLES[:2]
        for path in (project / "data/demo" / name).rglob("*")
        if path.is_file() and path.suffix != ".sqlite"
    ]
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
    }


def kill_once(project: Path, delay_s: float, group: bool) -> bool:
    """Whether the kill came before the run's own end."""
    run = start(project, COMMAND)
    try:
        run.wait(timeout=delay_s)
    except subprocess.TimeoutExpired:
        (os.killpg if group else os.kill)(run.pid, signal.SIGKILL)
        run.wait()
        return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--women", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        project = copy_project(Path(scratch))
        few = f"fabricate.women={options.women},fabricate.current.women=2,check.minimum_patients=2"
        COMMAND.extend(["--params", few])
        finish(project, [*COMMAND[:5], "fabricate", "--params", few])
        alone_s = finish(project, COMMAND)
        expected = digest_tables(project)
        print(f"undisturbed: {alone_s:.1f} s, {len(expected)} tables")
        outcomes = []
        for number in range(options.kills):
            clear(project)
            delay_s = chance.uniform(0, alone_s)
            in_time = kill_once(project, delay_s, group=number % 2 == 0)
            finish(project, COMMAND)
            found = digest_tables(project)
            wrong = sorted(n for n in expected.keys() | found if expected.get(n) != found.get(n))
            outcomes.append((in_time, wrong))
            who = "group" if number % 2 == 0 else "leader"
            print(f"{number + 1:3} {who:6} at {delay_s:5.1f} s: {wrong or 'equal'}", flush=True)
    equal = sum(not wrong for _, wrong in outcomes)
    print(f"kills {len(outcomes)}, of which {sum(k for k, _ in outcomes)} before the run's end")
    print(f"reruns that ended 0: {len(outcomes)}; byte-equal tables: {equal}")
    sys.exit(equal != len(outcomes))


if __name__ == "__main__":
    main()
