"""What is on a mammogram and is no breast: film borders, lines, markers, a second breast, an arm.

All is judged on the small picture, chest wall left; nothing here depends on a device's grey curve
but through the level of air, its noise, and the level of white.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mammo_pipeline.mammo.pieces import (
    draw_pieces,
    find_pieces,
    grow_within,
    open_mask,
    spread_mask,
)

# Lead and film borders are white in whatever window; so is, here and there, a chest wall.
WHITE = 0.9
# A border is no wider than this share of the frame.
BORDER_SHARE = 0.4
# A line differs from both sides by this much, in this share of the cells along it.
LINE_STEP, LINE_SHARE = 0.04, 0.8
# A marker's white part ends in air along this share of its outline; a dense rim of skin does less.
FREE_SHARE = 0.45
# A marker begins further from the chest wall than this; half the side of a bead on the nipple.
WALL_MM, BEAD_MM = 5.0, 1.2
# A limb hangs on the breast by a neck. A second breast is that much wider than the neck; an arm is
# longer than its neck is wide; both are no smaller than this, and no larger a share of what is cut.
NECK_RATIO = 1.5
LIMB_MM, LIMB_MM2, LIMB_SHARE = 10.0, 150.0, 0.35


def find_border(small: np.ndarray, air: float) -> np.ndarray:
    """Returns the white frame of a scanned film, bool: bands along edges of the picture.

    White counts as border from an edge inwards where the corners of that edge are white too, and
    no deeper than it is there, so that a white muscle under the border stays. On the side of the
    chest wall the band must also be straight and end in air above or below the breast.

    Args:
        small: Presentation values, chest wall left.
        air: Their level in air.
    """
    white = small >= WHITE
    border = np.zeros(white.shape, bool)
    if not (white[0].any() or white[-1].any() or white[:, -1].any()):
        return border
    for turned, found in (
        (white, border),
        (white[::-1], border[::-1]),
        (white.T[::-1], border.T[::-1]),
    ):
        # The end away from the breast; what the next edge's border adds there is no measure.
        depth = _measure_white(turned)
        far = depth[-max(1, depth.size // 5) :]
        width = int(np.median(far))
        if (far > 0).mean() > 0.8 and width <= BORDER_SHARE * white.shape[0]:
            _mark_band(found, np.minimum(depth, 2 * width + 2))
    depth = _measure_white(white.T)
    width = int(np.median(depth))
    beyond = slice(width + 2, width + 8)
    in_air = [(end < air + 0.1).all() for end in (small[:3, beyond], small[-3:, beyond])]
    narrow = 0 < width < BORDER_SHARE * white.shape[1]
    if narrow and (depth >= width - 1).mean() > 0.95 and any(in_air):
        _mark_band(border.T, np.minimum(depth, width + 1))
    return border


def _measure_white(white: np.ndarray) -> np.ndarray:
    """How many cells are white from the first row on, one figure per column."""
    depth = np.argmin(white, axis=0)
    depth[white[depth, np.arange(depth.size)]] = white.shape[0]
    return depth


def _mark_band(border: np.ndarray, depth: np.ndarray) -> None:
    """Marks the band in place, and one cell more, which is a mean of border and picture."""
    depth = np.where(depth > 0, depth + 1, 0)
    rows = min(int(depth.max()), border.shape[0])
    border[:rows] |= np.arange(rows)[:, None] < depth


def find_lines(small: np.ndarray, air: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows and the columns that are a bright or dead line from end to end, bool.

    A dead line is seen in tissue alone.

    Args:
        small: Presentation values, float32, chest wall left.
        air: Their level in air.
    """
    lines = []
    for bright, dark, tissue, length in _count_steps(small, np.float32(air + 0.1), LINE_STEP):
        risen = bright > LINE_SHARE * length
        dead = (dark > LINE_SHARE * tissue) & (tissue > 0.2 * length)
        lines.append(risen | dead)
    return lines[0], lines[1]


def repair_lines(small: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the picture with its lines drawn anew from the cells on both sides."""
    repaired = small
    for lines, axis in ((rows, 0), (columns, 1)):
        if lines.any() and not lines.all():
            sound = np.flatnonzero(~lines)
            after = sound[np.minimum(np.searchsorted(sound, np.arange(lines.size)), sound.size - 1)]
            before = sound[
                np.maximum(np.searchsorted(sound, np.arange(lines.size), "right") - 1, 0)
            ]
            repaired = 0.5 * (repaired.take(before, axis) + repaired.take(after, axis))
    return repaired


@njit(cache=True, nogil=True)
def _count_steps(small, dense, step):  # type: ignore[no-untyped-def]
    """Every other cell: brighter or darker than both sides, in tissue; by row and by column."""
    rows, columns = small.shape
    by_row, by_column = np.zeros((3, rows), np.int64), np.zeros((3, columns), np.int64)
    for row in range(0, rows, 2):
        for column in range(2, columns - 2):
            left, right = small[row, column - 2], small[row, column + 2]
            by_column[0, column] += small[row, column] > max(left, right) + step
            by_column[1, column] += small[row, column] < min(left, right) - step
            by_column[2, column] += min(left, right) > dense
    for row in range(2, rows - 2):
        for column in range(0, columns, 2):
            above, below = small[row - 2, column], small[row + 2, column]
            by_row[0, row] += small[row, column] > max(above, below) + step
            by_row[1, row] += small[row, column] < min(above, below) - step
            by_row[2, row] += min(above, below) > dense
    return (
        (by_row[0], by_row[1], by_row[2], columns // 2),
        (by_column[0], by_column[1], by_column[2], rows // 2),
    )


def find_markers(small: np.ndarray, mask: np.ndarray, cell_mm: float) -> np.ndarray:
    """Returns the lead that touches the breast, bool: white, solid, and mostly out in the air.

    Args:
        small: Presentation values, chest wall left.
        mask: Breast and what touches it.
        cell_mm: Side of a cell.
    """
    white = open_mask((small >= WHITE) & mask, 1)
    if not white.any():
        return white
    pieces = find_pieces(white)
    wall = round(WALL_MM / cell_mm)
    chosen = np.zeros(pieces.area.size, bool)
    for number, (top, left, bottom, right) in enumerate(pieces.box):
        if left < wall or pieces.area[number] * cell_mm**2 < 4:
            continue
        near = (slice(max(top - 5, 0), bottom + 5), slice(max(left - 5, 0), right + 5))
        piece = draw_pieces(pieces, np.arange(chosen.size) == number)[near]
        rim = spread_mask(piece, 5) & ~spread_mask(piece, 3)
        chosen[number] = (rim & ~mask[near]).sum() > FREE_SHARE * rim.sum()
    return spread_mask(draw_pieces(pieces, chosen), 1)


def find_beads(small: np.ndarray, mask: np.ndarray, cell_mm: float) -> np.ndarray:
    """Returns the lead beads that stand out of the skin line, bool: white knobs on the outline.

    A bead on the nipple is too small to have a white core, and its place is too dim to part it from
    the skin before the outline is drawn; then it is what a square of two `BEAD_MM` cannot sweep.

    Args:
        small: Presentation values, chest wall left.
        mask: Breast, bool, its outline at the skin line.
        cell_mm: Side of a cell.
    """
    white = (small >= WHITE) & mask
    white[:, : round(WALL_MM / cell_mm)] = False
    if not white.any():
        return white
    radius = max(1, round(BEAD_MM / cell_mm))
    thin = mask & ~spread_mask(open_mask(mask, radius), 1)
    return grow_within(thin & white, thin, 2 * radius)


def find_limbs(mask: np.ndarray, cell_mm: float) -> np.ndarray:
    """Returns what hangs on the breast by a neck and runs out of the frame, bool.

    A second breast beside the chest wall hangs by few columns; an arm in an upper corner by few
    rows. The cut is straight, at the neck.

    Args:
        mask: Breast and what touches it, chest wall left.
        cell_mm: Side of a cell.
    """
    limbs = np.zeros(mask.shape, bool)
    for turned, found in ((mask, limbs), (mask[::-1], limbs[::-1])):
        height = _measure_white(turned)
        column = _find_arm(height, cell_mm)
        if column < height.size:
            found[:, column:] |= np.arange(turned.shape[0])[:, None] < height[column:]
    width = np.count_nonzero(mask & ~limbs, axis=1)
    widest = int(np.argmax(width))
    above = _find_neck(width[:widest], cell_mm)
    below = _find_neck(width[:widest:-1], cell_mm)
    limbs[:above] = mask[:above]
    limbs[mask.shape[0] - below :] = mask[mask.shape[0] - below :]
    fair = np.count_nonzero(limbs) < LIMB_SHARE * width.sum()
    return limbs if fair else np.zeros_like(limbs)


def _find_neck(width: np.ndarray, cell_mm: float) -> int:
    """The row of the narrowest neck below something wider at the frame's edge; 0 for none."""
    if width.size < 3 or width[0] == 0:
        return 0
    before = np.maximum.accumulate(width)
    gap = before - NECK_RATIO * width
    row = int(np.argmax(gap))
    area_mm2 = width[:row].sum() * cell_mm**2
    long = (before[row] - width[row]) * cell_mm > LIMB_MM
    return row if gap[row] > 0 and long and area_mm2 > LIMB_MM2 else 0


def _find_arm(height: np.ndarray, cell_mm: float) -> int:
    """The first column of what lies along the frame's edge beyond the breast; the size for none.

    Args:
        height: Cells of the mask from the frame's edge on, one figure per column.
        cell_mm: Side of a cell.
    """
    columns = np.flatnonzero(height)
    reach = max(2, round(3 / cell_mm))
    if columns.size <= reach:
        return height.size
    end = int(columns[-1]) + 1
    thick = np.maximum.accumulate(height[:end][::-1])[::-1]
    # The neck: inwards of it the run from the edge grows by half and more within 3 mm.
    joined = np.flatnonzero(height[: end - reach] > 1.5 * thick[reach:] + 5 / cell_mm)
    if not joined.size:
        return height.size
    neck = int(joined[-1]) + 1
    long = (end - neck - reach) * cell_mm > max(LIMB_MM, thick[neck + reach - 1] * cell_mm)
    return neck if long and height[neck:end].sum() * cell_mm**2 > LIMB_MM2 else height.size
