"""How much burned-in text `find_text` sees, and how often it sees text where there is none.

Run: OMP_NUM_THREADS=1 python benchmarks/burned_in_text.py [plantings] [seed]
     OMP_NUM_THREADS=1 python benchmarks/burned_in_text.py fit        (the weights of TEXT_WEIGHTS)
About 8 minutes on one core for 1500 plantings. A line names a made-up patient as a scanner or a
frame grabber would write her, in nine fonts; heights are of a capital letter. Real mammograms are
read from MAMMO_REALDATA. Every proportion comes with its n and Wilson's 95 % interval.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from scipy.optimize import minimize

from mammo_pipeline.mammo.burned_in import TEXT_WEIGHTS, TextLine, find_text, list_rows
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.intervals import wilson_interval
from mammo_pipeline.mammo.phantom.archive import draw_women, render_exam_view
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.study import SIDES, VIEWS, StudyDesign

FONTS = (
    "default", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif",
    "DejaVuSans-Oblique", "STIXGeneral", "STIXGeneralBol", "cmr10",
)  # fmt: skip
HEIGHTS_PX = (6, 8, 10, 12, 16, 24, 36, 48, 60)
MARKERS = ("L CC", "R MLO", "RCC", "LMLO", "RXCCL", "L-ML", "R CC A", "LCC AB")
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
        f"{day:02d}.{month:02d}.{year}", f"{year}-{month:02d}-{day:02d}",
        f"DOB {month}/{day}/{year}",
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
        return (0.0, top) if rng.integers(2) else (top, 0.0)
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
    ink, behind = choose_ink(picture, here, planting.ink, rng)
    if planting.finish == "hard":
        share = (share > 0.5).astype(float)
    ground = here if behind is None else np.full(here.shape, behind)
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


def render_phantoms(binning: float, women: int, seed: int) -> list[np.ndarray]:
    """Returns the four views of that many women on every device, as stored."""
    pictures = []
    for device in DEVICES:
        for woman in draw_women(women, seed, StudyDesign(0.0, 0.5, 0.5, {device: 1.0}, 0.55)):
            for laterality in SIDES:
                for view in VIEWS:
                    exam = woman.exams[-1]
                    view_drawn = render_exam_view(woman, exam, laterality, view, binning)
                    pictures.append(view_drawn.pixels)
    return pictures


def read_real() -> list[np.ndarray]:
    """Returns NYU's eight sample mammograms, none where they are absent."""
    root = Path(os.environ.get("MAMMO_REALDATA", "../shared/realdata")) / "nyu_dicom"
    return [decode_pixels(path.read_bytes())[1] for path in sorted(root.rglob("*.dcm"))]


def alter(picture: np.ndarray) -> list[np.ndarray]:
    """Returns the picture as other processing would have stored it."""
    share = picture.astype(np.float32) / picture.max()
    soft = ndimage.gaussian_filter(share, 1.5)
    noise = np.random.default_rng(0).normal(0, 0.03, share.shape)
    altered = (
        1 - share, share**0.5, share**2, soft, soft[::3, ::3], soft[::6, ::6], share + noise,
        share + 1.5 * (share - ndimage.gaussian_filter(share, 4)), (share - 0.2) / 0.5,
    )  # fmt: skip
    return [np.clip(np.rint(part * 4095), 0, 4095).astype(np.uint16) for part in altered]


def draw_row(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Returns the share of ink of a row that is no text, drawn over the whole picture."""
    image = Image.new("L", shape[::-1])
    draw = ImageDraw.Draw(image)
    row, column = (float(rng.uniform(0.1, 0.5)) * n for n in shape)
    size, step = float(rng.uniform(3, 12)), float(rng.uniform(2.4, 4))
    for k in range(16):
        x, y = column + k * step * size / 2, row
        if kind == "dots in a row":
            draw.ellipse((x - size / 3, y, x + size / 3, y + 2 * size / 3), fill=255)
        elif kind == "scattered calcifications":
            x, y = x + rng.normal(0, 2 * size), y + rng.normal(0, 2 * size)
            draw.line((x, y, x + rng.normal(0, size), y + size), fill=255, width=2)
        elif kind == "holes of a paddle":
            draw.ellipse((2 * x - size, y - size, 2 * x + size, y + size), outline=255, width=2)
        elif kind == "ticks of a ruler":
            draw.line((x, y, x, y + size * (2 if k % 5 else 3)), fill=255, width=2)
        elif kind == "dashed line":
            draw.line((column, 3 * k * size, column, (3 * k + 2) * size), fill=255, width=2)
        elif kind == "lines of the readout":
            draw.line((x, 0, x, shape[0]), fill=255)
    if kind == "hot pixels":
        return (rng.random(shape) < 10 ** rng.uniform(-4, -2)).astype(float)
    return np.asarray(image) / 255.0


ROWS = (
    "dots in a row", "scattered calcifications", "holes of a paddle", "ticks of a ruler",
    "dashed line", "lines of the readout", "hot pixels",
)  # fmt: skip


def lay_row(picture: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Returns the picture with such a row at either end of the scale."""
    share = draw_row(kind, picture.shape, rng)
    top = 2.0 ** np.ceil(np.log2(float(picture.max()) + 1)) - 1
    burned = picture + share * (float(rng.choice((0.0, top))) - picture)
    return np.rint(burned).astype(picture.dtype)


def show(name: str, outcomes: Iterable[bool]) -> None:
    """Prints a proportion with its n and Wilson's interval."""
    counted = [bool(outcome) for outcome in outcomes]
    if counted:
        low, high = wilson_interval(sum(counted), len(counted), 0.95)
        print(f"{name:44}{sum(counted):>6} of {len(counted):<6}"
              f"{np.mean(counted):8.4f}   {low:.4f} to {high:.4f}")  # fmt: skip


Planted = tuple[str, Planting, np.ndarray, tuple[int, int, int, int]]


def plant(
    pools: dict[str, list[np.ndarray]], count: int, rng: np.random.Generator
) -> Iterable[Planted]:
    """Yields pool, planting, picture and box; binned pictures are too small for tall letters."""
    names = [name for name, pictures in pools.items() if pictures]
    while count:
        pool = str(rng.choice(names))
        picture = pools[pool][int(rng.integers(len(pools[pool])))]
        heights_px = tuple(h for h in HEIGHTS_PX if h <= 16 or picture.size > 10**6)
        planting = draw_planting(rng, heights_px)
        burned = burn_in(picture, planting, rng)
        if burned is not None:
            count -= 1
            yield pool, planting, *burned


def measure_recall(pools: dict[str, list[np.ndarray]], count: int, seed: int) -> None:
    """Prints the recall on planted text, over all and by what was planted."""
    results: list[tuple[str, Planting, bool]] = []
    for pool, planting, picture, box in plant(pools, count, np.random.default_rng(seed)):
        results.append((pool, planting, was_seen(find_text(picture), box)))
    tall = [result for result in results if result[1].height_px >= 12]
    full = [result for result in tall if result[1].ink != "constant"]
    print("\nRecall on planted text")
    show("all heights, 6 to 60 px", (seen for *_, seen in results))
    show("12 px and taller", (seen for *_, seen in tall))
    show("12 px and taller, ink at an end of the scale", (seen for *_, seen in full))
    for place in ("air", "tissue"):
        show(f"  ... in {place}", (s for _, p, s in full if p.place == place))
    for height_px in HEIGHTS_PX:
        show(f"height {height_px} px", (s for _, p, s in results if p.height_px == height_px))
    parts: dict[str, Callable[[tuple[str, Planting, bool]], str]] = {
        "picture": lambda result: result[0],
        "place, ink": lambda result: f"{result[1].place}, {result[1].ink}",
        "finish": lambda result: result[1].finish,
        "turned by": lambda result: f"{90 * result[1].turns} degrees",
        "font": lambda result: result[1].font,
    }
    print("\n12 px and taller, by")
    for name, part in parts.items():
        for value in sorted({part(result) for result in tall}):
            show(f"{name}: {value}", (r[2] for r in tall if part(r) == value))


def measure_false_alarms(pools: dict[str, list[np.ndarray]], seed: int) -> None:
    """Prints how often text is seen where none was planted, and what the search costs."""
    rng = np.random.default_rng(seed)
    print("\nFalse alarms, by picture")
    for pool, pictures in pools.items():
        show(f"{pool}, untouched", (bool(find_text(picture)) for picture in pictures))
    altered = (part for picture in pools["real"] for part in alter(picture))
    show("real, nine alterations of each", (bool(find_text(picture)) for picture in altered))
    phantoms = [p for name, pictures in pools.items() if name != "real" for p in pictures]
    for kind in ROWS:
        chosen = rng.integers(0, len(phantoms), 60)
        show(kind, (bool(find_text(lay_row(phantoms[k], kind, rng))) for k in chosen))
    alarms = [(font, bool(find_text(p))) for p, font in plant_markers(phantoms, rng)]
    for serif, name in ((False, "plain"), (True, "serif")):
        show(f"a second marker, {name} letters", (a for f, a in alarms if is_serif(f) == serif))


def plant_markers(
    pictures: list[np.ndarray], rng: np.random.Generator
) -> Iterable[tuple[np.ndarray, str]]:
    """Yields 600 pictures with one more marker of view and technologist, and the marker's font."""
    for _ in range(600):
        drawn = draw_planting(rng, (8, 10, 12, 16, 24, 36, 60))
        marker = replace(drawn, text=str(rng.choice(MARKERS)))
        burned = burn_in(pictures[int(rng.integers(len(pictures)))], marker, rng)
        if burned is not None:
            yield burned[0], marker.font


def is_serif(font: str) -> bool:
    """Returns whether the font has serifs and hairlines, which no marker of a device has."""
    return "Serif" in font or font.startswith(("STIX", "cmr"))


def measure_time(pools: dict[str, list[np.ndarray]]) -> None:
    """Prints the CPU seconds of one search."""
    print("\nCPU seconds a picture")
    large = np.tile(pools["binning 2"][0], (3, 3))[:4096, :3328]
    for picture in (pools["binning 8"][0], pools["binning 2"][0], *pools["real"][:1], large):
        start = time.process_time()
        find_text(picture)
        print(f"{picture.shape!s:44}{time.process_time() - start:10.3f}")


def fit_weights(pools: dict[str, list[np.ndarray]], count: int, seed: int) -> None:
    """Prints a logistic regression of planted lines against the rows that form without text.

    Those are of tissue, of the markers and of further markers planted; both kinds weigh the same.
    """
    names, rng = list(TEXT_WEIGHTS), np.random.default_rng(seed)
    negatives = [p for pictures in pools.values() for p in pictures]
    negatives += [part for picture in pools["real"] for part in alter(picture)]
    negatives += [burned for burned, _ in plant_markers(negatives, rng)]
    other = [f for p in negatives for line, f in list_rows(p, 0.02) if line.glyphs >= 6]
    text = []
    for _, _, picture, box in plant(pools, count, rng):
        found = [f for line, f in list_rows(picture, 0.02) if was_seen([line], box)]
        text += sorted(found, key=lambda f: f["log_clarity"])[-1:]
    figures = np.array([[1.0, *(f[name] for name in names)] for f in other + text])
    sign = np.repeat([1.0, -1.0], [len(other), len(text)])
    share = np.repeat([len(text) / len(other), 1.0], [len(other), len(text)])

    def loss(weights: np.ndarray) -> float:
        losses = share * np.logaddexp(0, sign * (figures @ weights))
        return float(losses.sum() + 0.02 * weights @ weights)

    weights = minimize(loss, np.zeros(figures.shape[1])).x
    print(f"{len(text)} lines of text, {len(other)} rows of something else")
    for name, weight in zip(["TEXT_OFFSET", *names], weights, strict=True):
        print(f"{name:16}{weight:8.1f}")
    odds = figures @ weights
    for least in (0, 1, 2, 3):
        print(f"log odds over {least}: text {np.mean(odds[sign < 0] > least):.4f}, "
              f"else {np.sum(odds[sign > 0] > least)} rows")  # fmt: skip


def main() -> None:
    fit = sys.argv[1:2] == ["fit"]
    count = 1500 if fit or len(sys.argv) < 2 else int(sys.argv[1])
    seed = 1 if fit else int(sys.argv[2]) if len(sys.argv) > 2 else 2
    pools = {
        "binning 8": render_phantoms(8, 12, seed),
        "binning 2": render_phantoms(2, 3, seed),
        "real": read_real(),
    }
    if fit:
        fit_weights(pools, count, seed)
        return
    measure_false_alarms(pools, seed)
    measure_recall(pools, count, seed)
    measure_time(pools)


if __name__ == "__main__":
    main()
