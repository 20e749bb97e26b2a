"""What DVC costs for a raw folder, by layout: seconds, CPU seconds, bytes, and names that it keeps.

Run: .venv/bin/python benchmarks/dvc_layout.py [largest number of small files]
Every layout is made anew in a git and DVC repository of its own below TMPDIR, which wants 5 GB;
3.5 CPU minutes with 20,000 files, 17 minutes on a busy machine. `lost` is a status after DVC lost
its notes (site_cache_dir): all is hashed again, from the warm cache of the system. `changed` is
the commit of one changed file. CPU seconds are user and system. `pushed` counts the file names in
the cache, which go to every remote; `noted` those in the notes, which every user of the machine
can read.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import numpy as np

from mammo_pipeline.mammo.manifest import render_manifest

DVC = Path(sys.executable).with_name("dvc").as_posix()
ENVIRONMENT = {**os.environ, "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "true"}
SMALL, LARGE, A_PATIENT = 4_096, 16 << 20, 100
HOSPITAL_FILES, HOSPITAL_FILE_MB = 300_000, 20
NAME = "DOE_JANE"
NAMES = re.compile(rb"DOE_JANE_\d{6}")
COMMANDS = ("add", "status", "lost", "commit", "changed")


@dataclass
class Cost:
    """What a layout cost: (seconds, CPU seconds) by command, and what lies in the cache."""

    layout: str
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)
    cache_bytes: int = 0
    cache_files: int = 0
    pushed: int = 0
    noted: int = 0
    changed_bytes: int = 0


def write_flat(raw: Path, files: int, size: int) -> Path:
    """Writes files side by side; returns one that may be changed."""
    raw.mkdir()
    for number in range(files):
        (raw / f"{NAME}_{number:06}.dcm").write_bytes(os.urandom(size))
    return raw / f"{NAME}_000000.dcm"


def write_patients(raw: Path, files: int, size: int) -> Path:
    """Writes a folder a patient; returns a file that may be changed."""
    for number in range(files):
        path = raw / f"P{number // A_PATIENT:05}" / f"{NAME}_{number:06}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return raw / "P00000" / f"{NAME}_000000.dcm"


def write_archives(raw: Path, files: int, size: int) -> Path:
    """Writes a tar a patient; returns one that may be changed."""
    raw.mkdir()
    for first in range(0, files, A_PATIENT):
        with tarfile.open(raw / f"P{first // A_PATIENT:05}.tar", "w") as archive:
            for number in range(first, min(first + A_PATIENT, files)):
                entry = tarfile.TarInfo(f"{NAME}_{number:06}.dcm")
                entry.size = size
                archive.addfile(entry, BytesIO(os.urandom(size)))
    return raw / "P00000.tar"


def write_manifest(raw: Path, files: int, _size: int) -> Path:
    """Writes the manifest of a folder that is not there, as `ingest` does; returns it."""
    rng, key = np.random.default_rng(7), b"k" * 32
    rows = ((rng.bytes(32).hex(), 20_000_000, f"{number:016x}") for number in range(files))
    raw.mkdir()
    start = time.process_time()
    (raw / "raw_manifest.txt").write_text(render_manifest(rows, key))
    print(f"rendering {files:,} lines: {time.process_time() - start:.1f} CPU s")
    return raw / "raw_manifest.txt"


def make_repository(folder: Path, link: str = "copy") -> None:
    """Makes a git and DVC repository that keeps its notes within the folder."""
    run(folder, "git", "init", "--quiet", ".")
    run(folder, DVC, "init", "--quiet")
    run(folder, DVC, "config", "core.site_cache_dir", str(folder / ".site"))
    run(folder, DVC, "config", "cache.type", link)


def run(folder: Path, *words: str) -> tuple[float, float]:
    """Runs a command; returns its seconds and CPU seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    told = subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if told.returncode:
        raise SystemExit(f"{' '.join(words)[:200]} ended {told.returncode}: {told.stderr[-500:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_added(
    layout: str, files: int, size: int, write: Callable, each: bool = False, link: str = "copy"
) -> Cost:
    """Returns the cost of a layout whose folder, or each entry of it, is added to DVC."""
    with tempfile.TemporaryDirectory(prefix="dvc-layout-") as scratch:
        root = Path(scratch)
        make_repository(root, link)
        changing = write(root / "raw", files, size)
        targets = [f"raw/{path.name}" for path in (root / "raw").iterdir()] if each else ["raw"]
        cost = Cost(layout)
        cost.seconds["add"] = run(root, DVC, "add", "--quiet", *targets)
        cost = weigh(cost, root)
        cost.seconds["status"] = run(root, DVC, "status", "--quiet")
        shutil.rmtree(root / ".site")
        cost.seconds["lost"] = run(root, DVC, "status", "--quiet")
        cost.seconds["commit"] = run(root, DVC, "commit", "--quiet", "--force")
        change(changing)
        cost.seconds["changed"] = run(root, DVC, "commit", "--quiet", "--force")
        cost.changed_bytes = weigh(cost, root).cache_bytes - cost.cache_bytes
    return cost


def measure_outside(layout: str, files: int, size: int) -> Cost:
    """Returns the cost of a folder outside that a stage depends on, so that DVC hashes it."""
    with tempfile.TemporaryDirectory(prefix="dvc-layout-") as scratch:
        root, raw = Path(scratch) / "project", Path(scratch) / "raw"
        root.mkdir()
        make_repository(root)
        changing = write_flat(raw, files, size)
        (root / "dvc.yaml").write_text(f"stages: {{ingest: {{cmd: 'true', deps: [{raw}]}}}}\n")
        cost = Cost(layout)
        cost.seconds["add"] = run(root, DVC, "repro", "--quiet")
        cost = weigh(cost, root)
        cost.seconds["status"] = run(root, DVC, "status", "--quiet")
        shutil.rmtree(root / ".site")
        cost.seconds["lost"] = run(root, DVC, "status", "--quiet")
        cost.seconds["commit"] = run(root, DVC, "commit", "--quiet", "--force")
        change(changing)
        cost.seconds["changed"] = run(root, DVC, "commit", "--quiet", "--force")
    return cost


def change(path: Path) -> None:
    """Changes eight bytes in the middle of a file, as a file made anew."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8] = b"00000000"
    path.unlink()
    path.write_bytes(content)


def weigh(cost: Cost, root: Path) -> Cost:
    """Returns the cost with what lies in the cache, and the names in cache and notes."""
    files = [path for path in (root / ".dvc/cache").rglob("*") if path.is_file()]
    read = [path for path in files if path.suffix == ".dir" or path.stat().st_size < LARGE]
    notes = [path for path in (root / ".site").rglob("*") if path.is_file()]
    return replace(
        cost,
        cache_bytes=sum(path.stat().st_size for path in files),
        cache_files=len(files),
        pushed=count_names(read),
        noted=count_names(notes),
    )


def count_names(files: Iterable[Path]) -> int:
    """Returns how many different names of raw files stand in these files."""
    return len({name for file in files for name in NAMES.findall(file.read_bytes())})


def measure_links() -> None:
    """Prints what 100 files of 16 MB cost on the disk by cache.type, or that it is refused."""
    for link in ("copy", "reflink", "hardlink", "symlink"):
        with tempfile.TemporaryDirectory(prefix="dvc-layout-") as scratch:
            root = Path(scratch)
            make_repository(root, link)
            write_flat(root / "raw", 100, LARGE)
            try:
                wall, cpu = run(root, DVC, "add", "--quiet", "raw")
            except SystemExit as refused:
                print(f"{link:10} refused: {str(refused).strip().splitlines()[-1][:90]}")
                continue
            blocks = {p.lstat().st_ino: p.lstat().st_blocks for p in root.rglob("*")}
            writable = (root / "raw" / f"{NAME}_000000.dcm").stat().st_mode & 0o200
            print(f"{link:10} add {wall:6.1f} s {cpu:6.1f} CPU s, folder and cache "
                  f"{sum(blocks.values()) * 512 / 1e6:6.0f} MB, "
                  f"{'writable' if writable else 'read-only'}")  # fmt: skip


def measure_listing(files: int) -> None:
    """Prints what it costs to ask every file for its size and time, as `ingest` does."""
    from mammo_pipeline.datasets.files import FolderOfFiles

    with tempfile.TemporaryDirectory(prefix="dvc-layout-") as scratch:
        for patient in range(files // A_PATIENT):
            (Path(scratch) / f"P{patient:05}").mkdir()
            for number in range(A_PATIENT):
                (Path(scratch) / f"P{patient:05}" / f"{NAME}_{number:06}.dcm").touch()
        folder, start, cpu = FolderOfFiles(Path(scratch)), time.perf_counter(), time.process_time()
        found = folder.entries()
        print(f"listing {len(found):,} files outside: {time.perf_counter() - start:.1f} s, "
              f"{time.process_time() - cpu:.1f} CPU s")  # fmt: skip


def print_costs(costs: list[Cost]) -> None:
    """Prints a line a layout: seconds/CPU seconds by command, then what lies in the cache."""
    print(f"\n{'layout':34}" + "".join(f"{name:>14}" for name in COMMANDS)
          + f"{'cache MB':>10}{'files':>8}{'pushed':>8}{'noted':>8}{'changed MB':>12}")  # fmt: skip
    for cost in costs:
        pairs = (cost.seconds[name] for name in COMMANDS)
        times = "".join(f"{f'{wall:.1f}/{cpu:.1f}':>14}" for wall, cpu in pairs)
        print(f"{cost.layout:34}{times}{cost.cache_bytes / 1e6:10.1f}{cost.cache_files:8}"
              f"{cost.pushed:8}{cost.noted:8}{cost.changed_bytes / 1e6:12.2f}")  # fmt: skip


def print_growth(sizes: list[int], costs: list[Cost], large: Cost) -> None:
    """Prints the line through the CPU and wall seconds of the flat folders, drawn to a hospital."""
    print(f"\ngrowth, least-squares line through {sizes}, drawn to {HOSPITAL_FILES:,} files:")
    for name in COMMANDS:
        told = []
        for which, unit in enumerate(("s", "CPU s")):
            slope, start = np.polyfit(sizes, [c.seconds[name][which] for c in costs], 1)
            told.append(f"{start:5.2f} + {slope * 1e3:6.3f}/1,000 = "
                        f"{start + slope * HOSPITAL_FILES:6.0f} {unit}")  # fmt: skip
        print(f"{name:10}" + "   ".join(told))
    hours = HOSPITAL_FILES * HOSPITAL_FILE_MB / (100 * LARGE / 1e6) / 3600
    print(f"bytes: {HOSPITAL_FILES * HOSPITAL_FILE_MB / 1e6:.0f} TB, by 100 files of 16 MB: add "
          f"{large.seconds['add'][0] * hours:.1f} h, all hashed again "
          f"{large.seconds['lost'][0] * hours:.1f} h")  # fmt: skip


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    sizes = [max(A_PATIENT, most // 20), most // 4, most]
    growth = [measure_added(f"flat, {n:,} x 4 KB", n, SMALL, write_flat) for n in sizes]
    large = measure_added("flat, 100 x 16 MB", 100, LARGE, write_flat)
    others = [
        measure_added(f"folder a patient, {most:,}", most, SMALL, write_patients),
        measure_added(f"one .dvc a patient, {most:,}", most, SMALL, write_patients, each=True),
        measure_added(f"tar a patient, {most:,}", most, SMALL, write_archives),
        measure_outside(f"outside, a dependency, {most:,}", most, SMALL),
        measure_outside("outside, a dependency, 100 x 16 MB", 100, LARGE),
        large,
        measure_added(f"manifest, {HOSPITAL_FILES:,} lines", HOSPITAL_FILES, 0, write_manifest),
    ]
    print_costs([*growth, *others])
    print_growth(sizes, growth, large)
    print("\n100 x 16 MB by cache.type on this file system:")
    measure_links()
    measure_listing(HOSPITAL_FILES)


if __name__ == "__main__":
    main()
