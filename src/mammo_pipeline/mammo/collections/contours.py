"""Contours of INbreast: property lists as OsiriX writes them, read without trusting them."""

from __future__ import annotations

import plistlib
import re
from typing import Any

from mammo_pipeline.mammo.boxes import LabelError

# A contour file of INbreast has a few hundred kB; a larger one is none.
LONGEST_TEXT = 32 * 2**20
POINT = re.compile(r"\(\s*(-?\d{1,6}(?:\.\d*)?)[^,()]{0,20},\s*(-?\d{1,6}(?:\.\d*)?)[^,()]{0,20}\)")
# What the readers wrote, in small letters; other names (points, muscle, nodes) are no lesion.
KIND_OF_NAME = {
    "mass": "mass",
    "spiculated region": "mass",
    "espiculated region": "mass",
    "calcification": "calcification",
    "calcifications": "calcification",
    "cluster": "calcification",
    "distortion": "distortion",
    "asymmetry": "asymmetry",
    "assymetry": "asymmetry",
    "asimmetry": "asymmetry",
}
Corners = tuple[int, int, int, int]


def read_contours(text: str, name: str) -> list[tuple[str, Corners]]:
    """Returns kind and box of each contour of one image, in stored pixels, maxima exclusive.

    A contour of fewer than three points marks a place and no area, and is left out. plistlib
    refuses entity declarations, so that a file cannot grow while it is read, and fetches nothing.

    Args:
        text: The XML.
        name: The file's name, for errors.

    Raises:
        LabelError: The file is no such property list.
    """
    try:
        if len(text) > LONGEST_TEXT:
            raise ValueError("too long")
        images = plistlib.loads(text.encode(), fmt=plistlib.FMT_XML)["Images"]
        regions = [region for image in images for region in image["ROIs"]]
        found = [(_kind_of(region), _corners(region)) for region in regions]
    except Exception as error:
        # The parser raises what it likes on a damaged file, and may repeat what stands there.
        raise LabelError(
            f"Label table {name}: found no list of contours ({type(error).__name__}). Expected "
            "the XML of INbreast: a property list with Images, ROIs, Name and Point_px."
        ) from None
    return [(kind, corners) for kind, corners in found if kind and corners]


def _kind_of(region: dict[str, Any]) -> str:
    return KIND_OF_NAME.get(str(region.get("Name", "")).strip().lower(), "")


def _corners(region: dict[str, Any]) -> Corners | None:
    """Returns the box around the points (column, row) that are written as `(x, y)`."""
    points = [POINT.fullmatch(str(point).strip()) for point in region.get("Point_px", [])]
    if not all(points):
        raise ValueError("a point is not written as (x, y)")
    if len(points) < 3:
        return None
    columns = [max(0, int(float(point[1]))) for point in points if point]
    rows = [max(0, int(float(point[2]))) for point in points if point]
    return min(rows), min(columns), max(rows) + 1, max(columns) + 1
