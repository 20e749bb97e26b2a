"""Ingest and check on a full disk and in a read-only folder: a clear error, no half file, a rerun.

    unshare --user --map-root-user --mount python benchmarks/full_disk.py [--women 8]

`unshare` gives the script a namespace of its own in which it may mount a small disk (tmpfs) for the
demo's tables; as root it also runs without. For each disk: the run must end with an error that says
what to do, leave no partial file under a table's name, and complete when the disk is right again,
with the bytes of a run that was never disturbed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kill_ingest import COMMAND, clear, copy_project, digest_tables, finish

SIZES_KB = (4, 40, 100, 200, 300, 400)


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def run_to_error(project: Path) -> str:
    """The last line of what a run says that must not end with 0."""
    told = subprocess.run(COMMAND, cwd=project, capture_output=True, text=True, check=False)
    if told.returncode == 0:
        return ""
    said = (told.stderr + told.stdout).replace("\r", "\n").splitlines()
    lines = [line for line in said if "Error" in line or "Errno" in line]
    return lines[-1].strip()


def find_half_files(project: Path, expected: dict[str, str]) -> list[str]:
    """Tables under their own name that are not whole, and scratch files that were left."""
    found = digest_tables(project)
    torn = [name for name in found if name in expected and found[name] != expected[name]]
    return torn + [name for name in found if name not in expected]


def report(project: Path, what: str, expected: dict[str, str]) -> tuple[str, bool]:
    said = run_to_error(project)
    half = find_half_files(project, expected)
    print(f"{what}: {'ended with an error' if said else 'came through'}\n    {said[:400]}")
    if half:
        print(f"    half or left over: {half}")
    return said, not half


def rerun(project: Path, expected: dict[str, str]) -> bool:
    finish(project, COMMAND)
    same = digest_tables(project) == expected
    print(f"    rerun with room: tables {'equal' if same else 'DIFFER'}")
    return same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--women", type=int, default=8)
    options = parser.parse_args()
    good = []
    with tempfile.TemporaryDirectory() as scratch:
        project = copy_project(Path(scratch))
        few = f"fabricate.women={options.women},fabricate.current.women=2,check.minimum_patients=1"
        COMMAND.extend(["--params", few])
        finish(project, [*COMMAND[:5], "fabricate", "--params", few])
        finish(project, COMMAND)
        expected = digest_tables(project)
        data = project / "data/demo"
        for size in SIZES_KB:
            clear(project)
            for name in ("02_intermediate", "03_primary", "08_reporting"):
                (data / name).mkdir()
            mount("-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(data / "02_intermediate"))
            good.append(report(project, f"disk of {size} kB", expected)[1])
            mount("-o", "remount,size=1g", str(data / "02_intermediate"))
            good.append(rerun(project, expected))
            subprocess.run(["umount", str(data / "02_intermediate")], check=True)
        clear(project)
        for name in ("02_intermediate", "03_primary", "08_reporting"):
            (data / name).mkdir()
            mount("--bind", str(data / name), str(data / name))
            mount("-o", "remount,ro,bind", str(data / name))
        said, whole = report(project, "read-only folders", expected)
        good += [bool(said), whole]
        for name in ("02_intermediate", "03_primary", "08_reporting"):
            subprocess.run(["umount", str(data / name)], check=True)
        good.append(rerun(project, expected))
        shutil.rmtree(project, ignore_errors=True)
        os.makedirs(project, exist_ok=True)  # noqa: PTH103
    print("all as promised" if all(good) else "NOT as promised")
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
