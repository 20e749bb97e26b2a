"""The store against 16-bit PNG files and raw pixels: bytes, milliseconds, and 300,000 on paper.

Run: OMP_NUM_THREADS=1 python benchmarks/store.py [--images 12] [--canvases real.npy] [--rounds 5]
Canvases are full-size phantoms of every device, standardized with the study's parameters. Times
are CPU time of one core with the files in memory, the fastest round; every reader's pixels are
compared with the canvas first. PNG is Pillow's at its default level. A window is 224 x 224. Then
`--records` tiny records tell what opening costs, and the table of the plan is printed.
Required: bytes no larger than PNG's, and a whole image read at least ten times faster.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import yaml
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from mammo_pipeline.datasets.codec import encode_canvas
from mammo_pipeline.datasets.packs import scan_packs
from mammo_pipeline.datasets.store import ImageStore, ImageStream
from mammo_pipeline.mammo.dicom.write import write_mammogram
from mammo_pipeline.mammo.phantom.archive import draw_women, render_exam_view
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.header import describe_view
from mammo_pipeline.mammo.phantom.study import SIDES, VIEWS, StudyDesign

ROOT = Path(__file__).parents[1]
WINDOW = (slice(300, 524), slice(200, 424))
PLANNED = 300_000
Reader = Callable[[int], np.ndarray]


def standardize(content: bytes, image: dict[str, Any]) -> np.ndarray:
    """Returns the canvas; raises where the phantom is refused."""
    from mammo_pipeline.mammo.standard import standardize_file
    from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

    text = (ROOT / "conf/base/parameters/standardize.yml").read_text()
    text = text.replace("${globals:seed}", "7")
    parameters = StandardizeParameters(**yaml.safe_load(text)["standardize"])
    canvas, record = standardize_file(content, image, parameters.standard)
    if canvas is None:
        raise ValueError(f"a phantom was refused: {record}")
    return canvas


def make_canvases(count: int) -> np.ndarray:
    canvases = []
    for number in range(count):
        device = list(DEVICES)[number % len(DEVICES)]
        design = StudyDesign(0.0, 0.5, 0.5, {device: 1.0}, 0.55)
        woman = draw_women(1, 11 + number, design)[0]
        side, view = SIDES[number % 2], VIEWS[number // len(DEVICES) % 2]
        rendered = render_exam_view(woman, woman.exams[-1], side, view, 1)
        tags = describe_view(woman, woman.exams[-1], side, view, 1)
        content = write_mammogram(rendered.pixels, tags, ExplicitVRLittleEndian)
        header = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
        spacing = [float(mm) for mm in header.ImagerPixelSpacing]
        image = {
            "image_id": str(number), "laterality": side, "view": view, "pixel_sha256": "",
            "row_spacing_mm": spacing[0], "column_spacing_mm": spacing[1], "pixel_xxh3": "",
            "photometric": header.PhotometricInterpretation,
            "stored_min": rendered.pixels.min(), "stored_max": rendered.pixels.max(),
        }  # fmt: skip
        canvases.append(standardize(content, image))
    return np.stack(canvases)


def cpu_ms(work: Callable[[int], Any], count: int, rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        for number in range(count):
            work(number)
        seconds.append(time.process_time() - start)
    return min(seconds) / count * 1e3


def write_png(folder: Path, canvases: np.ndarray) -> tuple[float, float, Reader, Reader]:
    def encode(number: int) -> None:
        Image.fromarray(canvases[number]).save(folder / f"{number}.png")

    def read(number: int) -> np.ndarray:
        return np.asarray(Image.open(folder / f"{number}.png"))

    encode_ms = cpu_ms(encode, len(canvases), 1)
    size = np.mean([path.stat().st_size for path in folder.glob("*.png")])
    return float(size), encode_ms, read, lambda number: read(number)[WINDOW]


def write_raw(folder: Path, canvases: np.ndarray) -> tuple[float, float, Reader, Reader]:
    path = folder / "pixels.u16"
    encode_ms = cpu_ms(lambda number: canvases[number].tobytes(), len(canvases), 3)
    path.write_bytes(canvases.tobytes())
    pixels = np.memmap(path, "<u2", "r", shape=canvases.shape)
    return (
        *(canvases[0].nbytes, encode_ms, lambda number: pixels[number].copy()),
        lambda number: pixels[number][WINDOW].copy(),
    )


def write_store(folder: Path, canvases: np.ndarray) -> tuple[float, float, Reader, Reader]:
    def make(numbers: list[int]) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        return ((n, encode_canvas(canvases[n]), {"code": "accepted"}) for n in numbers)

    encode_canvas(canvases[0])
    encode_ms = cpu_ms(lambda number: encode_canvas(canvases[number]), len(canvases), 3)
    store = ImageStore(filepath=str(folder / "store"))
    keys = [hashlib.sha256(canvas.tobytes()).hexdigest() for canvas in canvases]
    records = [{"image_id": str(number)} for number in range(len(canvases))]
    store.save(ImageStream(canvases.shape[1:], keys, records, make))
    pixels = store.load().pixels
    size = sum(path.stat().st_size for path in (folder / "store/packs").iterdir())
    return (
        *(size / len(canvases), encode_ms, lambda number: pixels[number]),
        lambda number: pixels[(number, *WINDOW)],
    )


FORMATS = {"PNG, 16 bits": write_png, "raw, mapped": write_raw, "store": write_store}


def compare(canvases: np.ndarray, rounds: int) -> tuple[dict[str, list[float]], bool]:
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, write in FORMATS.items():
            size, encode_ms, read, read_window = write(Path(folder), canvases)
            for number, canvas in enumerate(canvases):
                np.testing.assert_array_equal(read(number), canvas)
                np.testing.assert_array_equal(read_window(number), canvas[WINDOW])
            times = [cpu_ms(work, len(canvases), rounds) for work in (read, read_window)]
            measured[name] = [size, encode_ms, *times]
    png, store = measured["PNG, 16 bits"], measured["store"]
    print(f"{len(canvases)} canvases of {canvases.shape[1]}x{canvases.shape[2]}, "
          f"tissue {np.mean(canvases > 0):.2f}")  # fmt: skip
    print(f"{'format':14}{'bytes':>11}{'encode ms':>11}{'read ms':>9}{'window ms':>11}"
          f"{'PNG/read':>10}")  # fmt: skip
    for name, (size, encode_ms, read_ms, window_ms) in measured.items():
        print(f"{name:14}{size:11.0f}{encode_ms:11.2f}{read_ms:9.3f}{window_ms:11.3f}"
              f"{png[2] / read_ms:10.1f}")  # fmt: skip
    good = store[0] <= png[0] and png[2] >= 10 * store[2]
    print("as required" if good else "NOT as required")
    return measured, good


def tiny_stream(count: int) -> ImageStream:
    """Records without pictures, with facts as long as those of an image: 60 features."""
    facts = {f"before_feature_{n}": n / 7 for n in range(60)} | {"code": "no_breast"}
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]
    records = [{"image_id": f"{number:032x}"} for number in range(count)]
    return ImageStream((1152, 896), keys, records, lambda ns: ((n, None, facts) for n in ns))


def time_opening(count: int) -> None:
    """Prints what a run that has nothing to do costs, and a reader's load."""
    with tempfile.TemporaryDirectory() as folder:
        # As many packs as the planned store has.
        store = ImageStore(filepath=f"{folder}/s", pack_bytes=1000 * 1800)
        steps: dict[str, Callable[[], Any]] = {
            "first run": lambda: store.save(tiny_stream(count)),
            "scan by .facts files": lambda: scan_packs(Path(folder, "s/packs")),
            "scan without them": lambda: scan_without_facts(Path(folder, "s/packs")),
            "second run": lambda: store.save(tiny_stream(count)),
            "load": store.load,
        }
        print(f"{count} records")
        for name, work in steps.items():
            start = time.process_time()
            work()
            print(f"  {name:22}{time.process_time() - start:8.2f} CPU s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        packs = len(list(Path(folder, "s/packs").glob("*.pack")))
        index = Path(folder, "s/index.parquet").stat().st_size
        print(f"  {packs} packs, index of {index} bytes, peak memory {peak / 1024:.0f} MB")


def scan_without_facts(packs: Path) -> None:
    for path in packs.glob("*.facts"):
        path.unlink()
    scan_packs(packs)


def print_plan(measured: dict[str, list[float]]) -> None:
    print(f"{PLANNED} images on paper, one core:")
    print(f"{'format':14}{'GB':>7}{'files':>9}{'encode h':>10}{'read min':>10}{'images/s':>10}")
    for name, (size, encode_ms, read_ms, _) in measured.items():
        packs = -(-int(size * PLANNED) // (512 << 20))
        files = {"PNG, 16 bits": PLANNED, "raw, mapped": 2}.get(name, 2 * packs)
        print(f"{name:14}{size * PLANNED / 1e9:7.0f}{files:9}{encode_ms * PLANNED / 3.6e6:10.2f}"
              f"{read_ms * PLANNED / 6e4:10.1f}{1e3 / read_ms:10.0f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--canvases", help="an .npy file of canvases instead of phantoms")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=PLANNED)
    arguments = parser.parse_args()
    canvases = np.load(arguments.canvases) if arguments.canvases else None
    canvases = make_canvases(arguments.images) if canvases is None else canvases
    measured, good = compare(canvases, arguments.rounds)
    print_plan(measured)
    if arguments.records:
        time_opening(arguments.records)
    sys.exit(not good)


if __name__ == "__main__":
    main()
