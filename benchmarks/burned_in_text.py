"""How much burned-in text `find_text` sees, and how often it sees text where there is none.

Run: OMP_NUM_THREADS=1 python benchmarks/burned_in_text.py [plantings] [seed]
About 5 minutes on one core for 1500 plantings. Every line names a patient as a scanner or a frame
grabber would write it, in nine fonts; real mammograms are read from MAMMO_REALDATA where it is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from mammo_pipeline.mammo.burned_in import TextLine

FONTS = (
    "default", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif", "DejaVuSans-Oblique",
    "STIXGeneral", "STIXGeneralBol", "cmr10",
)  # fmt: skip
HEIGHTS_PX = (6, 8, 10, 12, 16, 24, 36, 48, 60)
INKS = ("extreme", "extreme", "opposite", "constant", "box")
FINISHES = ("hard", "smooth", "smooth", "soft", "jpeg")
SURNAMES = (
    "Lindqvist",
    "O'Connor",
    "MUSTERMANN",
    "Ferrari",
    "Nguyen",
    "SCHMIDT",
    "Okafor",
    "Ivanova",
)
GIVEN = ("Anna", "ERIKA", "Maria-Luise", "Jane", "Ingrid", "SOFIA", "Li", "Fatima")


@dataclass(frozen=True)
class Planting:
    """One line of text as it is burned into one picture; heights are of a capital letter, in px."""

    text: str
    font: str
    height_px: int
    place: str
    ink: str
    finish: str
    turns: int


def draw_text(rng: np.random.Generator) -> str:
    """Returns a made-up line that would name a patient."""
    surname, given = str(rng.choice(SURNAMES)), str(rng.choice(GIVEN))
    year, month, day = rng.integers(1930, 1990), rng.integers(1, 13), rng.integers(1, 29)
    number = rng.integers(10**6, 10**8)
    forms = (
        f"{surname}, {given}", f"{surname}^{given}", f"{surname.upper()} {given.upper()}",
        f"{day:02d}.{month:02d}.{year}", f"{year}-{month:02d}-{day:02d}", f"DOB {month}/{day}/{year}",
        f"ID {number}", f"{number}", f"{surname} {given} {day:02d}.{month:02d}.{year}",
        f"{year}{month:02d}{day:02d} {rng.integers(8, 18):02d}:{rng.integers(0, 60):02d}",
    )  # fmt: skip
    return str(rng.choice(forms))


def draw_planting(rng: np.random.Generator, heights_px: tuple[int, ...]) -> Planting:
    """Returns a planting drawn at random."""
    return Planting(
        draw_text(rng), str(rng.choice(FONTS)), int(rng.choice(heights_px)),
        str(rng.choice(("air", "tissue"))), str(rng.choice(INKS)), str(rng.choice(FINISHES)),
        int(rng.integers(0, 4)),
    )  # fmt: skip


def load_font(name: str, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns a font that Pillow or matplotlib ships."""
    if name == "default":
        return ImageFont.load_default(size=size)
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    return ImageFont.truetype(str(folder / f"{name}.ttf"), size)


def write_line(text: str, font_name: str, height_px: int) -> np.ndarray:
    """Returns the share of ink in each pixel, 0 to 1, cut to the line."""
    canvas = ImageDraw.Draw(Image.new("L", (1, 1)))
    tall = canvas.textbbox((0, 0), "H", font=load_font(font_name, 200))
    font = load_font(font_name, 200 * height_px / (tall[3] - tall[1]))
    left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
    letters = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(letters).text((2 - left, 2 - top), text, fill=255, font=font)
    return np.asarray(letters) / 255.0


def place_line(
    picture: np.ndarray, share: np.ndarray, place: str, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Returns row and column where the line fits wholly in air or over tissue, None if nowhere."""
    air = int(np.bincount(picture[::4, ::4].ravel()).argmax())
    other = picture != air
    tissue = (
        ndimage.binary_opening(other[::4, ::4], np.ones((9, 9)))
        if place == "tissue"
        else other[::4, ::4]
    )
    rows, columns = share.shape
    if rows >= picture.shape[0] or columns >= picture.shape[1]:
        return None
    for _ in range(2000):
        row = int(rng.integers(0, picture.shape[0] - rows))
        column = int(rng.integers(0, picture.shape[1] - columns))
        here = tissue[row // 4 : (row + rows) // 4 + 1, column // 4 : (column + columns) // 4 + 1]
        if here.mean() >= 0.97 if place == "tissue" else not here.any():
            return row, column
    return None


def choose_ink(
    picture: np.ndarray, here: np.ndarray, ink: str, rng: np.random.Generator
) -> tuple[float, float | None]:
    """Returns the ink's value and the value of the box behind it, None without a box.

    `extreme` is the end of the scale that is farther from what lies there, `opposite` the other end
    (over air that is the box again), `constant` any value at least a quarter of the scale away.
    """
    top = 2.0 ** np.ceil(np.log2(float(picture.max()) + 1)) - 1
    level = float(np.median(here))
    far, near = (top, 0.0) if level < top / 2 else (0.0, top)
    if ink == "constant":
        values = [v for v in np.linspace(0, top, 21) if abs(v - level) >= 0.25 * top]
        return float(rng.choice(values)), None
    if ink == "box" or (ink == "opposite" and abs(near - level) < 0.15 * top):
        return (0.0, top) if rng.integers(2) else (top * 0.0, top * 0.8)
    return (far if ink == "extreme" else near), None


def burn_in(
    picture: np.ndarray, planting: Planting, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[int, int, int, int]] | None:
    """Returns the picture with the line in it and the line's box, None where it fits nowhere."""
    share = np.rot90(write_line(planting.text, planting.font, planting.height_px), planting.turns)
    margin = 3 + planting.height_px // 4
    share = np.pad(share, margin)
    at = place_line(picture, share, planting.place, rng)
    if at is None:
        return None
    window = np.s_[at[0] : at[0] + share.shape[0], at[1] : at[1] + share.shape[1]]
    here = picture[window].astype(float)
    ink, box = choose_ink(picture, here, planting.ink, rng)
    if planting.finish == "hard":
        share = (share > 0.5).astype(float)
    ground = np.full(here.shape, box) if box is not None else here
    if planting.finish == "soft":
        share = ndimage.gaussian_filter(share, 0.7)
    burned = ground + share * (ink - ground)
    if planting.finish == "jpeg":
        burned = pass_through_jpeg(burned, float(picture.max()))
    out = picture.copy()
    out[window] = np.clip(np.rint(burned), 0, np.iinfo(picture.dtype).max).astype(picture.dtype)
    inner = (
        at[0] + margin,
        at[1] + margin,
        at[0] + share.shape[0] - margin,
        at[1] + share.shape[1] - margin,
    )
    return out, inner


def pass_through_jpeg(values: np.ndarray, top: float) -> np.ndarray:
    """Returns the values as JPEG of quality 80 gives them back."""
    stream = BytesIO()
    Image.fromarray(np.clip(values / top * 255, 0, 255).astype(np.uint8)).save(
        stream, "JPEG", quality=80
    )
    return np.asarray(Image.open(stream)).astype(float) / 255 * top


def was_seen(lines: list[TextLine], box: tuple[int, int, int, int]) -> bool:
    """Returns whether a line was found of which at least half lies on the planted one."""
    for line in lines:
        rows = min(line.row_max, box[2]) - max(line.row_min, box[0])
        columns = min(line.column_max, box[3]) - max(line.column_min, box[1])
        area = (line.row_max - line.row_min) * (line.column_max - line.column_min)
        if rows > 0 and columns > 0 and rows * columns >= area / 2:
            return True
    return False
