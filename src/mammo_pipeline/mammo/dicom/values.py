"""Plain values of a header as text, numbers and closed words, whatever a vendor made of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from mammo_pipeline.mammo.dicom.header import Header
from mammo_pipeline.mammo.fates import RefusedError


def list_texts(header: Header, keyword: str) -> list[str]:
    """Returns the values of an attribute as texts without padding, [] where it is empty or absent.

    >>> list_texts({"WindowCenter": ["2047 ", ""]}, "WindowCenter"), list_texts({}, "Rows")
    (['2047', ''], [])
    """
    value = header.get(keyword)
    values = value if isinstance(value, list) else [value]
    texts = ["" if part is None else str(part).strip() for part in values]
    return texts if any(texts) else []


def read_text(header: Header, keyword: str) -> str:
    """Returns the one value of an attribute as text, "" where it is empty or absent.

    Raises:
        RefusedError: `unreadable_header` where different values stand in the place of one.
    """
    texts = list_texts(header, keyword)
    if len(set(texts)) > 1:
        raise RefusedError("unreadable_header", f"{keyword} holds {len(texts)} values, expected 1")
    return texts[0] if texts else ""


def read_whole_number(header: Header, keyword: str) -> int | None:
    """Returns the one whole number of an attribute, None where it is empty or absent.

    Raises:
        RefusedError: `unreadable_header` where it is none.

    >>> read_whole_number({"NumberOfFrames": "1"}, "NumberOfFrames")
    1
    """
    text = read_text(header, keyword)
    if not text:
        return None
    if not re.fullmatch(r"[+-]?\d{1,10}(\.0*)?", text):
        raise RefusedError("unreadable_header", f"{keyword} is {describe_length(text)}")
    return int(float(text))


def read_number(header: Header, keyword: str) -> float:
    """Returns the first number of an attribute, NaN where there is none.

    >>> read_number({"KVP": "28,5"}, "KVP"), read_number({"KVP": "auto"}, "KVP")
    (28.5, nan)
    """
    return parse_number((list_texts(header, keyword) or [""])[0])


def parse_number(text: str) -> float:
    """Returns a decimal number as vendors write it, with a point or a comma; else NaN."""
    if not re.fullmatch(r"\s*[+-]?\d*[.,]?\d+\.?(?:[eE][+-]?\d{1,3})?\s*", text):
        return math.nan
    number = float(text.replace(",", "."))
    return number if math.isfinite(number) else math.nan


def read_word(header: Header, keyword: str, words: Mapping[str, str]) -> str:
    """Returns the first value as a word of a closed list, `other` for what is not in it, or "".

    >>> read_word({"FilterMaterial": "Rh"}, "FilterMaterial", {"RH": "RHODIUM"})
    'RHODIUM'
    """
    text = (list_texts(header, keyword) or [""])[0].upper()
    return words.get(text, "other") if text else ""


def read_yes_or_no(header: Header, keyword: str) -> str:
    """Returns `yes`, `no`, or "" where the attribute says neither.

    >>> read_yes_or_no({"LossyImageCompression": "01"}, "LossyImageCompression")
    'yes'
    """
    text = (list_texts(header, keyword) or [""])[0].upper()
    return {"YES": "yes", "Y": "yes", "01": "yes", "NO": "no", "N": "no", "00": "no"}.get(text, "")


def describe_length(text: Any) -> str:
    """Returns what a report may say of a free text, which may name a patient.

    >>> describe_length("Doe, Jane")
    'a text of 9 characters'
    """
    return f"a text of {len(str(text))} characters"
