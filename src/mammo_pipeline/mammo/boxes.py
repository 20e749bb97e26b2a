"""Lesion boxes as a label table writes them, read strictly."""

from __future__ import annotations

import re
from collections.abc import Collection

from mammo_pipeline.mammo.dicom.values import describe_length

KINDS = ("mass", "calcification", "distortion", "asymmetry")
PATHOLOGIES = ("benign", "malignant")
VIEWS = ("CC", "MLO")
WORDS = frozenset({*VIEWS, *KINDS, *PATHOLOGIES})
# A date of birth and most numbers of patients have more.
MOST_DIGITS = 4
BOX = re.compile(
    rf"(?:(?P<view>{'|'.join(VIEWS)}):)?(?P<kind>{'|'.join(KINDS)}):(?P<pathology>{'|'.join(PATHOLOGIES)})"
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


def describe_cell(text: str, words: Collection[str]) -> str:
    """Returns what an error may show of a cell, for a shifted row holds a name in any column.

    Args:
        text: What stands there.
        words: The closed list that may be shown, in capitals, beside numbers of `MOST_DIGITS`.

    >>> describe_cell("500", []), describe_cell("Both", ["BOTH"]), describe_cell("Li", [])
    ("'500'", "'Both'", 'a text of 2 characters')
    """
    # As ASCII: \d knows the digits of every script.
    if text.upper() in words or re.fullmatch(rf"[0-9]{{1,{MOST_DIGITS}}}", text):
        return f"'{text}'"
    return describe_length(text) if text else "nothing"


def _describe_part(part: str) -> str:
    """Returns a part of known words and coordinates as it stands, the length of any other."""
    words = [word for word in re.split(r"[:,\s]+", part) if word]
    known = [word for word in words if word in WORDS]
    numbers = [word for word in words if re.fullmatch(r"[0-9]{1,5}", word)]
    # A number without a word of a box is no coordinate, perhaps it is a patient's.
    shown = bool(known) and len(known) + len(numbers) == len(words)
    return f"'{part}'" if shown else describe_length(part)


def _parse(text: str, line: int | str, view: str) -> list[dict[str, object]]:
    place = f"Label table, line {line}" if isinstance(line, int) else f"Label table, {line}"
    lesions: list[dict[str, object]] = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        match = BOX.fullmatch(part)
        if not match or bool(match["view"]) != bool(view):
            raise LabelError(
                f"{place}, lesion_boxes: found {_describe_part(part)}, expected {view}kind:"
                "pathology:row_min,column_min,row_max,column_max"
                f"{' with view CC or MLO' if view else ''}, "
                f"kind one of {', '.join(KINDS)}, pathology {' or '.join(PATHOLOGIES)}."
            )
        box = {name: int(v) if v and v.isdigit() else v for name, v in match.groupdict().items()}
        if box["row_max"] <= box["row_min"] or box["column_max"] <= box["column_min"]:  # type: ignore[operator]
            raise LabelError(f"{place}, lesion_boxes: the box '{part}' is empty.")
        lesions.append(box)
    return lesions
