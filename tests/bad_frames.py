"""Small pictures of one breast through any device, and what spoils pictures, drawn onto them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from mammo_pipeline.mammo.phantom.anatomy import ViewAnatomy, draw_anatomy
from mammo_pipeline.mammo.phantom.devices import DEVICES, Device
from mammo_pipeline.mammo.phantom.render import choose_pitch, place_field, render_view
from mammo_pipeline.mammo.phantom.shape import (
    draw_shape,
    measure_muscle_depth,
    measure_skin_distance,
)


@dataclass(frozen=True)
class SmallFrame:
    """A small picture, chest wall left, and the truth on its cells.

    Attributes:
        small: Presentation values, float32, rows x columns.
        spacing_mm: Between rows and between columns.
        skin_mm: Distance to the skin in mm, positive inside.
        muscle_mm: How far inside the pectoral muscle, negative outside.
    """

    small: np.ndarray
    spacing_mm: tuple[float, float]
    skin_mm: np.ndarray
    muscle_mm: np.ndarray

    @property
    def breast(self) -> np.ndarray:
        """Returns the breast, bool."""
        return self.skin_mm > 0

    @property
    def muscle(self) -> np.ndarray:
        """Returns the muscle within the breast, bool."""
        return self.breast & (self.muscle_mm > 0)


@cache
def draw_woman_view(view: str, density: str, seed: int, pitch_mm: float) -> ViewAnatomy:
    """Returns one view of the breast that the seed stands for."""
    rng = np.random.default_rng(seed)
    shape = draw_shape(rng, view, rng.uniform(65, 110))
    return draw_anatomy(np.random.default_rng(seed + 1), shape, density, (), pitch_mm)


@cache
def draw_frame(
    name: str, view: str = "CC", density: str = "B", seed: int = 0, cell_mm: float = 0.56
) -> SmallFrame:
    """Returns the breast as the device of that name shows it, each cell the mean of 4 pixels."""
    device = DEVICES[name]
    device = replace(device, lay="chest_left")
    pitch_mm = device.spacing_mm / device.magnification
    binning = cell_mm / 2 / pitch_mm
    anatomy = draw_woman_view(view, density, seed, choose_pitch(4))
    stored = render_view(anatomy, device, binning, np.random.default_rng(seed + 2)).pixels
    shown = _show(device, stored)
    rows, columns = (size // 2 for size in shown.shape)
    cells = shown[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
    top_mm = place_field(anatomy.shape, device, binning).top_mm
    y = (top_mm + (np.arange(rows) + 0.5) * cell_mm)[:, None]
    x = ((np.arange(columns) + 0.5) * cell_mm)[None, :]
    return SmallFrame(
        cells.mean(axis=(1, 3), dtype=np.float32),
        (cell_mm, cell_mm),
        measure_skin_distance(anatomy.shape, x, y),
        measure_muscle_depth(anatomy.shape, x, y),
    )


def _show(device: Device, stored: np.ndarray) -> np.ndarray:
    """Returns the stored values through the device's first window, 0..1, bright where dense."""
    center, width, _ = device.windows[0]
    share = (stored.astype(np.float32) - np.float32(center)) / np.float32(width)
    if device.voi == "LINEAR":
        shown = np.clip(share + np.float32(0.5), 0, 1)
    else:
        shown = 1 / (1 + np.exp(-4 * np.clip(share, -1.25, 1.25)))
    shown = 1 - shown if device.photometric == "MONOCHROME1" else shown
    return (shown - shown.min()) / (shown.max() - shown.min())


def add_noise(small: np.ndarray, noise: float = 0.03, air: float = 0.04) -> np.ndarray:
    """Returns the picture on air that is neither black nor still."""
    drawn = np.random.default_rng(1).normal(air, noise, small.shape)
    return np.clip(0.95 * small + drawn, 0, 1).astype(np.float32)


def lay_marker(frame: SmallFrame, inside_mm: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Returns the picture with a lead plate of 9 x 14 mm on its upper skin, and where it lies.

    Args:
        frame: The picture.
        inside_mm: How far it reaches into the breast; negative for a gap.
    """
    cell_mm = frame.spacing_mm[0]
    nipple = int(np.argmax(frame.breast.sum(axis=1)))
    row = nipple - round(30 / cell_mm)
    column = int(frame.breast[row].sum()) - round(inside_mm / cell_mm)
    plate = np.zeros(frame.small.shape, bool)
    plate[row - round(9 / cell_mm) : row, column : column + round(14 / cell_mm)] = True
    return np.where(plate, np.float32(1), frame.small), plate


def frame_film(small: np.ndarray, cells: int = 6, white: float = 1.0) -> np.ndarray:
    """Returns the picture with a white border above, below and on the right, tilted on top."""
    framed = small.copy()
    framed[:, -cells:] = framed[-cells:] = white
    deep = cells + np.arange(small.shape[1]) // 80
    framed[np.arange(small.shape[0])[:, None] < deep] = white
    return framed


def draw_line(small: np.ndarray, column: int, value: float, cells: int = 1) -> np.ndarray:
    """Returns the picture with a line of one value from top to bottom."""
    lined = small.copy()
    lined[:, column : column + cells] = value
    return lined


def lay_paddle(frame: SmallFrame, edge: float = 0.15, shadow: float = 0.05) -> np.ndarray:
    """Returns the picture with a paddle's edge across it, and its shadow between wall and edge."""
    column = round(0.75 * frame.small.shape[1])
    added = np.zeros_like(frame.small)
    added[:, :column] = shadow
    added[:, column : column + 2] = edge
    return np.minimum(np.where(frame.breast, frame.small, frame.small + added), 1)


def add_second_breast(frame: SmallFrame) -> tuple[np.ndarray, np.ndarray]:
    """Returns the picture with another breast's edge below, joined at the wall, and where it is."""
    rows, columns = frame.small.shape
    wall = int(np.flatnonzero(frame.breast[:, 0])[-1])
    y, x = np.mgrid[:rows, :columns]
    tall, wide = rows - wall, round(25 / frame.spacing_mm[0])
    other = ((y - rows) / (tall + 6)) ** 2 + (x / wide) ** 2 < 1
    other &= ~frame.breast
    level = np.median(frame.small[frame.breast])
    return np.where(other, level, frame.small).astype(np.float32), other


def add_arm(frame: SmallFrame) -> tuple[np.ndarray, np.ndarray]:
    """Returns the picture of an MLO view with an arm from the upper corner, and where it lies."""
    rows, columns = frame.small.shape
    y, x = np.mgrid[:rows, :columns]
    thick = round(12 / frame.spacing_mm[0])
    arm = (y + 0.03 * (x - columns) < thick) & ~frame.breast
    level = np.median(frame.small[frame.breast])
    texture = np.random.default_rng(2).normal(level, 0.1 * level, arm.shape)
    return np.where(arm, texture, frame.small).astype(np.float32), arm
