"""Where the breast is: markers, labels, film borders and air are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mammo_pipeline.mammo.artefacts import (
    find_beads,
    find_border,
    find_limbs,
    find_lines,
    find_markers,
    repair_lines,
)
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.muscle import find_muscle
from mammo_pipeline.mammo.pieces import (
    draw_pieces,
    fill_holes,
    find_pieces,
    grow_within,
    open_mask,
    spread_mask,
)
from mammo_pipeline.mammo.skin import (
    THIN_MM,
    find_tissue,
    measure_air,
    refine_edge,
    smooth_picture,
)

MAP_CELLS = 16
# A piece that is no breast and larger than any lead marker.
MARKER_MM2 = 600.0


@dataclass(frozen=True)
class BreastParts:
    """What is breast on a small picture, and what was taken for something else.

    Attributes:
        mask: Breast with its pectoral muscle, one piece without holes, bool, rows x columns.
        muscle: Pectoral muscle, a part of the mask; all False in CC, and in MLO where none is seen.
        removed_mm2: What is bright and no breast, by kind: `border` of a film, `line` of the
            detector (its whole length; within the breast it stays in the mask), `marker` for lead
            and labels, `other_tissue` for a second breast, an arm, and what else is too large for
            a marker or runs out of the frame.
    """

    mask: np.ndarray
    muscle: np.ndarray
    removed_mm2: dict[str, float]


def find_parts(small: np.ndarray, spacing_mm: tuple[float, float], view: str) -> BreastParts:
    """Returns breast, pectoral muscle and what was removed.

    The skin line runs where the picture passes half of the tissue's level just inside it: the same
    place whatever the device's grey curve, offset or noise.

    Args:
        small: Presentation values in [0, 1], float32, chest wall left, superior or lateral up; a
            cell of 0.3 to 1 mm, the mean of a few pixels.
        spacing_mm: Between rows and between columns of the small picture.
        view: CC or MLO.

    Raises:
        RefusedError: `no_breast`.
    """
    cell_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    small = np.ascontiguousarray(small, np.float32)
    air = measure_air(small)
    border = find_border(small, air.level)
    clear = np.where(border, np.float32(air.level), small) if border.any() else small
    lines = find_lines(clear, air.level)
    clear = repair_lines(clear, *lines)
    smooth = smooth_picture(clear)
    tissue = find_tissue(smooth, air, cell_mm)
    body = choose_body(tissue, cell_mm)
    markers = find_markers(clear, body, cell_mm)
    if markers.any():
        smooth = smooth_picture(np.where(markers, np.float32(air.level), clear))
        body = choose_body(find_tissue(smooth, air, cell_mm), cell_mm)
    limbs = find_limbs(body, cell_mm)
    if limbs.any():
        body = choose_body(body & ~limbs, cell_mm)
    outlined = refine_edge(smooth, body, air.level, cell_mm) & ~limbs
    beads = find_beads(clear, outlined, cell_mm)
    mask = finish_breast(outlined & ~beads)
    muscle = find_muscle(smooth, mask, air.level, cell_mm) if view == "MLO" else np.zeros_like(mask)
    rest = tissue & ~spread_mask(body | markers | limbs, 2)
    cells = {
        **_sort_rest(rest, MARKER_MM2 / cell_mm**2),
        "border": int(border.sum()),
        "line": int(lines[0].sum() * small.shape[1] + lines[1].sum() * small.shape[0]),
    }
    cells["marker"] += int(markers.sum()) + int(beads.sum())
    cells["other_tissue"] += int(limbs.sum())
    return BreastParts(mask, muscle, {kind: n * cell_mm**2 for kind, n in cells.items()})


def choose_body(tissue: np.ndarray, cell_mm: float) -> np.ndarray:
    """Returns the largest piece of tissue that begins near the chest wall, bool.

    What hangs on it by a thread is cut off.

    Args:
        tissue: bool, chest wall left.
        cell_mm: Side of a cell.

    Raises:
        RefusedError: `no_breast`.
    """
    radius = max(1, round(THIN_MM / cell_mm))
    return grow_within(_keep_largest(open_mask(tissue, radius)), tissue, radius + 1)


def finish_breast(mask: np.ndarray, minimum_share: float = 0.02) -> np.ndarray:
    """Returns the largest piece of a mask with its holes filled.

    Args:
        mask: bool, chest wall left.
        minimum_share: A smaller share of the picture is no breast.

    Raises:
        RefusedError: `no_breast`.
    """
    breast = fill_holes(_keep_largest(mask))
    cells = int(np.count_nonzero(breast))
    share = cells / breast.size
    if share < minimum_share or share > 0.98:
        raise RefusedError("no_breast", f"tissue over {share:.0%} of the image")
    rows, columns = (np.flatnonzero(breast.any(axis=axis)) for axis in (1, 0))
    if cells > 0.98 * (rows[-1] + 1 - rows[0]) * (columns[-1] + 1 - columns[0]):
        raise RefusedError("no_breast", "a rectangle")
    return breast


def _keep_largest(mask: np.ndarray) -> np.ndarray:
    pieces = find_pieces(mask)
    area = np.where(pieces.box[:, 1] < 0.25 * mask.shape[1], pieces.area, 0)
    if not area.any():
        raise RefusedError("no_breast", "nothing but air")
    return draw_pieces(pieces, np.arange(area.size) == np.argmax(area))


def _sort_rest(rest: np.ndarray, most: float) -> dict[str, int]:
    """Cells of the pieces that were left out: markers, or other tissue where larger than `most`."""
    area = find_pieces(rest).area
    return {
        "marker": int(area[area <= most].sum()),
        "other_tissue": int(area[area > most].sum()),
    }


def find_breast(image: np.ndarray, minimum_share: float = 0.02) -> np.ndarray:
    """Returns the breast as bool, rows x columns: the largest piece of tissue, holes filled.

    The threshold lies between the level of air and that of the skin line, which a smoothed image
    separates better than Otsu's rule: the skin is nearer to air than to gland.

    Args:
        image: Presentation values at the study's spacing, float32, chest wall left.
        minimum_share: A smaller share of the image is no breast.

    Raises:
        RefusedError: `no_breast`.
    """
    smooth = ndimage.gaussian_filter(image, 1.0)
    tissue = smooth > skin_threshold(smooth)
    pieces, count = ndimage.label(ndimage.binary_opening(tissue, iterations=2))
    if not count:
        raise RefusedError("no_breast", "nothing but air")
    sizes = np.bincount(pieces.ravel())[1:]
    breast = ndimage.binary_fill_holes(pieces == 1 + int(np.argmax(sizes)))
    share = float(breast.mean())
    if share < minimum_share or share > 0.98:
        raise RefusedError("no_breast", f"tissue over {share:.0%} of the image")
    return breast


def skin_threshold(smooth: np.ndarray) -> float:
    """Returns the level that parts air from skin.

    Air is the commonest level of the darker half; its spread is read from the values below its
    peak, which no tissue touches, and the threshold lies four of those above it.
    """
    counts, edges = np.histogram(smooth, bins=256, range=(0.0, 1.0))
    peak = int(np.argmax(counts[:128]))
    air = float((edges[peak] + edges[peak + 1]) / 2)
    below = smooth[smooth <= air]
    spread = float(np.sqrt(np.mean((below - air) ** 2))) if below.size else 0.0
    tissue = float(np.median(smooth[smooth > air + 0.02])) if (smooth > air + 0.02).any() else 1.0
    return air + max(4 * spread, 0.08 * (tissue - air))


def map_breast(mask: np.ndarray) -> str:
    """Returns the breast on a grid of 16x16 cells, 64 hexadecimal digits, row by row.

    A cell counts when half of it is breast. It is fine enough to tell a box in the breast from one
    in the air, and small enough for a table.

    Args:
        mask: bool, rows x columns.

    >>> map_breast(np.ones((64, 32), bool)) == "f" * 64
    True
    """
    rows, columns = (np.linspace(0, size, MAP_CELLS + 1).astype(int) for size in mask.shape)
    sums = np.add.reduceat(np.add.reduceat(mask.astype(float), rows[:-1], 0), columns[:-1], 1)
    cells = sums / np.outer(np.diff(rows), np.diff(columns)) >= 0.5
    return np.packbits(cells).tobytes().hex()


def share_inside(box: tuple[int, ...], shape_px: tuple[int, int], breast_map: str) -> float:
    """Returns the share of a box that lies in cells of the breast; NaN without a map.

    Args:
        box: First row and column, and those after the last, in pixels of the image.
        shape_px: Rows and columns of the image.
        breast_map: What `map_breast` returned, or "".

    >>> share_inside((0, 0, 32, 16), (64, 32), "f" * 32 + "0" * 32)
    1.0
    """
    if not breast_map:
        return float("nan")
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(breast_map), np.uint8))
    cells = bits.reshape(MAP_CELLS, MAP_CELLS).astype(float)
    parts = []
    for low, high, size in ((box[0], box[2], shape_px[0]), (box[1], box[3], shape_px[1])):
        edges = np.linspace(0, size, MAP_CELLS + 1)
        overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        parts.append(np.clip(overlap, 0, None))
    area = (box[2] - box[0]) * (box[3] - box[1])
    return float(parts[0] @ cells @ parts[1] / area)
