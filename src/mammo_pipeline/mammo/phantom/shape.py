"""The outline of a compressed breast in one view: skin, nipple and pectoral muscle, in mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import Grid

MARGIN_MM = 4.0  # air kept around the outline, so that a blur finds what it needs
NIPPLE_RADIUS_MM = 4.5


@dataclass(frozen=True)
class ViewShape:
    """One view's outline: a superellipse on each side of the nipple's level.

    Attributes:
        view: CC or MLO, as ViewPosition (0018,5101) writes it.
        depth_mm: Chest wall to the base of the nipple.
        above_mm: Height of the half above the nipple at the chest wall; in MLO it may lie beyond
            the field, for the breast runs on into the axilla.
        below_mm: Height of the half below the nipple.
        power_depth: Exponent of x; near 1 is pointed, 2 is an ellipse.
        power_height: Exponent of y.
        top_mm: Upper edge of what is imaged, negative.
        nipple_mm: How far the nipple stands out.
        muscle_width_mm: Width of the pectoral muscle at `top_mm`; 0 for none.
        muscle_length_mm: How far down from `top_mm` the muscle reaches.
        shift_mm: How far off the middle of the field the breast was laid.
    """

    view: str
    depth_mm: float
    above_mm: float
    below_mm: float
    power_depth: float
    power_height: float
    top_mm: float
    nipple_mm: float
    muscle_width_mm: float
    muscle_length_mm: float
    shift_mm: float


def draw_shape(rng: np.random.Generator, view: str, depth_mm: float) -> ViewShape:
    """Returns the outline of a breast of the given depth, as the view compresses it."""
    power = {
        "power_depth": rng.uniform(1.2, 1.65),
        "power_height": rng.uniform(1.65, 2.1),
        "nipple_mm": rng.uniform(1.5, 4.5),
    }
    if view == "CC":
        above_mm = min(max(depth_mm * rng.uniform(0.85, 1.1), 55.0), 98.0)
        below_mm = min(max(depth_mm * rng.uniform(0.85, 1.1), 55.0), 98.0)
        return ViewShape(
            "CC", depth_mm, above_mm, below_mm, top_mm=-above_mm - MARGIN_MM,
            muscle_width_mm=0.0, muscle_length_mm=0.0, shift_mm=rng.normal(0, 4), **power,
        )  # fmt: skip
    drop_mm = min(max(depth_mm * rng.uniform(1.15, 1.45) + 15, 92.0), 145.0)
    return ViewShape(
        "MLO",
        depth_mm=depth_mm * rng.uniform(0.98, 1.1),
        above_mm=drop_mm * rng.uniform(1.1, 1.35),
        below_mm=min(max(depth_mm * rng.uniform(0.65, 0.9), 45.0), 85.0),
        top_mm=-drop_mm,
        muscle_width_mm=min(max(depth_mm * rng.uniform(0.4, 0.62), 26.0), 62.0),
        muscle_length_mm=drop_mm * rng.uniform(0.85, 1.15),
        shift_mm=0.0,
        **power,
    )


def cover_shape(shape: ViewShape, pitch_mm: float) -> Grid:
    """Returns the smallest grid of the given pitch that holds the whole view."""
    height_mm = shape.below_mm + MARGIN_MM - shape.top_mm
    width_mm = shape.depth_mm + shape.nipple_mm + MARGIN_MM
    return Grid(
        int(np.ceil(height_mm / pitch_mm)),
        int(np.ceil(width_mm / pitch_mm)),
        pitch_mm,
        shape.top_mm,
    )


def measure_skin_distance(shape: ViewShape, x_mm: np.ndarray, y_mm: np.ndarray) -> np.ndarray:
    """Returns the distance to the skin in mm, positive inside the breast, at most 60.

    To first order F / |grad F| of the superellipse F = 1 - (x/depth)^a - |y/height|^b; it is exact
    on the skin, which is where it matters. The nipple is joined by a smooth maximum.

    Args:
        shape: Outline.
        x_mm: Distances from the chest wall, any shape that broadcasts with `y_mm`.
        y_mm: Distances below the nipple's level.
    """
    a, b = shape.power_depth, shape.power_height
    along = np.maximum(x_mm, 1e-3) / shape.depth_mm
    height = np.where(y_mm < 0, shape.above_mm, shape.below_mm)
    across = np.maximum(np.abs(y_mm) / height, 1e-4)
    inside = 1 - along**a - across**b
    slope = np.hypot(a / shape.depth_mm * along ** (a - 1), b / height * across ** (b - 1))
    distance = np.minimum(inside / np.maximum(slope, 1e-4), 60).astype(np.float32)
    tip_mm = shape.depth_mm + shape.nipple_mm - NIPPLE_RADIUS_MM
    from_axis = x_mm - np.clip(x_mm, shape.depth_mm - 8, tip_mm)
    nipple = np.maximum(NIPPLE_RADIUS_MM - np.hypot(from_axis, y_mm), -30).astype(np.float32)
    return np.float32(1.5) * np.logaddexp(distance / np.float32(1.5), nipple / np.float32(1.5))


def measure_muscle_depth(shape: ViewShape, x_mm: np.ndarray, y_mm: np.ndarray) -> np.ndarray:
    """Returns how far inside the pectoral muscle a point lies, in mm; negative outside it."""
    if not shape.muscle_width_mm:
        return np.broadcast_to(np.float32(-60), np.broadcast_shapes(x_mm.shape, y_mm.shape))
    down = (y_mm - shape.top_mm) / shape.muscle_length_mm
    # Slightly convex towards the nipple, as a relaxed muscle is when it is well positioned.
    edge_mm = shape.muscle_width_mm * (1 - np.maximum(down, 0) ** 1.25)
    tilt = np.hypot(1, shape.muscle_width_mm / shape.muscle_length_mm)
    return ((edge_mm - x_mm) / tilt).astype(np.float32)
