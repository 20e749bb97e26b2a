"""Which matrix and spacing a mammography unit is known to make, and which ones the study holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

# Contact views: the breast lies up to a tenth nearer to the tube than the detector does, and
# EstimatedRadiographicMagnificationFactor (0018,1114) divides the spacing by as much.
MAGNIFICATION = 1.1
TOLERANCE = 0.02
MODE = ["device", "rows_px", "columns_px", "row_spacing_mm", "column_spacing_mm"]


@dataclass(frozen=True)
class Detector:
    """What one family of units writes.

    Attributes:
        words: All stand in the device's name, in lower case.
        matrices: Rows and columns of each mode, unbinned.
        spacing_mm: Lowest and highest ImagerPixelSpacing (0018,1164), at the detector.
        closed: Whether no other matrix is known to occur.
    """

    words: tuple[str, ...]
    matrices: tuple[tuple[int, int], ...]
    spacing_mm: tuple[float, float]
    closed: bool = True


# Matrices and spacings as seen in headers of public archives and in conformance statements. The
# first entry whose words all fit is taken. Units that crop to the breast have no closed list.
DETECTORS = (
    Detector(("lorad",), ((3328, 2560), (4096, 3328)), (0.07, 0.07)),
    Detector(("selenia",), ((3328, 2560), (4096, 3328)), (0.065, 0.07)),
    Detector(("ge", "pristina"), ((2294, 1914), (3062, 2394)), (0.1, 0.1)),
    Detector(("ge", "senographe"), ((2294, 1914), (3062, 2394)), (0.094090909, 0.1)),
    Detector(("mammomat",), ((3518, 2800), (3328, 2560), (4084, 3328)), (0.085, 0.085)),
    Detector(("planmed",), ((2812, 2012),), (0.083, 0.085)),
    Detector(("giotto",), ((3580, 2702),), (0.0814, 0.085), closed=False),
    Detector(("amulet",), ((4728, 3540), (5928, 4728)), (0.05, 0.05)),
    Detector(("microdose",), ((4915, 5355), (5355, 4915)), (0.05, 0.05)),
    Detector(("philips", "l30"), ((4915, 5355), (5355, 4915)), (0.05, 0.05)),
)


def find_detector(device: str, more: Sequence[Detector] = ()) -> Detector | None:
    """Returns the entry of the list that speaks of a device, or None.

    Args:
        device: Maker and model as `images` names them.
        more: A site's own entries, looked at first.

    >>> find_detector("Hologic Selenia Dimensions").matrices[0]
    (3328, 2560)
    """
    words = device.lower().split()
    return next((d for d in [*more, *DETECTORS] if set(d.words) <= set(words)), None)


def find_modes(images: pd.DataFrame, more: Sequence[Detector] = ()) -> pd.DataFrame:
    """Returns the resolution modes: one row a device, matrix and spacing, before any resampling.

    Args:
        images: One row an image, with the columns of `MODE`.
        more: A site's own entries of the list.

    Returns:
        The columns of `MODE`, images, share (of the device's images), field_rows_mm,
        field_columns_mm, native_spacing and listed: "yes", "no", or None where nothing is known.
    """
    keys = images[MODE].astype({"row_spacing_mm": float, "column_spacing_mm": float})
    keys = keys.round({"row_spacing_mm": 4, "column_spacing_mm": 4})
    modes = keys.groupby(MODE, dropna=False).size().rename("images").reset_index()
    modes["share"] = modes["images"] / modes.groupby("device")["images"].transform("sum")
    modes["field_rows_mm"] = modes["rows_px"] * modes["row_spacing_mm"]
    modes["field_columns_mm"] = modes["columns_px"] * modes["column_spacing_mm"]
    known = {d: find_detector(str(d), more) for d in modes["device"].unique()}
    rows = modes.to_dict("records")
    modes["native_spacing"] = [has_native_spacing(known[row["device"]], row) for row in rows]
    modes["listed"] = [has_listed_matrix(known[row["device"]], row) for row in rows]
    return modes.sort_values(["device", "images"], ascending=[True, False], ignore_index=True)


def has_native_spacing(detector: Detector | None, mode: Mapping[str, float]) -> str | None:
    """Returns "yes" where the spacing is the detector's own, "no" where it was binned or resampled.

    >>> has_native_spacing(DETECTORS[0], {"row_spacing_mm": 0.07, "column_spacing_mm": 0.07})
    'yes'
    """
    spacing = np.array([mode["row_spacing_mm"], mode["column_spacing_mm"]], float)
    if detector is None or not np.isfinite(spacing).all():
        return None
    low, high = detector.spacing_mm
    within = (spacing >= low / MAGNIFICATION / (1 + TOLERANCE)) & (spacing <= high * 1.005)
    return "yes" if within.all() else "no"


def has_listed_matrix(detector: Detector | None, mode: Mapping[str, float]) -> str | None:
    """Returns whether the matrix is one of the device's: exactly at its own spacing, else by field.

    An image that was binned after the detector keeps the field, rows times spacing, and both axes
    were binned alike.

    >>> mode = {"rows_px": 416, "columns_px": 320, "row_spacing_mm": 0.56,
    ...         "column_spacing_mm": 0.56}
    >>> has_listed_matrix(find_detector("Lorad Selenia"), mode)
    'yes'
    """
    shape = np.array([mode["rows_px"], mode["columns_px"]], float)
    spacing = np.array([mode["row_spacing_mm"], mode["column_spacing_mm"]], float)
    native = has_native_spacing(detector, mode)
    if detector is None or native is None or not np.isfinite(shape).all():
        return None
    matrices = np.array(detector.matrices, float)
    low, high = detector.spacing_mm
    if native == "yes":
        fits = (matrices == shape).all(axis=1)
    else:
        field, binning = shape * spacing, matrices / shape
        above = field >= matrices * low / MAGNIFICATION * (1 - TOLERANCE)
        below = field <= matrices * high * (1 + TOLERANCE)
        alike = np.abs(binning[:, 0] / binning[:, 1] - 1) <= TOLERANCE / 2
        fits = (above & below & (binning >= 1)).all(axis=1) & alike
    if fits.any():
        return "yes"
    return "no" if detector.closed else None


def match_modes(images: pd.DataFrame, modes: pd.DataFrame) -> pd.DataFrame:
    """Returns `native_spacing` and `matrix_listed` of each image, by its mode; index of images."""
    keys = images[MODE].astype({"row_spacing_mm": float, "column_spacing_mm": float})
    keys = keys.round({"row_spacing_mm": 4, "column_spacing_mm": 4})
    found = keys.merge(modes[[*MODE, "native_spacing", "listed"]], on=MODE, how="left")
    found = found.rename(columns={"listed": "matrix_listed"}).set_index(images.index)
    return found[["native_spacing", "matrix_listed"]]
