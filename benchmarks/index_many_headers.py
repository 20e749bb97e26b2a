"""Indexes the headers of up to 300,000 made-up mammograms: time, files a second, memory.

    python benchmarks/index_many_headers.py [--files 1000 10000 100000 300000]

Each number of files is indexed by a process of its own: listing, reading every header, keeping it
in the ledger and applying the rules; then once more, when nothing is new. The files have the header
of a phantom, with 150 private elements as a vendor writes them, and the first pixels alone: no
pixel is read here. They need 5 KB each under the temporary folder. Memory is the peak of the
process (ru_maxrss), less what it has before the first file.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pydicom

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

FILES_PER_FOLDER = 1000
RULES = {
    "collection": "generic",
    "benign_without_callback": "benign",
    "opinion_as_truth": False,
    "minimum_field_mm": 0,
    "stated_spacing_mm": {},
    "for_processing": "refuse",
    "look_for_text": True,
    "second_decoder": True,
    "jobs": 1,
    "limits": {"seconds": 20, "memory_mb": 3072, "file_mb": 512, "megapixels": 60},
}


def make_template() -> tuple[bytes, list[int]]:
    """A mammogram's bytes, and where the last 12 digits of its identifiers stand."""
    from io import BytesIO

    from small_archive import mammogram

    mark = b"987654321098"
    header = pydicom.dcmread(BytesIO(mammogram(patient=mark.decode())))
    header.SOPInstanceUID = f"1.2.826.0.1.{mark.decode()}"
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    block = header.private_block(0x0019, "MADE UP VENDOR", create=True)
    for element in range(150):
        block.add_new(element, "LO", f"private value {element}")
    out = BytesIO()
    header.save_as(out)
    content = out.getvalue()
    content = content[: content.rindex(b"\xe0\x7f\x10\x00OW") + 64]
    places = [i for i in range(len(content)) if content.startswith(mark, i)]
    return content, places


def write_files(root: Path, files: int) -> None:
    template, places = make_template()
    content = bytearray(template)
    for number in range(files):
        folder = root / f"{number // FILES_PER_FOLDER:04d}"
        if number % FILES_PER_FOLDER == 0:
            folder.mkdir(parents=True)
        for place in places:
            content[place : place + 12] = b"%012d" % (10**11 + number // 4 * 4 + number % 4)
        (folder / f"{number:07d}.dcm").write_bytes(content)


def measure(root: Path, ledger_file: Path) -> dict[str, float]:
    """Run in a process of its own: seconds of the first and the second index, and peak memory."""
    from mammo_pipeline.datasets.files import FolderOfFiles
    from mammo_pipeline.datasets.ledger import Ledger
    from mammo_pipeline.pipelines.ingest import reading
    from mammo_pipeline.pipelines.ingest.parameters import IngestParameters

    rules = IngestParameters.model_validate(RULES)
    folder, ledger = FolderOfFiles(root), Ledger(ledger_file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures: dict[str, float] = {}
    for run in ("first", "second"):
        began, cpu = time.perf_counter(), time.process_time()
        entries = folder.entries()
        table = reading.index_headers(folder, entries, ledger, rules, lambda n, _: [{}] * len(n))
        figures |= {f"{run}_s": time.perf_counter() - began}
        figures |= {f"{run}_cpu_s": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures |= {"files": len(table), "accepted": int((table["code"] == "accepted").sum())}
    figures |= {"peak_mb": (peak - before) / 1024, "ledger_mb": ledger_file.stat().st_size / 2**20}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10_000, 100_000, 300_000])
    parser.add_argument("--measure", type=Path, nargs=2)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    print(
        "files    accepted  first s  files/s  files/CPU s  second s  peak MB  KB a file  ledger MB"
    )
    for files in options.files:
        with tempfile.TemporaryDirectory() as scratch:
            write_files(Path(scratch) / "in", files)
            command = [sys.executable, __file__, "--measure", f"{scratch}/in", f"{scratch}/ledger"]
            told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            f = json.loads(told.stdout.splitlines()[-1])
            print(
                f"{files:7} {f['accepted']:9} {f['first_s']:8.1f} {files / f['first_s']:8.0f} "
                f"{files / f['first_cpu_s']:12.0f} {f['second_s']:9.1f} {f['peak_mb']:8.0f} "
                f"{1024 * f['peak_mb'] / files:10.1f} {f['ledger_mb']:10.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
