"""Modality LUT, VOI LUT and windows in the standard's order: from stored to displayed values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydicom.dataset import Dataset

from mammo_pipeline.mammo.dicom.lookup import look_up, read_lookup
from mammo_pipeline.mammo.dicom.windows import name_window


@dataclass(frozen=True)
class ShowRule:
    """Which of the displays that an image offers is taken; PS3.3 C.11.2 leaves it to the receiver.

    Attributes:
        prefer: Explanations in order of preference, as `name_window` writes them; where an image
            has none of them, its first window or table counts.
        order: Whether tables come before windows where an image has both.
        for_processing: Whether raw images are refused, or shown as attenuation.
    """

    prefer: tuple[str, ...] = ("NORMAL", "STANDARD", "DEFAULT", "CURRENT", "BREAST")
    order: Literal["table_first", "window_first"] = "table_first"
    for_processing: Literal["refuse", "attenuation"] = "refuse"


@dataclass(frozen=True)
class Values:
    """Values behind the modality LUT, float64, and the ends of the range that the depth allows."""

    values: np.ndarray
    low: float
    high: float


def apply_modality(dataset: Dataset, stored: np.ndarray, full: int) -> Values:
    """Returns the values behind ModalityLUTSequence (0028,3000) or RescaleSlope (0028,1053).

    Stored values below 0 are refused before they come here, whatever the sign that is declared.
    """
    if dataset.get("ModalityLUTSequence", None):
        signed = dataset.get("PixelRepresentation", 0) == 1
        table = read_lookup(dataset.ModalityLUTSequence[0], signed, _is_little_endian(dataset))
        return Values(look_up(stored, table).astype(np.float64), 0.0, float(table.full))
    slope, intercept = dataset.get("RescaleSlope", None), dataset.get("RescaleIntercept", None)
    slope = 1.0 if slope in (None, "") else _read_number(slope)
    intercept = 0.0 if intercept in (None, "") else _read_number(intercept)
    low, high = sorted((intercept, slope * full + intercept))
    return Values(stored * slope + intercept, low, high)


def apply_voi(dataset: Dataset, modality: Values, rule: ShowRule) -> tuple[np.ndarray, str]:
    """Returns the values shown, 0 to 1, and their meaning; one of the alternatives is applied."""
    tables = list(dataset.get("VOILUTSequence", None) or [])
    windows = [] if tables and rule.order == "table_first" else _list_windows(dataset)
    if tables and not windows:
        names = [name_window(str(item.get("LUTExplanation", None) or "")) for item in tables]
        chosen = choose(names, rule.prefer)
        signed = modality.low < 0 or dataset.get("PixelRepresentation", 0) == 1
        table = read_lookup(tables[chosen], signed, _is_little_endian(dataset))
        return look_up(modality.values, table) / table.full, f"table {names[chosen]}".strip()
    if windows:
        center, width, name = windows[choose([name for *_, name in windows], rule.prefer)]
        function = str(dataset.get("VOILUTFunction", None) or "").strip().upper() or "LINEAR"
        if not _shows_all((center, width), function, dataset, modality):
            shown = apply_window(modality.values, center, width, function)
            return shown, " ".join(filter(None, ("window", name, function)))
    span = modality.high - modality.low
    return (modality.values - modality.low) / (span or 1.0), "modality values"


def choose(names: Sequence[str], prefer: Sequence[str]) -> int:
    """Returns the place of the most preferred name; 0 where none is among them.

    >>> choose(["CURRENT", "STANDARD"], ["NORMAL", "STANDARD"]), choose(["", ""], ["NORMAL"])
    (1, 0)
    """
    return next((names.index(name) for name in prefer if name in names), 0)


def apply_window(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """Returns the values under a window, float64 from 0 to 1.

    VOILUTFunction (0028,1056): LINEAR by PS3.3 C.11.2.1.2.1, SIGMOID by C.11.2.1.3.1, LINEAR_EXACT
    by C.11.2.1.3.2, each with an output range from 0 to 1.

    Raises:
        ValueError: The width is too small for the function, or the function is unknown.

    >>> apply_window(np.array([0, 2047.5, 4095.0]), 2048, 4096, "LINEAR").tolist()
    [0.0, 0.5, 1.0]
    """
    if not width >= 1 and (function == "LINEAR" or not width > 0):
        raise ValueError("WindowWidth (0028,1051) is too small")
    if function == "SIGMOID":
        # Beyond these bounds exp overflows, and a float32 is 0 or 1.
        return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    elif function != "LINEAR_EXACT":
        raise ValueError("VOILUTFunction (0028,1056) is unknown")
    if width == 0:
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0, 1)


def _list_windows(dataset: Dataset) -> list[tuple[float, float, str]]:
    """Returns center, width and name of each: WindowCenter (0028,1050), WindowWidth (0028,1051)."""
    centers, widths, texts = (
        _list_values(dataset.get(keyword, None))
        for keyword in ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation")
    )
    count = min(len(centers), len(widths))
    names = [name_window(str(text)) for text in [*texts, *[""] * count][:count]]
    return [
        (_read_number(center), _read_number(width), name)
        for center, width, name in zip(centers, widths, names, strict=False)
        if "" not in (center, width) and None not in (center, width)
    ]


def _read_number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a number without end")
    return number


def _list_values(value: Any) -> list[Any]:
    if value in (None, ""):
        return []
    return [value] if isinstance(value, (str, int, float)) else list(value)


def _shows_all(
    window: tuple[float, float], function: str, dataset: Dataset, modality: Values
) -> bool:
    """Returns whether a window only repeats a declared depth of 16 bits that is not used.

    Writers who put 16 for BitsStored (0028,0101) put 32768 and 65536 for the window too.
    """
    declared = 2**16 - 1.0
    if dataset.get("BitsStored", 0) != 16 or modality.high - modality.low >= declared:
        return False
    center, width = window
    ends = center - width / 2, center + width / 2
    # A thousandth, for centers and widths are written rounded up, down or by half a level.
    near = declared / 1000
    return function.startswith("LINEAR") and ends[0] <= near and ends[1] >= declared - near


def _is_little_endian(dataset: Dataset) -> bool:
    return dataset.original_encoding[1] is not False
