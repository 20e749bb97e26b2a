"""Single breasts that a reviewer should look at, each with its views and the net's heat beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_pipeline.reporting.overlay import (
    join_pictures,
    lay_heat,
    outline_lesions,
    shrink_canvas,
    spread_heat,
    write_jpeg,
)
from mammo_pipeline.reporting.page import show_number

MEMBER = "member "
# Digits of a pseudonym that are shown: enough to find a breast of one study again.
SHORT = 8
# Width of a whole canvas as it is shown, and the pictures' quality: about 35 kB a breast.
CANVAS_PX, QUALITY = 260, 80
# Left about the tissue, as a share of the canvas.
MARGIN = 0.03
Pictures = Mapping[tuple[str, str], Sequence[np.ndarray]]


def draw_view(
    canvas: np.ndarray,
    boxes: np.ndarray,
    heat: np.ndarray | None,
    places: tuple[float, float, float] | None,
) -> list[np.ndarray]:
    """Returns one view without and with its heat, uint8 RGB; the first alone where there is none.

    Air beside the breast is cut off; every canvas is shown at one scale.

    Args:
        canvas: Of the store, uint16, (rows, columns[, 1]).
        boxes: Known lesions in px of the canvas, half-open, (k, 4).
        heat: Of the ensemble, in [0, 1] as `overlay.stretch_heat` gives it, (rows', columns').
        places: stride_px, offset_px, window_px of the heat's positions, in px of the canvas.
    """
    top, left, bottom, right = frame_tissue(canvas)
    cut = canvas[top:bottom, left:right]
    scale = CANVAS_PX / canvas.shape[1]
    small = shrink_canvas(cut, max(1, round(cut.shape[1] * scale)))
    framed = (np.asarray(boxes, float).reshape(-1, 4) - [top, left, top, left]) * scale
    drawn = [outline_lesions(small, framed)]
    if heat is not None and places is not None:
        rows, columns = small.shape
        corners = (scale * top, scale * left)
        stride, offset, window = (scale * side for side in places)
        spread = spread_heat(heat, (stride, offset, window), (rows, columns), corners)
        drawn.append(outline_lesions(lay_heat(small, spread), framed))
    return drawn


def frame_tissue(canvas: np.ndarray) -> tuple[int, int, int, int]:
    """Returns row_min, column_min, row_max, column_max of the tissue with a margin, half-open.

    The whole canvas where it holds none.

    >>> frame_tissue(np.pad(np.ones((40, 20), np.uint16), ((30, 30), (0, 80))))
    (27, 0, 73, 23)
    """
    tissue = np.asarray(canvas).reshape(canvas.shape[0], canvas.shape[1]) > 0
    edges = []
    for axis, side in ((1, canvas.shape[0]), (0, canvas.shape[1])):
        found = np.flatnonzero(tissue.any(axis=axis))
        margin = round(MARGIN * side)
        first, last = (found[0], found[-1] + 1) if found.size else (0, side)
        edges.append((max(0, int(first) - margin), min(side, int(last) + margin)))
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]


def show_cases(cases: pd.DataFrame, pictures: Pictures) -> dict[str, Any]:
    """Returns the section of single breasts: pictures with captions, and a table of them all.

    Args:
        cases: Of `mammo.cases.pick_cases`.
        pictures: (exam_id, laterality) to the pictures of a breast, CC before MLO, each view as
            `draw_view` returns it; a breast without any is in the table alone.
    """
    if cases.empty:
        return {"title": "Cases", "text": "No breast was scored and has an outcome."}
    shown = [
        {
            "image": write_jpeg(join_pictures(pictures[key]), QUALITY),
            "caption": f"{number}. {tell_case(case)}",
        }
        for number, (_, case) in enumerate(cases.iterrows(), 1)
        if pictures.get(key := (str(case["exam_id"]), str(case["laterality"])))
    ]
    section: dict[str, Any] = {
        "title": "Cases",
        "text": "The cancers of the lowest probability, the breasts without cancer of the highest, "
        "those about which the members disagree most, and a few hits of middling probability. They "
        "are the extremes of this test set and no sample of it. The heat is no segmentation and no "
        "explanation: it says where the nets' patch classifier answers, pale yellow most, on one "
        "scale for all pictures here: clear up to the median of all places; the contour is half "
        "of the range. Dashed: known lesions. Names are the first "
        f"{SHORT} digits of pseudonyms.",
        "table": tabulate_cases(cases),
    }
    return section | ({"pictures": shown} if shown else {})


def tell_case(case: pd.Series) -> str:
    """Returns the caption of one breast."""
    told = [f"{case['kind']}: breast {name_breast(case)}", str(case["outcome"])]
    told.append(f"probability {show_number(float(case['probability']))}")
    if "score" in case and pd.notna(case["score"]):
        told.append(f"score {int(case['score'])} of 10")
    members = [f"{name.removeprefix(MEMBER)} {p:.2f}" for name, p in _list_members(case).items()]
    if members:
        told.append(f"members {', '.join(members)}")
    return "; ".join(told) + "."


def name_breast(case: pd.Series) -> str:
    """Returns how a breast is named: digits of its exam's pseudonym and its side.

    >>> name_breast(pd.Series({"exam_id": "0123456789abcdef", "laterality": "L"}))
    '01234567 L'
    """
    return f"{str(case['exam_id'])[:SHORT]} {case['laterality']}"


def _list_members(case: pd.Series) -> dict[str, float]:
    names = [str(name) for name in case.index if str(name).startswith(MEMBER)]
    return {name: float(expit(case[name])) for name in names if pd.notna(case[name])}


def tabulate_cases(cases: pd.DataFrame) -> dict[str, Any]:
    """Returns the table of the cases, one row a breast, in the order of their pictures."""
    has_score = "score" in cases
    members = [name for name in cases.columns if str(name).startswith(MEMBER)]
    rows = [
        [
            number,
            name_breast(case),
            case["kind"],
            case["outcome"],
            float(case["probability"]),
            *([_whole(case["score"])] if has_score else []),
            *([float(case["spread"])] if members else []),
            *[float(expit(case[name])) for name in members],
        ]
        for number, (_, case) in enumerate(cases.iterrows(), 1)
    ]
    columns = ["", "breast", "shown as", "outcome", "probability"]
    columns += ["score"] * has_score + ["spread of ranks"] * bool(members)
    return {
        "caption": "Which they are",
        "columns": columns + [str(name).removeprefix(MEMBER) for name in members],
        "rows": rows,
        "folded": True,
        "note": "A member's column is its own probability, not calibrated: members compare by "
        "their ranks alone. Spread: the highest less the lowest rank among members, over n.",
    }


def _whole(score: Any) -> int | None:
    return int(score) if pd.notna(score) else None
