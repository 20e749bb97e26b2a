"""Lesions as shapes in mm: what is malignant differs from what is benign in form, not brightness.

Forms follow the BI-RADS lexicon (5th edition): margins of masses, morphology and distribution of
calcifications. A benign and a malignant lesion of one kind share the distribution of size and of
added absorption, so that neither area nor brightness tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import Grid

KINDS = ("mass", "calcification", "distortion", "asymmetry")
_KIND_SHARES = (0.5, 0.3, 0.1, 0.1)
_ANGLES = np.linspace(0, 2 * np.pi, 73)


@dataclass(frozen=True)
class Form:
    """What a lesion looks like, centred on (0, 0), for a size of 1 mm.

    Attributes:
        radius: Outline as the radius at each of 73 angles from 0 to 2 pi; empty for no body.
        edge: Width of the body's soft margin.
        strokes: One row a line: x0, y0, x1, y1, width at the start, width at the end.
        dots: One row a calcification, in mm and not in sizes: x and y in sizes, long radius and
            short radius in mm, angle.
    """

    radius: np.ndarray
    edge: float
    strokes: np.ndarray
    dots: np.ndarray


@dataclass(frozen=True)
class Lesion:
    """One lesion in one view.

    Attributes:
        kind: mass, calcification, distortion or asymmetry.
        pathology: benign or malignant.
        size_mm: Diameter of the disc that adds as much absorption (mass, asymmetry), or the extent.
        contrast: Absorption added at its densest, where gland over fat is 1.
        x_mm: Distance from the chest wall.
        y_mm: Distance below the nipple's level.
        form: Its drawn shape.
    """

    kind: str
    pathology: str
    size_mm: float
    contrast: float
    x_mm: float
    y_mm: float
    form: Form

    @property
    def reach_mm(self) -> float:
        """Returns the radius of the circle that holds the whole lesion."""
        return 0.85 * self.size_mm + 2.0


def draw_kind_and_size(rng: np.random.Generator) -> tuple[str, float]:
    """Returns a kind and a size in mm; neither depends on the pathology."""
    kind = str(rng.choice(KINDS, p=_KIND_SHARES))
    lowest_mm, highest_mm = {"mass": (10, 19), "calcification": (10, 22)}.get(kind, (14, 24))
    return kind, float(rng.uniform(lowest_mm, highest_mm))


def draw_form(rng: np.random.Generator, kind: str, pathology: str) -> Form:
    """Returns a new shape of the given kind, for a lesion whose size is 1.

    Raises:
        ValueError: For a kind or a pathology that is not known.
    """
    if kind not in KINDS or pathology not in ("benign", "malignant"):
        raise ValueError(
            f"lesion is {pathology} {kind}, expected benign or malignant and one of {KINDS}"
        )
    malignant = pathology == "malignant"
    if kind == "calcification":
        return _draw_linear_cluster(rng) if malignant else _draw_round_cluster(rng)
    if kind == "distortion":
        return _draw_stellate_lines(rng) if malignant else _draw_scar(rng)
    soft = 0.12 if kind == "asymmetry" else 0.05
    return _draw_spiculated_body(rng, soft) if malignant else _draw_smooth_body(rng, soft)


def _draw_smooth_body(rng: np.random.Generator, edge: float) -> Form:
    """Round or oval, or gently lobulated, with a smooth margin."""
    lobes = int(rng.choice([2, 3, 4], p=[0.6, 0.2, 0.2]))
    radius = 1 + rng.uniform(0.05, 0.14) * np.cos(lobes * _ANGLES + rng.uniform(0, 2 * np.pi))
    radius *= 0.5 / np.sqrt(np.mean(radius**2))
    return Form(radius, edge, np.empty((0, 6)), np.empty((0, 5)))


def _draw_spiculated_body(rng: np.random.Generator, edge: float) -> Form:
    """An irregular core with straight lines that radiate from it and taper."""
    radius = np.ones_like(_ANGLES)
    for wave in range(3, 9):
        radius += 0.22 / np.sqrt(wave) * rng.normal() * np.cos(wave * _ANGLES + rng.uniform(0, 6.3))
    radius = np.clip(radius, 0.5, 1.6)
    # The core is smaller than a benign body by what the lines add.
    radius *= 0.42 / np.sqrt(np.mean(radius**2))
    lines = _draw_rays(rng, count=int(rng.integers(10, 16)), start=0.2, reach=(0.55, 0.82))
    return Form(radius, edge, lines, np.empty((0, 5)))


def _draw_rays(
    rng: np.random.Generator, count: int, start: float, reach: tuple[float, float]
) -> np.ndarray:
    """Straight tapered lines from near the centre outwards, evenly spread with some jitter."""
    angle = (np.arange(count) + rng.uniform(-0.35, 0.35, count)) * 2 * np.pi / count
    angle += rng.uniform(0, 2 * np.pi)
    bend = angle + rng.normal(0, 0.10, count)
    far = rng.uniform(*reach, count)
    width = rng.uniform(0.04, 0.08, count)
    return np.column_stack(
        [
            start * np.cos(angle), start * np.sin(angle),
            far * np.cos(bend), far * np.sin(bend), width, width * 0.3,
        ]
    )  # fmt: skip


def _draw_stellate_lines(rng: np.random.Generator) -> Form:
    """Lines drawn to one point, with no body: architectural distortion."""
    lines = _draw_rays(rng, int(rng.integers(12, 18)), start=0.05, reach=(0.5, 0.75))
    return Form(np.empty(0), 0.1, lines, np.empty((0, 5)))


def _draw_scar(rng: np.random.Generator) -> Form:
    """Nearly parallel lines that meet nowhere, as an old scar leaves them."""
    count = int(rng.integers(5, 8))
    angle = rng.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    middle = np.linspace(-0.45, 0.45, count)[:, None] * across + rng.uniform(
        -0.12, 0.12, (count, 2)
    )
    half = rng.uniform(0.33, 0.52, (count, 1)) * along + rng.uniform(-0.06, 0.06, (count, 2))
    width = rng.uniform(0.04, 0.06, (count, 1))
    lines = np.hstack([middle - half, middle + half, width, width])
    return Form(np.empty(0), 0.1, lines, np.empty((0, 5)))


def _draw_linear_cluster(rng: np.random.Generator) -> Form:
    """Fine linear, branching calcifications along a duct: BI-RADS linear or segmental."""
    count = int(rng.integers(16, 27))
    angle = rng.normal(0, 0.5)  # a duct runs roughly from the chest wall to the nipple
    along = rng.uniform(-0.55, 0.55, count)
    across = rng.normal(0, 0.05, count) + np.where(along < 0, rng.choice([-1, 1], count), 0) * (
        0.28 * np.abs(along)
    )
    place = _turn(np.column_stack([along, across]), angle)
    long_mm = rng.uniform(0.5, 0.9, count)
    short_mm = rng.uniform(0.22, 0.34, count)
    lean = angle + rng.normal(0, 0.35, count)
    return Form(
        np.empty(0), 0.1, np.empty((0, 6)), np.column_stack([place, long_mm, short_mm, lean])
    )


def _draw_round_cluster(rng: np.random.Generator) -> Form:
    """Round coarse calcifications scattered over a disc."""
    count = int(rng.integers(13, 20))
    angle = rng.uniform(0, 2 * np.pi, count)
    far = 0.5 * np.sqrt(rng.uniform(0, 1, count))
    place = np.column_stack([far * np.cos(angle), far * np.sin(angle)])
    radius_mm = rng.uniform(0.35, 0.6, count)
    return Form(
        np.empty(0),
        0.1,
        np.empty((0, 6)),
        np.column_stack([place, radius_mm, radius_mm, np.zeros(count)]),
    )


def _turn(points: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])


def render_lesion(lesion: Lesion, grid: Grid) -> tuple[tuple[slice, slice], np.ndarray]:
    """Returns the window of the grid that holds the lesion and its profile there, 0..1, float32."""
    window = grid.find_window(lesion.x_mm, lesion.y_mm, lesion.reach_mm)
    y = (grid.y_mm[window[0]] - np.float32(lesion.y_mm))[:, None]
    x = (grid.x_mm[window[1]] - np.float32(lesion.x_mm))[None, :]
    profile = np.zeros((y.size, x.size), np.float32)
    if lesion.form.radius.size:
        np.maximum(profile, _render_body(lesion, x, y), out=profile)
    for stroke in lesion.form.strokes * lesion.size_mm:
        np.maximum(profile, _render_stroke(stroke, x, y, grid.pitch_mm), out=profile)
    for dot in lesion.form.dots:
        _add_dot(profile, dot, lesion, grid, window)
    return window, profile


def _render_body(lesion: Lesion, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    angle = np.arctan2(y, x) % np.float32(2 * np.pi)
    outline = np.interp(angle, _ANGLES, lesion.form.radius * lesion.size_mm).astype(np.float32)
    radius = np.hypot(x, y)
    rim = (outline - radius) / np.float32(lesion.form.edge * lesion.size_mm)
    dome = np.float32(1) - np.float32(0.35) * np.minimum((radius / outline) ** 2, 1)
    return dome / (1 + np.exp(np.clip(-3 * rim, -30, 30)))


def _render_stroke(stroke: np.ndarray, x: np.ndarray, y: np.ndarray, pitch_mm: float) -> np.ndarray:
    x0, y0, x1, y1, width0, width1 = stroke.astype(np.float32)
    length = np.hypot(x1 - x0, y1 - y0) + np.float32(1e-6)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    along = np.clip(((x - x0) * ux + (y - y0) * uy) / length, 0, 1)
    far = (x - x0 - along * length * ux) ** 2 + (y - y0 - along * length * uy) ** 2
    width = np.maximum(width0 + (width1 - width0) * along, np.float32(0.5 * pitch_mm))
    return (np.float32(0.9) - np.float32(0.45) * along) * np.exp(np.float32(-0.5) * far / width**2)


def _add_dot(
    profile: np.ndarray, dot: np.ndarray, lesion: Lesion, grid: Grid, window: tuple[slice, slice]
) -> None:
    """Adds one calcification of a cluster to the cluster's profile, in place."""
    x_mm = lesion.x_mm + dot[0] * lesion.size_mm
    y_mm = lesion.y_mm + dot[1] * lesion.size_mm
    (rows, columns), blob = render_dot(grid, x_mm, y_mm, dot[2:])
    rows = slice(rows.start - window[0].start, rows.stop - window[0].start)
    columns = slice(columns.start - window[1].start, columns.stop - window[1].start)
    target = profile[rows, columns]
    np.maximum(target, blob, out=target)


def render_dot(
    grid: Grid, x_mm: float, y_mm: float, dot: np.ndarray
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Returns the window that holds one calcification and its profile there.

    The pixel's aperture widens the dot and lowers it, so that its integral stays what it was.

    Args:
        grid: Where it is wanted.
        x_mm: Distance from the chest wall.
        y_mm: Distance below the nipple's level.
        dot: Long radius in mm, short radius in mm, angle.
    """
    long_mm, short_mm, angle = dot
    window = grid.find_window(x_mm, y_mm, long_mm * 1.5 + 2 * grid.pitch_mm)
    y = (grid.y_mm[window[0]] - y_mm)[:, None]
    x = (grid.x_mm[window[1]] - x_mm)[None, :]
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.cos(angle) * y - np.sin(angle) * x
    wide_long, wide_short = np.hypot([long_mm, short_mm], 0.6 * grid.pitch_mm)
    height = long_mm * short_mm / (wide_long * wide_short)
    blob = height * np.exp(-(((along / wide_long) ** 2 + (across / wide_short) ** 2) ** 2))
    return window, blob.astype(np.float32)


def mark_lesion(lesion: Lesion, grid: Grid) -> tuple[tuple[slice, slice], np.ndarray]:
    """Returns the window of the grid that holds the lesion and its truth there, bool.

    A cluster's truth is the area a radiologist would circle: all within 1.5 mm of a calcification.
    """
    if lesion.kind != "calcification":
        window, profile = render_lesion(lesion, grid)
        return window, profile > 0.3
    window = grid.find_window(lesion.x_mm, lesion.y_mm, lesion.reach_mm)
    y = (grid.y_mm[window[0]] - lesion.y_mm)[:, None]
    x = (grid.x_mm[window[1]] - lesion.x_mm)[None, :]
    near = np.zeros((y.size, x.size), bool)
    for dot_x, dot_y in lesion.form.dots[:, :2] * lesion.size_mm:
        near |= (x - dot_x) ** 2 + (y - dot_y) ** 2 < 1.5**2
    return window, near
