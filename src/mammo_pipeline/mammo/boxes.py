"""Lesion boxes as a label table writes them, read strictly."""

from __future__ import annotations

import re

KINDS = ("mass", "calcification", "distortion", "asymmetry")
PATHOLOGIES = ("benign", "malignant")
BOX = re.compile(
    rf"(?:(?P<view>CC|MLO):)?(?P<kind>{'|'.join(KINDS)}):(?P<pathology>{'|'.join(PATHOLOGIES)})"
    r":(?P<row_min>\d{1,5}),(?P<column_min>\d{1,5}),(?P<row_max>\d{1,5}),(?P<column_max>\d{1,5})"
)


class LabelError(ValueError):
    """A label table that must not become a model; the message names rows by their line."""


def parse_boxes(text: str, line: int | str) -> list[dict[str, object]]:
    """Returns the lesions of one row of the label table.

    Args:
        text: `VIEW:kind:pathology:row_min,column_min,row_max,column_max`, joined by `;`; pixels of
            the matrix as stored, the maxima exclusive.
        line: The row's line in the file, for the error.

    Raises:
        LabelError: The text does not have that form, or a box is empty.

    >>> parse_boxes("CC:mass:benign:10,20,30,50", 2)[0]["row_max"]
    30
    """
    return _parse(text, line, "VIEW:")


def parse_image_boxes(text: str, line: int | str) -> list[dict[str, object]]:
    """Returns the lesions of one image: as `parse_boxes`, without the view.

    Raises:
        LabelError: The text does not have that form, or a box is empty.

    >>> parse_image_boxes("mass:benign:10,20,30,50", 2)[0]["kind"]
    'mass'
    """
    boxes = _parse(text, line, "")
    return [{name: v for name, v in box.items() if name != "view"} for box in boxes]


def _parse(text: str, line: int | str, view: str) -> list[dict[str, object]]:
    place = f"Label table, line {line}" if isinstance(line, int) else f"Label table, {line}"
    lesions: list[dict[str, object]] = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        match = BOX.fullmatch(part)
        if not match or bool(match["view"]) != bool(view):
            # A shifted row may hold a name here: only what looks like a box is shown.
            found = f"found '{part}', " if re.fullmatch(r"\w*(:\w*){1,2}:[\d, -]*", part) else ""
            raise LabelError(
                f"{place}, lesion_boxes: {found}expected {view}kind:pathology:row_min,column_min,"
                f"row_max,column_max{' with view CC or MLO' if view else ''}, "
                f"kind one of {', '.join(KINDS)}, pathology {' or '.join(PATHOLOGIES)}."
            )
        box = {name: int(v) if v and v.isdigit() else v for name, v in match.groupdict().items()}
        if box["row_max"] <= box["row_min"] or box["column_max"] <= box["column_min"]:  # type: ignore[operator]
            raise LabelError(f"{place}, lesion_boxes: the box '{part}' is empty.")
        lesions.append(box)
    return lesions
