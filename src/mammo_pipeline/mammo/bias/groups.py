"""Who is in a subgroup and who is everyone else: the cells that figures are measured in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.bias.axes import LESION_AXES, NOT_STATED, VIEW_AXIS

Axis = str | Sequence[str]


@dataclass(frozen=True)
class Cell:
    """One subgroup of an axis.

    Attributes:
        axis: Its name; of an intersection "device x density".
        group: The subgroup's name; of an intersection "GE x B".
        inside: Whether each row is in it, shape (n,).
        rest: Whether each row is among everyone else of the axis, shape (n,). On a lesion axis the
            breasts without cancer are in both.
        is_lesion: Whether the axis is a property of cancers.
        is_paired: Whether the same breasts stand on both sides, each time with another score.
        mirror_of: The group that has the same two sides, turned round: one question, not two.
    """

    axis: str
    group: str
    inside: np.ndarray
    rest: np.ndarray
    is_lesion: bool
    is_paired: bool
    mirror_of: str | None


def name_axis(axis: Axis) -> str:
    """Returns the name of an axis or of an intersection.

    >>> name_axis(["device", "density"])
    'device x density'
    """
    return axis if isinstance(axis, str) else " x ".join(axis)


def list_parts(axis: Axis) -> list[str]:
    """Returns the columns that an axis is made by.

    >>> list_parts("device"), list_parts(["device", "density"])
    (['device'], ['device', 'density'])
    """
    return [axis] if isinstance(axis, str) else list(axis)


def sort_groups(names: Sequence[str]) -> list[str]:
    """Returns names in the order of reading: numbers by size, "under" first, "not stated" last.

    >>> sort_groups(["not stated", "20 mm and over", "5 to 20 mm", "under 5 mm"])
    ['under 5 mm', '5 to 20 mm', '20 mm and over', 'not stated']
    """

    def place(name: str) -> tuple[int, list[str | int]]:
        parts = re.split(r"(\d+)", name.removeprefix("under "))
        first = -1 if name.startswith("under ") else int(name == NOT_STATED)
        return first, [int(part) if part.isdigit() else part for part in parts]

    return sorted(names, key=place)


def subgroup_members(breasts: pd.DataFrame, axis: str) -> dict[str, np.ndarray]:
    """Returns group name to a mask of its breasts, in the order of reading; nobody is dropped.

    A lesion property belongs to cancers: its group holds the cancers that show it and every breast
    without cancer. A breast with several kinds ("calcification+mass") is in each.

    Raises:
        ValueError: The breasts have no such column.

    >>> breasts = pd.DataFrame({"density": ["A", "", None, "B"]})
    >>> {name: mask.tolist() for name, mask in subgroup_members(breasts, "density").items()}["B"]
    [False, False, False, True]
    """
    if axis not in breasts:
        raise ValueError(f"no axis {axis!r} among the breasts' columns {list(breasts.columns)}.")
    stated = breasts[axis].astype(object)
    values = stated.where(stated.notna() & stated.ne(""), NOT_STATED).astype(str)
    if axis not in LESION_AXES:
        return {name: values.eq(name).to_numpy() for name in sort_groups(values.unique())}
    cancer = breasts["cancer"].eq(1).to_numpy()
    kinds = values.str.split("+")
    names = sort_groups(sorted({kind for row in kinds[cancer] for kind in row}))
    return {n: ~cancer | kinds.map(lambda row, n=n: n in row).to_numpy(bool) for n in names}


def list_cells(breasts: pd.DataFrame, axis: Axis) -> list[Cell]:
    """Returns the subgroups of one axis or intersection; an intersection that nobody is in, is not.

    Args:
        breasts: One row a breast: cancer (0 or 1), and the axis' columns.
        axis: A column, or several of them for their intersections.

    >>> breasts = pd.DataFrame({"cancer": 0, "device": ["a", "a", "b"], "density": ["A", "B", "A"]})
    >>> [cell.group for cell in list_cells(breasts, ["device", "density"])]
    ['a x A', 'a x B', 'b x A']
    """
    parts = list_parts(axis)
    members = [subgroup_members(breasts, part) for part in parts]
    named = {
        " x ".join(names): reduce(
            np.logical_and, [m[n] for m, n in zip(members, names, strict=True)]
        )
        for names in product(*members)
    }
    is_lesion = bool(set(parts) & set(LESION_AXES))
    # On a lesion axis the same healthy breasts stand beside every kind of cancer.
    shared = breasts["cancer"].eq(0).to_numpy() & (is_lesion and len(parts) == 1)
    cells: list[Cell] = []
    for group, inside in named.items():
        rest = ~inside | shared
        turned = next((c.group for c in cells if _are_turned(c, inside, rest)), None)
        paired = VIEW_AXIS in parts
        cell = Cell(name_axis(axis), group, inside, rest, is_lesion, paired, turned)
        cells += [cell] if inside.any() else []
    return cells


def _are_turned(cell: Cell, inside: np.ndarray, rest: np.ndarray) -> bool:
    return np.array_equal(cell.inside, rest) and np.array_equal(cell.rest, inside)
