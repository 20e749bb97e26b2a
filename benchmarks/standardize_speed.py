"""From a file to a standardized image: one core, the same files, ratios of one run.

Run: OMP_NUM_THREADS=1 python benchmarks/standardize_speed.py [--rounds 7] [--long]
It needs opencv-python-headless, which is no part of the project. The frames are a phantom breast of
4096x3328, 12 bits in 16, JPEG lossless, on a clean and on a noisy background. Timed, with the
fastest round standing, CPU time and wall:
  public      pydicom's `pixel_array`, then what most published code does: threshold at 5 % of the
              maximum, largest contour, crop, resize to the canvas; on stored values
  public, shown  likewise on what the window makes of them, in 8 bits: ours begins with that too
  ours        `standardize_file`: read, prove, standardize
  floor       decode and one pass over memory
  public alone, ours alone: without decoding
Nothing is timed before it is right: the decoder gives pydicom's pixels to the bit on every file,
the resampler stays within one level of averages in float64, and no tissue is lost on any flip.
--long adds the cost of an image among the first thousand and among the last of 20,000 (small ones;
minutes).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import yaml
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import JPEGLosslessSV1
from scipy import sparse
from speed_frames import SpeedFrame, describe_file, draw_frames, write_file

from mammo_pipeline.mammo.area import average_area
from mammo_pipeline.mammo.dicom.verified import read_verified
from mammo_pipeline.mammo.frame import read_frame
from mammo_pipeline.mammo.standard import Standard, standardize_file, standardize_frame
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

PARAMETERS = Path(__file__).parents[1] / "conf/base/parameters/standardize.yml"
FLIPS = tuple(product((False, True), repeat=2))
# How far the breast that is found may stay behind the true skin line, beside the documented rim.
SLACK_MM = 1.0


def read_standard() -> Standard:
    """Returns the study's own standard, with the whole frame for its field: nothing may be lost."""
    text = PARAMETERS.read_text().replace("${globals:seed}", "0")
    own = StandardizeParameters(**yaml.safe_load(text)["standardize"]).standard
    return replace(own, field_mm=(1000.0, 1000.0))


def import_cv2() -> Any:
    try:
        import cv2
    except ImportError:
        raise SystemExit(
            "The public method is OpenCV's: install it beside the project for this comparison, "
            "`uv pip install --no-deps opencv-python-headless`."
        ) from None
    cv2.setNumThreads(1)
    return cv2


def crop_and_resize(pixels: np.ndarray, shape_px: tuple[int, int]) -> np.ndarray:
    """The strongest public method, on stored values, without a copy that it does not need."""
    cv2 = import_cv2()
    _, highest, _, _ = cv2.minMaxLoc(pixels)
    tissue = cv2.compare(pixels, 0.05 * highest, cv2.CMP_GT)
    contours, _ = cv2.findContours(tissue, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    left, top, wide, high = cv2.boundingRect(max(contours, key=cv2.contourArea))
    cropped = pixels[top : top + high, left : left + wide]
    return cv2.resize(cropped, shape_px[::-1], interpolation=cv2.INTER_AREA)


def show_pixels(dataset: Dataset, pixels: np.ndarray) -> np.ndarray:
    """The picture as published code shows it before it crops: pydicom's VOI LUT, then 8 bits."""
    shown = apply_voi_lut(apply_modality_lut(pixels, dataset), dataset)
    shown = shown.max() - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown
    low, high = shown.min(), shown.max()
    return ((shown - low) / (high - low) * 255).astype(np.uint8)


def sum_once(stored: np.ndarray) -> int:
    """One pass over memory."""
    return int(stored.max())


# ---- what must be right before it is timed


def turn(pixels: np.ndarray, flips: tuple[bool, bool]) -> np.ndarray:
    return np.ascontiguousarray(pixels[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1])


def check_decoder(content: bytes, image: dict[str, Any]) -> None:
    by_pydicom = pydicom.dcmread(BytesIO(content)).pixel_array
    if not np.array_equal(read_verified(content, image)[1], by_pydicom):
        raise SystemExit("read_verified and pydicom give different pixels")


def weigh_overlaps(size: int, first: float, step: float, count: int) -> sparse.csr_array:
    """Shares of old pixels in new ones along one axis, float64, straight from the definition."""
    edges = first + step * np.arange(count + 1)
    low, high = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    old = np.arange(size)
    shares = np.minimum(high[:, None], old + 1.0) - np.maximum(low[:, None], old)
    return sparse.csr_array(np.clip(shares, 0, None) / abs(step))


def check_resampler(pixels: np.ndarray, spacing_mm: float, standard: Standard) -> float:
    """Returns the largest difference, in stored values, from averages over areas in float64."""
    step, worst = standard.spacing_mm / spacing_mm, 0.0
    levels = np.arange(int(pixels.max()) + 1, dtype=np.float32)
    for flip_rows, flip_columns in FLIPS:
        axes = []
        for size, flip in zip(pixels.shape, (flip_rows, flip_columns), strict=True):
            count = int(size / step) - 2
            axes.append((size - 0.37, -step, count) if flip else (0.37, step, count))
        found = average_area(pixels, levels, 0, *axes)
        rows, columns = (weigh_overlaps(s, *a) for s, a in zip(pixels.shape, axes, strict=True))
        expected = rows @ (columns @ pixels.astype(np.float64).T).T
        worst = max(worst, float(np.abs(found - expected).max()))
    if worst > 1.0:
        raise SystemExit(f"the resampler is {worst:.2f} levels off averages in float64")
    return worst


def check_mask(frame: SpeedFrame, standard: Standard) -> tuple[float, float, float]:
    """Returns tissue lost, air kept and tissue off the canvas in mm2, the worst of all flips.

    Lost is what truly lies deeper than the documented rim and the slack, is on the canvas and is
    blank there; kept is what shows although it lies outside the true skin line. What the canvas has
    no room for is not cut by a mask: the record counts it.
    """
    lost, kept, off_mm2 = [], [], 0.0
    for flips in FLIPS:
        pixels, depth_mm = turn(frame.pixels, flips), turn(frame.depth_mm, flips)
        content = write_file(pixels, JPEGLosslessSV1, flips)
        image = describe_file(content, pixels, frame.spacing_mm)
        check_decoder(content, image)
        canvas, record = standardize_file(content, image, standard)
        if canvas is None:
            raise SystemExit(f"refused: {record['code']} {record['found']}")
        rows, columns = find_places(record, pixels.shape)
        within = [
            (at >= 0) & (at < size) for at, size in zip((rows, columns), canvas.shape, strict=True)
        ]
        off_mm2 = max(off_mm2, record["lost_mm2"])
        mask = canvas[np.ix_(rows[within[0]], columns[within[1]])] > 0
        deep_mm = depth_mm[np.ix_(*within)]
        lost.append((~mask & (deep_mm > standard.skin_mm + SLACK_MM)).sum())
        kept.append((mask & (deep_mm < 0)).sum())
    lost_mm2, kept_mm2 = (float(max(cells)) * frame.spacing_mm**2 for cells in (lost, kept))
    return lost_mm2, kept_mm2, off_mm2


def find_places(record: dict[str, Any], shape_px: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the canvas's row of every stored row, and its column of every stored column."""
    return tuple(
        np.floor(
            record[f"{axis}_scale"] * (np.arange(size) + 0.5) + record[f"{axis}_offset"]
        ).astype(int)
        for axis, size in zip(("row", "column"), shape_px, strict=True)
    )


# ---- speed


def time_in_turn(jobs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """Returns the least CPU time and wall of each job in ms; the jobs take turns."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            cpu, wall = time.process_time(), time.perf_counter()
            job()
            spent = time.process_time() - cpu, time.perf_counter() - wall
            # The first round compiles and warms up.
            taken[name] += [spent] * (number > 0)
    return {
        name: (1000 * min(c for c, _ in spent), 1000 * min(w for _, w in spent))
        for name, spent in taken.items()
    }


def list_jobs(frame: SpeedFrame, standard: Standard) -> dict[str, Callable[[], Any]]:
    content = write_file(frame.pixels, JPEGLosslessSV1)
    image = describe_file(content, frame.pixels, frame.spacing_mm)
    ready = read_frame(content, image, standard.show)

    dataset = pydicom.dcmread(BytesIO(content))

    def run_public(show: bool) -> np.ndarray:
        read = pydicom.dcmread(BytesIO(content))
        pixels = show_pixels(read, read.pixel_array) if show else read.pixel_array
        return crop_and_resize(pixels, standard.shape_px)

    return {
        "public": lambda: run_public(False),
        "public, shown": lambda: run_public(True),
        "ours": lambda: standardize_file(content, image, standard),
        "floor": lambda: sum_once(read_verified(content, image)[1]),
        "public alone": lambda: crop_and_resize(frame.pixels, standard.shape_px),
        "public, shown, alone": lambda: crop_and_resize(
            show_pixels(dataset, frame.pixels), standard.shape_px
        ),
        "ours alone": lambda: standardize_frame(ready, standard),
    }


def report_speed(name: str, spent: dict[str, tuple[float, float]]) -> None:
    for job, (cpu, wall) in spent.items():
        print(f"  {name:6} {job:22}{cpu:9.1f} ms CPU{wall:9.1f} ms wall")
    for what, over, under in (
        ("public / ours", "public", "ours"),
        ("public, shown / ours", "public, shown", "ours"),
        ("ours / floor", "ours", "floor"),
        ("public alone / ours alone", "public alone", "ours alone"),
        ("public, shown, alone / ours alone", "public, shown, alone", "ours alone"),
    ):
        cpu, wall = (spent[over][place] / spent[under][place] for place in (0, 1))
        print(f"  {name:6} {what:34}{cpu:8.2f} by CPU{wall:8.2f} by wall")


# ---- memory and constancy


def measure_memory(path: str) -> None:
    """Prints the peak of one standardization over what the process held before, in frames."""
    standard, small = read_standard(), draw_frames(8.0)["noisy"]
    small_content = write_file(small.pixels, JPEGLosslessSV1)
    small_image = describe_file(small_content, small.pixels, small.spacing_mm)
    standardize_file(small_content, small_image, standard)  # compiles
    image = yaml.safe_load(Path(path + ".yml").read_text())
    Path("/proc/self/clear_refs").write_text("5")
    before = read_status("VmRSS")
    canvas, _ = standardize_file(Path(path).read_bytes(), image, standard)
    frame_bytes = 2 * image["rows"] * image["columns"]
    print((read_status("VmHWM") - before) / frame_bytes if canvas is not None else float("nan"))


def read_status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(name)))


def ask_for_memory(frame: SpeedFrame, folder: Path) -> float:
    content, path = write_file(frame.pixels, JPEGLosslessSV1), folder / "frame.dcm"
    rows, columns = frame.pixels.shape
    image = describe_file(content, frame.pixels, frame.spacing_mm)
    path.write_bytes(content)
    (folder / "frame.dcm.yml").write_text(
        yaml.safe_dump(image | {"rows": rows, "columns": columns})
    )
    command = [sys.executable, __file__, "--memory", str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(told.stdout)


def run_long(standard: Standard, count: int = 20_000, part: int = 1_000) -> None:
    """Prints the cost of an image among the first thousand and among the last, and the memory."""
    frame = draw_frames(8.0)["noisy"]
    content = write_file(frame.pixels, JPEGLosslessSV1)
    image = describe_file(content, frame.pixels, frame.spacing_mm)
    standardize_file(content, image, standard)
    for number in range(count // part):
        cpu = time.process_time()
        for _ in range(part):
            standardize_file(content, image, standard)
        ms = 1000 * (time.process_time() - cpu) / part
        if number in (0, count // part - 1):
            print(f"  images {number * part} to {(number + 1) * part}: {ms:.2f} ms CPU each, "
                  f"{read_status('VmRSS') / 1e6:.0f} MB held")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        measure_memory(arguments.memory)
        return
    import_cv2()
    standard = read_standard()
    for name, frame in draw_frames().items():
        levels = check_resampler(frame.pixels, frame.spacing_mm, standard)
        lost_mm2, kept_mm2, off_mm2 = check_mask(frame, standard)
        print(
            f"{name}: decoder equal, resampler within {levels:.3f} levels; worst of four flips: "
            f"tissue lost {lost_mm2:.2f} mm2, air kept {kept_mm2:.2f}, off the canvas {off_mm2:.1f}"
        )
        if lost_mm2 > 0:
            raise SystemExit("tissue is cut: nothing is timed")
        report_speed(name, time_in_turn(list_jobs(frame, standard), arguments.rounds))
        with tempfile.TemporaryDirectory() as folder:
            print(f"  {name:6} memory: {ask_for_memory(frame, Path(folder)):.2f} frames")
    if arguments.long:
        run_long(standard)


if __name__ == "__main__":
    main()
