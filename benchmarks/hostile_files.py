"""Reads hostile files as the room ingest does: who breaks, what it costs, what slips through.

Run: python benchmarks/hostile_files.py [--mutants 1900] [--seed 7] [--jobs -1] [--folder PATH]
Mutants of pydicom's own test files and of phantoms, and a hundred files made by hand, each read in
a guarded process with 20 s and 3 GB. Required: no crash, no hang, every file a fate; with a list of
SHA-256 sums no accepted file whose pixels differ from its source's. Without one the rate of such
silent differences is printed with its 95 % Wilson interval, beside what pydicom alone lets through
without an error or a warning.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hostile_makers import list_contents, list_sources, make_oddities, mutate

from mammo_pipeline.datasets.files import Entry, FolderOfFiles
from mammo_pipeline.datasets.ledger import Ledger
from mammo_pipeline.guard import GuardedFailure, Limits, run_guarded
from mammo_pipeline.mammo.dicom.walk import walk_header
from mammo_pipeline.mammo.exam import count_flow
from mammo_pipeline.mammo.fates import FATES
from mammo_pipeline.mammo.intervals import wilson_interval
from mammo_pipeline.pipelines.ingest import worker
from mammo_pipeline.pipelines.ingest.nodes import index_files
from small_archive import ingest_rules

LIMITS = Limits(seconds=20, memory_mb=3072)
LARGEST_MB = 512
# Of the rules on headers this one alone is applied: the rest would spare most files the decoder.
DIRECTORY = "1.2.840.10008.1.3.10"
LOOK = worker.Look(maximum_pixels=60_000_000, look_for_text=False, second_decoder=True)
ROOM_LIMITS = {"seconds": 20, "memory_mb": 3072, "file_mb": LARGEST_MB, "megapixels": 60}
FATES_OF_FAILURES = {
    "too_long": "decoding_too_long",
    "too_large": "decoding_too_large",
    "crashed": "decoding_crashed",
}
Facts = dict[str, Any]


def read_one(path: str, header: Facts | None) -> Facts:
    """What a guarded process does with one file; the header is None where the walker passed."""
    start = time.monotonic()
    facts = worker.read_header_facts(path, LOOK) if header is None else {"values": header}
    if facts.get("values", {}).get("SOPClassUID") == DIRECTORY:
        facts = {"code": "directory_object"}
    if "values" in facts:
        facts = worker.read_pixel_facts(path, "pixels", facts["values"], LOOK)
    return {**facts, "seconds": time.monotonic() - start, "peak_mb": peak_mb()}


def read_plainly(path: str) -> str:
    """The digest of what pydicom alone decodes; empty after an error or a warning."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = pydicom.dcmread(path).pixel_array
        except BaseException:
            return ""
    wide = values.astype("<f8" if values.dtype.kind == "f" else "<i8")
    return hashlib.sha256(str(values.shape).encode() + wide.tobytes()).hexdigest()


def peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_folder(folder: FolderOfFiles, entries: list[Entry], jobs: int) -> list[Facts]:
    """Every file's facts, read as the room does: plain headers here, the rest behind the guard."""
    facts: list[Facts] = [judge_entry(entry) for entry in entries]
    open_ones = [n for n, fact in enumerate(facts) if not fact]
    walked = {n: walk(folder, entries[n]) for n in open_ones}
    slowest = max((fact.pop("walk_s") for fact in walked.values()), default=0.0)
    print(f"slowest walk of a header in the leader: {slowest:.3f} s")
    behind = [n for n in open_ones if "code" not in walked[n]]
    facts = [walked[n] if "code" in walked.get(n, {}) else fact for n, fact in enumerate(facts)]
    tasks = ((str(folder.path_of(entries[n].name)), walked[n].get("values")) for n in behind)
    for number, result in run_guarded(read_one, tasks, LIMITS, jobs):
        if isinstance(result, GuardedFailure):
            result = {"code": FATES_OF_FAILURES[result.kind], "found": result.detail}
        facts[behind[number]] = result
    return facts


def judge_entry(entry: Entry) -> Facts:
    if entry.kind != "file":
        return {"code": "special_file" if entry.kind == "special" else "unreadable_file"}
    if not entry.size_bytes:
        return {"code": "empty_file"}
    return {"code": "large_file"} if entry.size_bytes > LARGEST_MB * 2**20 else {}


def walk(folder: FolderOfFiles, entry: Entry) -> Facts:
    start = time.monotonic()
    try:
        with folder.open(entry.name) as stream:
            head = stream.read(132)
            stream.seek(0)
            known = head[128:] == b"DICM" or worker.is_picture(head)
            header = walk_header(stream) if head[128:] == b"DICM" else None
            facts: Facts = {} if known else {"code": "not_dicom"}
    except OSError:
        facts, header = {"code": "unreadable_file"}, None
    facts["walk_s"] = time.monotonic() - start
    return facts | ({"values": header.values} if header else {})


def write_files(root: Path, mutants: int, seed: int) -> tuple[dict[str, str], dict[str, str]]:
    """Writes all files; returns the source and the change of each mutant by name."""
    sources = list_sources(seed)
    rng = np.random.default_rng(seed)
    origin, change = {}, {}
    for folder in ("sources", "mutants", "by-hand"):
        (root / folder).mkdir(parents=True)
    for name, content in sources:
        (root / "sources" / name).write_bytes(content)
    kinds = [[s for s in sources if s[0].endswith(".dcm")], [s for s in sources if s[0][-4] != "."]]
    for number in range(mutants):
        several = kinds[number % 2]
        source, content = several[int(rng.integers(len(several)))]
        what, mutant = mutate(content, rng)
        name = f"mutants/{number:05d}"
        (root / name).write_bytes(mutant)
        origin[name], change[name] = source, what
    for name, content in list_contents():
        (root / "by-hand" / name).write_bytes(content)
    return origin, change


def report_costs(facts: list[Facts], entries: list[Entry]) -> None:
    codes = Counter(fact.get("code", "none") for fact in facts)
    strange = [code for code in codes if code != "accepted" and code not in FATES]
    names = [entry.name for entry in entries]
    took = [(fact.get("seconds", 0.0), name) for fact, name in zip(facts, names, strict=True)]
    largest = max(fact.get("peak_mb", 0.0) for fact in facts)
    failed = {code: codes[code] for code in FATES_OF_FAILURES.values()}
    print(f"files: {len(facts)}, with a fate: {len(facts) - sum(codes[s] for s in strange)}")
    for seconds, name in sorted(took)[:-4:-1]:
        print(f"slowest files that ended by themselves: {seconds:.2f} s ({name!r})")
    for fact, name in zip(facts, names, strict=True):
        if fact.get("code") in FATES_OF_FAILURES.values():
            print(f"ended by the guard: {name!r}, {fact['code']}, {fact['found']}")
    print(f"largest memory of a worker: {largest:.0f} MB; ended by the guard: {failed}")
    for code, count in codes.most_common():
        print(f"  {code:24}{count:6}")


def report_silence(
    root: Path, found: dict[str, Facts], origin: dict[str, str], change: dict[str, str], jobs: int
) -> int:
    """Prints the rates of silent differences; returns how many slip by a list of sums."""
    sound = {name: fact for name, fact in found.items() if name.startswith("sources/")}
    names = [*sound, *origin]
    tasks = ((str(root / name),) for name in names)
    plain = {
        names[n]: digest if isinstance(digest, str) else ""
        for n, digest in run_guarded(read_plainly, tasks, LIMITS, jobs)
    }
    ours, theirs, by_sum, common = [], [], [], 0
    for name, source in origin.items():
        parent, fact = sound[f"sources/{source}"], found[name]
        if not plain[f"sources/{source}"]:
            continue
        theirs += [name] * (plain[name] not in ("", plain[f"sources/{source}"]))
        if parent["code"] != "accepted":
            continue
        common += 1
        differs = fact["code"] == "accepted" and fact["pixel_sha256"] != parent["pixel_sha256"]
        ours += [name] * differs
        by_sum += [name] * (differs and fact["file_sha256"] == parent["file_sha256"])
    decodable = sum(bool(plain[f"sources/{source}"]) for source in origin.values())
    both = [n for n in theirs if sound[f"sources/{origin[n]}"]["code"] == "accepted"]
    show("silent differences, with a list of sums", len(by_sum), common)
    show("silent differences, without one", len(ours), common)
    show("  pydicom alone, the same mutants", len(both), common)
    show("  pydicom alone, mutants of all its sources", len(theirs), decodable)
    kinds = Counter(change[n] for n in ours)
    syntaxes = Counter(syntax_of(root / "sources" / origin[n]) for n in ours)
    print("  what slips through:", dict(kinds.most_common()))
    print("  of which transfer syntax:", dict(syntaxes.most_common()))
    return len(by_sum)


def syntax_of(path: Path) -> str:
    import pydicom

    return pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID.name


def ingest_whole(folder: FolderOfFiles, count: int, scratch: Path) -> int:
    """Runs the room itself over the folder, with all its rules; how many files have no row."""
    began = time.monotonic()
    ledger = Ledger(scratch / "ledger.sqlite")
    rules = ingest_rules(minimum_field_mm=0, jobs=-1, limits=ROOM_LIMITS)
    images, files, _ = index_files(folder, ledger, b"k" * 32, rules)
    flow = count_flow(files)
    parts = sum(flow[fate] for fate in ("accepted", "quarantined", "duplicate", "other"))
    took = time.monotonic() - began
    print(f"the room with all its rules: {flow}, {len(images)} images, {took:.0f} s")
    return abs(count - flow["found"]) + abs(flow["found"] - parts)


def show(what: str, count: int, n: int) -> None:
    low, high = wilson_interval(count, n, 0.95)
    print(f"{what}: {count} of {n}, {100 * count / max(n, 1):.2f} % "
          f"({100 * (low or 0):.2f}-{100 * (high or 0):.2f} %)")  # fmt: skip


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mutants", type=int, default=1900)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--jobs", type=int, default=-1)
    arguments.add_argument("--folder", type=Path)
    asked = arguments.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        root = asked.folder or Path(scratch) / "archive"
        origin, change = write_files(root, asked.mutants, asked.seed)
        odd = make_oddities(root / "odd")
        by_hand = len(list((root / "by-hand").iterdir())) + odd
        print(f"{len(origin)} mutants, {by_hand} files made by hand, {odd} of them odd in place")
        folder = FolderOfFiles(root)
        entries = folder.entries()
        facts = read_folder(folder, entries, asked.jobs)
        report_costs(facts, entries)
        found = {entry.name: fact for entry, fact in zip(entries, facts, strict=True)}
        slipped = report_silence(root, found, origin, change, asked.jobs)
        lost = ingest_whole(folder, len(entries), Path(scratch))
    print(f"all in {time.monotonic() - start:.0f} s")
    return 1 if slipped or lost or any(fact.get("code") is None for fact in facts) else 0


if __name__ == "__main__":
    sys.exit(main())
