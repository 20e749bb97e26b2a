"""How an image asks to be shown: its windows and look-up tables."""

from __future__ import annotations

import re
from typing import Any

from mammo_pipeline.mammo.dicom.header import Header
from mammo_pipeline.mammo.dicom.values import list_texts, read_number, read_word

# VOILUTFunction (0028,1056), PS3.3 section C.11.2.1.3; an empty one means LINEAR.
FUNCTIONS = {word: word for word in ("LINEAR", "LINEAR_EXACT", "SIGMOID")}
# Explanations that units write, of which a number may follow; other words are free text.
EXPLANATIONS = (
    "NORMAL", "HARDER", "SOFTER", "HARD", "SOFT", "CURRENT", "STANDARD", "CONTRAST", "SMOOTH",
    "CUSTOM", "USER", "ALGO", "WINDOW", "DEFAULT", "PRESET", "AUTO", "BREAST", "IMPLANT", "FULL",
)  # fmt: skip
_EXPLANATION = re.compile(rf"({'|'.join(EXPLANATIONS)})[ _-]?(\d{{0,2}})")


def read_windows(header: Header) -> dict[str, Any]:
    """Returns the columns of windows and tables.

    `window_center` and `window_width` are WindowCenter (0028,1050) and WindowWidth (0028,1051) of
    the first window, in values behind the modality LUT; `lut_count` counts VOILUTSequence
    (0028,3010).

    >>> shown = read_windows({"WindowCenter": ["2262", "2286"], "WindowWidth": ["380", "380"],
    ...                       "WindowCenterWidthExplanation": ["NORMAL", "for Dr. Doe"]})
    >>> shown["window_count"], shown["window_center"], shown["window_names"]
    (2, 2262.0, 'NORMAL|other')
    """
    centers, widths = list_texts(header, "WindowCenter"), list_texts(header, "WindowWidth")
    tables = header.get("VOILUTSequence") or []
    table_names = [(list_texts(table, "LUTExplanation") or [""])[0] for table in tables]
    return {
        "window_count": min(len(centers), len(widths)),
        "window_center": read_number(header, "WindowCenter"),
        "window_width": read_number(header, "WindowWidth"),
        "window_names": name_all(list_texts(header, "WindowCenterWidthExplanation")),
        "voi_function": read_word(header, "VOILUTFunction", FUNCTIONS),
        "lut_count": len(tables),
        "lut_names": name_all(table_names),
    }


def name_all(explanations: list[str]) -> str:
    """Returns explanations as words of a closed list, joined by a bar; "" where none is given.

    >>> name_all(["Algo1", "Full width of 8 bit data", ""]), name_all([""])
    ('ALGO1|FULL|', '')
    """
    names = [name_window(text) for text in explanations]
    return "|".join(names) if any(names) else ""


def name_window(explanation: str) -> str:
    """Returns one explanation of a window or table as a word of the closed list.

    >>> name_window("Normal"), name_window("for Dr. Doe"), name_window(" ")
    ('NORMAL', 'other', '')
    """
    text = explanation.strip().upper()
    if text.startswith("FULL WIDTH"):
        return "FULL"
    match = _EXPLANATION.fullmatch(text)
    return f"{match[1]}{match[2]}" if match else "other" if text else ""
