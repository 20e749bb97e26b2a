"""One view of one breast on a grid in mm, before any device: composition and thickness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import Grid
from .lesions import Lesion, render_dot, render_lesion
from .shape import ViewShape, cover_shape, measure_muscle_depth, measure_skin_distance
from .texture import draw_power_law_pair, trace_lines, wrap_around_nipple

# How far the gland cloud is lifted above its threshold, and how bright the fatty background is:
# the four compositions a to d of BI-RADS (5th edition).
_DENSITIES = {"A": (-1.75, 0.00), "B": (-0.75, 0.02), "C": (0.05, 0.05), "D": (1.0, 0.08)}


@dataclass(frozen=True)
class ViewAnatomy:
    """What the X-rays meet: no device, no noise, no gray curve.

    Attributes:
        tissue: Mean composition along the ray, float32: 0 fat, 1 gland, more for muscle or calcium.
        thickness: Compressed thickness as a share of the thickest part, float32, 0 in air.
        grid: Where both are sampled.
        shape: Outline that was drawn.
        lesions: Truth, in mm.
    """

    tissue: np.ndarray
    thickness: np.ndarray
    grid: Grid
    shape: ViewShape
    lesions: tuple[Lesion, ...]


def draw_anatomy(
    rng: np.random.Generator,
    shape: ViewShape,
    density: str,
    lesions: tuple[Lesion, ...],
    pitch_mm: float,
) -> ViewAnatomy:
    """Returns the view's composition and thickness on a grid of the given pitch.

    Args:
        rng: Source of chance; the same state gives the same texture with other lesions, which is
            how a prior exam shows the same breast.
        shape: Outline.
        density: A, B, C or D, the BI-RADS composition.
        lesions: What to put in.
        pitch_mm: Side of a pixel of the anatomy.

    Raises:
        ValueError: For a density other than A, B, C or D.
    """
    if density not in _DENSITIES:
        raise ValueError(f"density is {density!r}, expected one of A, B, C, D")
    grid = cover_shape(shape, pitch_mm)
    x, y = grid.x_mm[None, :], grid.y_mm[:, None]
    skin_mm = measure_skin_distance(shape, x, y)
    tissue, grain = _draw_tissue(rng, shape, grid, skin_mm, density)
    for lesion in lesions:
        window, profile = render_lesion(lesion, grid)
        rough = 1 + np.float32(0.22) * grain[window]
        tissue[window] += np.float32(lesion.contrast) * profile * rough
    return ViewAnatomy(tissue, measure_thickness(skin_mm), grid, shape, lesions)


def measure_thickness(skin_mm: np.ndarray, roll_mm: float = 16.0) -> np.ndarray:
    """Returns the thickness share under a paddle: the edge of a compressed breast is round.

    >>> measure_thickness(np.array([-1.0, 0.0, 16.0, 40.0])).tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    missing = 1 - np.clip(skin_mm / roll_mm, 0, 1)
    return np.sqrt(1 - missing * missing)


def _draw_tissue(
    rng: np.random.Generator, shape: ViewShape, grid: Grid, skin_mm: np.ndarray, density: str
) -> tuple[np.ndarray, np.ndarray]:
    """Fat, gland, ligaments, vessels, muscle and skin, from the inside out; and the fine grain."""
    lift, fat = _DENSITIES[density]
    size = (grid.rows, grid.columns)
    cloud, grain = draw_power_law_pair(rng, size, grid.pitch_mm)
    web, gate = draw_power_law_pair(rng, size, grid.pitch_mm, 2.8, 24.0, 3.4, stretch=1.9)
    ducts = _draw_ducts(rng, shape, grid)
    region = _weigh_gland(rng, shape, grid, skin_mm)
    # Lobules of fat are round and dark, strands between them bright: |web| is large in a lobule.
    strands = 0.8 - np.abs(web)
    gland_level = rng.uniform(0.75, 1.25)
    gland = region * _rise(
        2.4 * (0.8 * cloud + 0.35 * ducts + 0.9 * strands + 2.0 * region - 1.0 + lift)
    )
    tissue = (
        fat
        + 0.07 * grain
        + 0.03 * cloud
        + gland_level * gland * (0.52 + 0.11 * grain + 0.10 * strands)
    )
    lines = 0.7 * trace_lines(web, grid.pitch_mm, 0.36) * _rise(2.5 * gate)
    lines += trace_lines(ducts, grid.pitch_mm, 0.34) * _rise(0.3 - 2.5 * gate)
    tissue += lines * (0.09 + 0.07 * region)
    tissue += _draw_vessels(rng, shape, grid)
    _scatter_calcifications(rng, tissue, shape, grid, skin_mm)
    tissue = _cover_with_muscle(tissue, shape, grid, web)
    return tissue + _draw_skin(shape, grid, skin_mm), grain


def _rise(values: np.ndarray) -> np.ndarray:
    """Returns the logistic function, without overflow in float32."""
    return np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * values)


def _draw_ducts(rng: np.random.Generator, shape: ViewShape, grid: Grid) -> np.ndarray:
    """A smooth field, drawn out along the rays that leave the nipple."""
    pitch_mm = max(grid.pitch_mm, 0.4)  # it holds no wave shorter than 1.5 mm
    size = (int(120 / pitch_mm), int(2 * np.pi * 45 / pitch_mm))
    field, _ = draw_power_law_pair(rng, size, pitch_mm, 2.8, 18.0, shortest_mm=2.6)
    return wrap_around_nipple(field, pitch_mm, grid, shape.depth_mm, stretch=3.6)


def _weigh_gland(
    rng: np.random.Generator, shape: ViewShape, grid: Grid, skin_mm: np.ndarray
) -> np.ndarray:
    """The glandular disc, 0..1: behind the nipple, apart from the skin by a layer of fat."""
    x, y = grid.x_mm[None, :], grid.y_mm[:, None]
    height_mm = 0.5 * (min(shape.above_mm, 0.75 * -shape.top_mm) + shape.below_mm)
    # More gland lies in the upper outer quadrant, which is up in both views.
    middle_y = -height_mm * rng.uniform(0.05, 0.25)
    middle_x = shape.depth_mm * rng.uniform(0.5, 0.62)
    across = (y - middle_y) / (height_mm * rng.uniform(0.62, 0.8))
    along = (x - middle_x) / (shape.depth_mm * rng.uniform(0.48, 0.58))
    disc = _rise(3.0 * (1 - along * along - across * across))
    from_nipple = ((x - shape.depth_mm) ** 2 + y * y) / np.float32(18.0**2)
    fat_mm = rng.uniform(7, 12) * (1 - np.exp(-from_nipple)) + 1.5
    return disc * _rise((skin_mm - fat_mm) / 1.4)


def _draw_vessels(rng: np.random.Generator, shape: ViewShape, grid: Grid) -> np.ndarray:
    """A few veins: meandering bands from the chest wall forwards."""
    x, y = grid.x_mm, grid.y_mm[:, None]
    bands = np.zeros((grid.rows, grid.columns), np.float32)
    for _ in range(int(rng.integers(2, 5))):
        start = rng.uniform(0.7 * max(shape.top_mm, -90), 0.7 * shape.below_mm)
        phase, wave = rng.uniform(0, 6.3, 2), rng.uniform([22, 9], [45, 15])
        middle = start * (1 - rng.uniform(0.3, 0.8) * (x / shape.depth_mm) ** 2)
        middle = (
            middle + 3.0 * np.sin(x / wave[0] + phase[0]) + 0.9 * np.sin(x / wave[1] + phase[1])
        )
        tilt = np.gradient(middle, grid.pitch_mm)
        width = rng.uniform(0.5, 0.9) * np.sqrt(1 + tilt * tilt)
        fade = _rise((rng.uniform(0.6, 0.95) * shape.depth_mm - x) / 4)
        far = (y - middle.astype(np.float32)) / width.astype(np.float32)
        bands += (rng.uniform(0.12, 0.22) * fade).astype(np.float32) * np.exp(-0.5 * far * far)
    return bands


def _scatter_calcifications(
    rng: np.random.Generator,
    tissue: np.ndarray,
    shape: ViewShape,
    grid: Grid,
    skin_mm: np.ndarray,
) -> None:
    """Adds lone coarse calcifications, in place: most breasts have some, and they mean nothing.

    Without them the brightest pixel of a breast would tell of a cluster.
    """
    for _ in range(int(rng.poisson(3))):
        x_mm = shape.depth_mm * rng.uniform(0.05, 0.9)
        y_mm = rng.uniform(-0.7 * shape.above_mm, 0.8 * shape.below_mm)
        radius_mm, height = rng.uniform(0.35, 0.7), rng.uniform(0.9, 1.9)
        window, blob = render_dot(grid, x_mm, y_mm, np.array([radius_mm, radius_mm, 0.0]))
        tissue[window] += np.float32(height) * blob * (skin_mm[window] > 3)


def _cover_with_muscle(
    tissue: np.ndarray, shape: ViewShape, grid: Grid, web: np.ndarray
) -> np.ndarray:
    """Adds the pectoral muscle: bright, with a soft edge and faint fibres along that edge."""
    if not shape.muscle_width_mm:
        return tissue
    x, y = grid.x_mm[None, :], grid.y_mm[:, None]
    inside_mm = measure_muscle_depth(shape, x, y)
    tilt = np.float32(shape.muscle_width_mm / shape.muscle_length_mm)
    fibres = np.sin((x + tilt * y) * np.float32(0.9) + np.float32(1.5) * web)
    body = 0.56 + 0.16 * np.tanh(inside_mm / 25) + 0.012 * fibres
    cover = _rise(inside_mm / np.float32(0.8))
    # Muscle pushes the breast's own tissue aside: what is left of it in front is thin.
    return tissue * (1 - np.float32(0.8) * cover) + body * cover


def _draw_skin(shape: ViewShape, grid: Grid, skin_mm: np.ndarray) -> np.ndarray:
    """The skin seen edge on, 1.5 mm thick, thicker at the areola; the nipple is dense."""
    x, y = grid.x_mm[None, :], grid.y_mm[:, None]
    far = (x - np.float32(shape.depth_mm)) ** 2 + y * y
    near = np.exp(far * np.float32(-1 / 11.0**2))
    nipple = np.exp(far * np.float32(-1 / 5.0**2))
    shell = _rise((np.float32(1.3) + near - skin_mm) / np.float32(0.45))
    return shell * (np.float32(0.52) + np.float32(0.1) * near) + np.float32(0.3) * nipple
