"""Writes `docs/standardization_nyu.png`: real mammograms as they are stored, and on the canvas.

`MAMMO_REALDATA=../shared/realdata python docs/write_pictures.py` reads the example exams of NYU
(docs/standardization.md names source and licence) below `nyu_dicom`; seconds. `--check` writes
nothing and measures instead, by finding pieces of each canvas again in its stored picture, whether
a millimetre is a millimetre along rows and columns.
"""

from __future__ import annotations

import os
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage, signal

from mammo_pipeline.mammo.audit.twins import read_transform
from mammo_pipeline.mammo.dicom.examine import examine_pixels
from mammo_pipeline.mammo.dicom.header import parse_header
from mammo_pipeline.mammo.dicom.read import describe_header
from mammo_pipeline.mammo.frame import read_frame
from mammo_pipeline.mammo.standard import Standard, standardize_file
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

ROOT = Path(__file__).parents[1]
REALDATA = Path(os.environ.get("MAMMO_REALDATA", ROOT / "../shared/realdata"))
TARGET = ROOT / "docs/standardization_nyu.png"
# Files, and the spacing that is stated where the header has none.
FILES = {
    "NYUDENSITY/R-CC.dcm": 0.09,
    "NYUDENSITY/L-CC.dcm": 0.09,
    "NYUDENSITY/R-MLO.dcm": 0.09,
    "NYUDENSITY/L-MLO.dcm": 0.09,
    "NYU1/R-CC.dcm": None,
    "NYU1/L-CC.dcm": None,
}
WIDTH_PX, GAP_PX, STRIP_PX = 150, 4, 16
# Pieces that are sought again: how many, their side and how far from their place they may be.
PIECES, SIDE_PX, REACH_PX = 12, 80, 12


def read_standard() -> Standard:
    """Returns the study's own standard."""
    text = (ROOT / "conf/base/parameters/standardize.yml").read_text()
    values = yaml.safe_load(text.replace("${globals:seed}", "0"))
    return StandardizeParameters(**values["standardize"]).standard


def standardize(
    name: str, spacing_mm: float | None, standard: Standard
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Returns the presented picture as it is stored, the canvas, and the record of both."""
    content = (REALDATA / "nyu_dicom" / name).read_bytes()
    header = parse_header(BytesIO(content))
    known = describe_header(header.values, has_pixels=True, stated_spacing_mm=spacing_mm)
    facts, _ = examine_pixels(content, header.values, second_decoder=False)
    row = {**known, **facts}
    canvas, record = standardize_file(content, row, standard)
    if canvas is None:
        raise SystemExit(f"{name} is refused: {record['code']}, {record['found']}")
    frame = read_frame(content, row, standard.show)
    shown = frame.table[frame.stored.astype(np.int64) - frame.lowest]
    return shown, canvas, {**record, "spacing_mm": frame.spacing_mm}


def draw_sheet(columns: list[tuple[str, np.ndarray, np.ndarray]]) -> Image.Image:
    """Returns stored pictures above, canvases below, each column under its name."""
    rows, width = columns[0][2].shape
    height_px = round(WIDTH_PX * rows / width)
    size = (
        len(columns) * (WIDTH_PX + GAP_PX) - GAP_PX,
        2 * (height_px + STRIP_PX) + GAP_PX,
    )
    sheet = Image.new("L", size, 255)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, (name, *pictures) in enumerate(columns):
        for line, (picture, title) in enumerate(zip(pictures, (name, "canvas"), strict=True)):
            place = number * (WIDTH_PX + GAP_PX), line * (height_px + STRIP_PX + GAP_PX)
            grey = Image.fromarray(np.rint(255 * picture).astype(np.uint8))
            small = grey.resize((WIDTH_PX, height_px), Image.Resampling.BOX)
            sheet.paste(small, (place[0], place[1] + STRIP_PX))
            pen.text((place[0] + 2, place[1] + 1), title, fill=0, font=font)
    return sheet


def measure_scale(shown: np.ndarray, canvas: np.ndarray, record: dict[str, Any]) -> np.ndarray:
    """Returns true millimetres to one of the canvas along rows and columns, by pieces found again.

    The stored picture is drawn on the canvas by its spacing alone, with a method of another
    library; pieces of the canvas with much detail are sought in it, and a line through the places
    where they are found gives the scale of each axis.

    Args:
        shown: The presented picture as it is stored.
        canvas: uint16.
        record: Holds the transform.
    """
    axes = read_transform(record)
    scales = np.array([axes.row_scale, axes.column_scale])
    offsets = np.array([axes.row_offset, axes.column_offset])
    sigma = 0.5 / np.abs(scales)
    starts = (0.5 - offsets) / scales - 0.5
    drawn = ndimage.affine_transform(
        ndimage.gaussian_filter(shown, sigma / 2), 1 / scales, starts, canvas.shape, order=3
    )
    places = choose_pieces(canvas)
    found = np.array([find_piece(drawn, canvas / 65535, place) for place in places])
    return np.array([np.polyfit(places[:, axis], found[:, axis], 1)[0] for axis in (0, 1)])


def choose_pieces(canvas: np.ndarray) -> np.ndarray:
    """Returns the upper left corners of pieces of tissue, those richest in detail, none twice."""
    detail = canvas / 65535 - ndimage.gaussian_filter(canvas / 65535, 6)
    inside = ndimage.uniform_filter((canvas > 0).astype(float), SIDE_PX) > 0.999
    rich = np.where(inside, ndimage.uniform_filter(detail**2, SIDE_PX), 0)
    half, room = SIDE_PX // 2, SIDE_PX // 2 + REACH_PX
    rich[:room] = rich[-room:] = rich[:, :room] = rich[:, -room:] = 0
    corners = []
    while len(corners) < PIECES and rich.any():
        row, column = np.unravel_index(np.argmax(rich), rich.shape)
        corners.append([row - half, column - half])
        rich[max(row - half, 0) : row + half, max(column - half, 0) : column + half] = 0
    return np.array(corners)


def find_piece(drawn: np.ndarray, canvas: np.ndarray, corner: np.ndarray) -> tuple[float, float]:
    """Returns where a piece of the canvas is found in the drawn picture, to a part of a pixel."""
    row, column = corner
    piece = canvas[row : row + SIDE_PX, column : column + SIDE_PX]
    around = drawn[
        row - REACH_PX : row + SIDE_PX + REACH_PX, column - REACH_PX : column + SIDE_PX + REACH_PX
    ]
    piece, around = (part - ndimage.gaussian_filter(part, 6) for part in (piece, around))
    match = signal.fftconvolve(around, piece[::-1, ::-1], "valid")
    best = np.unravel_index(np.argmax(match), match.shape)
    shifts = []
    for axis, at in enumerate(best):
        line = match[:, best[1]] if axis == 0 else match[best[0]]
        below, top, above = line[max(at - 1, 0)], line[at], line[min(at + 1, line.size - 1)]
        bend = below - 2 * top + above
        shifts.append(at - REACH_PX + (0.5 * (below - above) / bend if bend else 0.0))
    return float(row + shifts[0]), float(column + shifts[1])


def main() -> None:
    """Writes the picture, or measures with `--check`."""
    standard, columns = read_standard(), []
    for name, spacing_mm in FILES.items():
        shown, canvas, record = standardize(name, spacing_mm, standard)
        if "--check" in sys.argv:
            down, across = measure_scale(shown, canvas, record)
            print(f"{name:20} rows {down:.4f}, columns {across:.4f}, aspect {down / across:.4f}, "
                  f"lost {record['lost_mm2']:.1f} mm2, beyond the field "
                  f"{record['beyond_field_mm2']:.1f} mm2")  # fmt: skip
        title = name.removesuffix(".dcm").replace("/", " ")
        columns.append((title, shown, canvas / 65535))
    if "--check" in sys.argv:
        return
    out = BytesIO()
    draw_sheet(columns).save(out, "PNG", optimize=True)
    TARGET.write_bytes(out.getvalue())
    print(f"{TARGET.relative_to(ROOT)}: {len(out.getvalue()):,} bytes")


if __name__ == "__main__":
    main()
