"""Whether a lesion still stands out against its surround once an image is standardized."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from mammo_pipeline.mammo.audit.twins import (
    Standardize,
    Twin,
    draw_twin_anatomy,
    expose_twin,
    move_points,
    read_transform,
)
from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.mammo.intervals import draw_patient_counts, figure
from mammo_pipeline.mammo.phantom.render import LesionMark

# Takes a file and its row; returns presentation values in [0, 1], float32, rows x columns.
Show = Callable[[bytes, dict[str, Any]], np.ndarray]

# The surround begins off the lesion's soft margin and is wide enough to average the texture.
GAP_MM, RING_MM = 1.0, 5.0
MEASURES = ("contrast", "cnr")


def measure_lesions(
    twins: Sequence[Twin],
    devices: Sequence[str],
    binning: float,
    standardize: Standardize,
    show: Show,
    spacing_mm: float,
) -> Iterator[dict[str, Any]]:
    """Yields one row a lesion, device and twin: contrast before and after.

    Args:
        twins: The breasts.
        devices: Names of profiles.
        binning: 1 is the devices' full matrix.
        standardize: Takes a file and its row; returns the canvas, or None, and its record.
        show: Gives the image as it was before.
        spacing_mm: Of the canvas.

    Yields:
        `twin`, `device`, `kind`, `pathology`, `code` (of the record), and, for an accepted image,
        `before_` and `after_` of `contrast` and `cnr`: see `measure_contrast`.
    """
    for number, twin in enumerate(twins):
        anatomy = draw_twin_anatomy(twin, binning)
        for device in devices:
            file = expose_twin(twin, anatomy, device, 0, binning)
            canvas, record = standardize(file.content, file.image)
            for mark in file.marks:
                names = {"twin": number, "device": device, "code": str(record["code"])}
                names |= {"kind": mark.kind, "pathology": mark.pathology}
                if canvas is None:
                    yield names
                    continue
                transform, shown = read_transform(record), show(file.content, file.image)
                yield names | compare_contrast(shown, canvas, mark, transform, spacing_mm)


def compare_contrast(
    shown: np.ndarray,
    canvas: np.ndarray,
    mark: LesionMark,
    transform: Transform,
    spacing_mm: float,
) -> dict[str, float]:
    """Returns `before_` and `after_` of each of `MEASURES` of one lesion.

    Both images are read at the same places, the pixels of the canvas, so that lesion, surround and
    tissue are the same pieces of breast.

    Args:
        shown: Presentation values, rows x columns of the stored matrix.
        canvas: uint16, 0 for air.
        mark: Truth on the stored matrix.
        transform: From the stored matrix to the canvas.
        spacing_mm: Of the canvas.
    """
    lesion = carry_mask(mark, transform, canvas.shape)
    far_mm = ndimage.distance_transform_edt(~lesion) * spacing_mm
    tissue = canvas > 0
    ring = (far_mm > GAP_MM) & (far_mm <= GAP_MM + RING_MM) & tissue
    rows, columns = read_back(transform, canvas.shape, shown.shape)
    images = {"before": shown[np.ix_(rows, columns)], "after": canvas.astype(np.float32) / 65535}
    return {
        f"{when}_{name}": value
        for when, image in images.items()
        for name, value in measure_contrast(image, lesion & tissue, ring, tissue).items()
    }


def measure_contrast(
    image: np.ndarray, lesion: np.ndarray, ring: np.ndarray, tissue: np.ndarray
) -> dict[str, float]:
    """Returns `contrast` and `cnr` of one lesion; NaN where lesion or surround is off the image.

    Contrast is the mean in the lesion minus that in the surround, in standard deviations of the
    whole breast's grey; the contrast-to-noise ratio takes those of the surround instead.

    Args:
        image: Grey, rows x columns.
        lesion: bool, same shape.
        ring: Its surround, likewise.
        tissue: The breast, likewise.
    """
    if not lesion.any() or not ring.any():
        return dict.fromkeys(MEASURES, float("nan"))
    step = float(image[lesion].mean(dtype=np.float64) - image[ring].mean(dtype=np.float64))
    spreads = [max(float(image[part].std(dtype=np.float64)), 1e-9) for part in (tissue, ring)]
    return dict(zip(MEASURES, (step / spread for spread in spreads), strict=True))


def carry_mask(mark: LesionMark, transform: Transform, shape_px: tuple[int, ...]) -> np.ndarray:
    """Returns the lesion on the canvas, bool: a pixel is in it when its centre is.

    A lesion finer than a pixel of the canvas keeps the one pixel that holds its middle.
    """
    middle_px = np.array([[mark.row, mark.column]]) + np.array([mark.mask.shape]) / 2
    places = [_read_axis(transform, axis, shape_px[axis]) for axis in (0, 1)]
    rows, columns = (
        np.floor(place).astype(int) - start
        for place, start in zip(places, (mark.row, mark.column), strict=True)
    )
    inside = [
        (index >= 0) & (index < size)
        for index, size in zip((rows, columns), mark.mask.shape, strict=True)
    ]
    full = np.zeros(shape_px, bool)
    full[np.ix_(*inside)] = mark.mask[np.ix_(rows[inside[0]], columns[inside[1]])]
    if not full.any():
        middle = np.floor(move_points(middle_px, transform)[0]).astype(int)
        if ((middle >= 0) & (middle < shape_px)).all():
            full[tuple(middle)] = True
    return full


def read_back(
    transform: Transform, canvas_px: tuple[int, ...], stored_px: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the row of the stored matrix under each row of the canvas, and so for columns.

    What lies off the matrix gets its outermost pixel; the canvas is air there.

    >>> [part.tolist() for part in read_back(Transform(0.5, 0, -0.5, 2), (2, 2), (4, 4))]
    [[1, 3], [3, 1]]
    """
    rows, columns = (
        np.clip(np.floor(_read_axis(transform, axis, canvas_px[axis])), 0, stored_px[axis] - 1)
        for axis in (0, 1)
    )
    return rows.astype(int), columns.astype(int)


def _read_axis(transform: Transform, axis: int, size_px: int) -> np.ndarray:
    """Returns where the centres of the canvas's pixels lie on one axis of the stored matrix."""
    scale = (transform.row_scale, transform.column_scale)[axis]
    offset = (transform.row_offset, transform.column_offset)[axis]
    return (np.arange(size_px) + 0.5 - offset) / scale


def tabulate_lesions(
    rows: Sequence[Mapping[str, Any]], repeats: int, rng: np.random.Generator, level: float = 0.95
) -> dict[str, Any]:
    """Returns what is kept of contrast and CNR, ready for JSON: overall, by kind and by device.

    Each is the sum after over the sum before, so that a faint lesion counts for little; 1 keeps
    all. Women are drawn in the bootstrap. `lesions` is how many a figure rests on, `n` of how many
    women.

    Args:
        rows: What `measure_lesions` yielded.
        repeats: Bootstrap replicates.
        rng: Where chance comes from.
        level: Of the intervals.
    """
    table = pd.DataFrame(rows)
    columns = [f"{when}_{name}" for when in ("before", "after") for name in MEASURES]
    table = table.reindex(columns=[*table.columns.union(columns)])
    used = table.dropna(subset=columns)
    women = np.unique(table["twin"])
    counts = draw_patient_counts(np.zeros(women.size), repeats, rng)

    def sum_up(part: pd.DataFrame) -> dict[str, Any]:
        own = counts[:, np.searchsorted(women, part["twin"])]
        return {name: _keep_share(part, name, own, level) for name in MEASURES}

    return {
        "lesions": len(table),
        "unmeasured": len(table) - len(used),
        "overall": sum_up(used),
        "by_kind": {str(kind): sum_up(part) for kind, part in used.groupby("kind")},
        "by_device": {str(name): sum_up(part) for name, part in used.groupby("device")},
    }


def _keep_share(part: pd.DataFrame, name: str, weights: np.ndarray, level: float) -> dict[str, Any]:
    """Returns the sum after over the sum before as a figure; weights are (repeats, rows)."""
    before, after = (part[f"{when}_{name}"].to_numpy(float) for when in ("before", "after"))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.divide(after.sum(), before.sum()))
        draws = (weights @ after) / (weights @ before)
    n = int(part["twin"].nunique())
    told = figure(value, draws, n, level, "sum after over sum before", "nothing was measured")
    return {**told, "lesions": len(part)}
