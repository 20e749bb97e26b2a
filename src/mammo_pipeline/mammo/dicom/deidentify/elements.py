"""Copying by the table: reads an attribute as texts, changes them, writes what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from mammo_pipeline.mammo.dicom.deidentify.pixels import to_little_endian
from mammo_pipeline.mammo.dicom.deidentify.table import Rule
from mammo_pipeline.mammo.dicom.deidentify.values import Subject, change_values
from mammo_pipeline.mammo.dicom.deidentify.words import CODE_MEANINGS
from mammo_pipeline.mammo.fates import RefusedError

_WHOLE_RANGES = {"US": (0, 2**16 - 1), "SS": (-(2**15), 2**15 - 1), "UL": (0, 2**32 - 1)}
_WHOLE_RANGES |= {"SL": (-(2**31), 2**31 - 1), "IS": (-(2**31), 2**31 - 1)}
_ENTRIES_OF_US = 2**15 - 1


def fill(copy: Dataset, source: Dataset, table: Mapping[str, Rule], subject: Subject) -> None:
    """Writes into `copy` what the table lets through from `source`.

    Raises:
        RefusedError: `unreadable_header`: pixels, and an attribute that they need has no value.
    """
    for keyword, rule in table.items():
        if rule.action in _SEQUENCES:
            _fill_sequence(copy, source, keyword, rule, subject)
        else:
            _fill_element(copy, source, keyword, rule, subject)


def _fill_element(
    copy: Dataset, source: Dataset, keyword: str, rule: Rule, subject: Subject
) -> None:
    texts = read_texts(source, keyword)
    stated = texts is not None
    partner = ((read_texts(source, rule.partner) if rule.partner else None) or [""])[0]
    # A pseudonym is written even where the file is silent: the study may know her by another name.
    known = texts or ([""] if rule.action == "pseudonym" else [])
    values = change_values(known, rule, subject, partner) if known else []
    vr = _vr_of(source, keyword, values)
    value = write_texts(vr, values) if any(values) else None
    if value is None and rule.action == "pixels" and "PixelData" in source:
        raise RefusedError("unreadable_header", f"no sound {keyword}")
    if value is not None or rule.stays or (stated and (not texts or rule.action == "empty")):
        copy.add_new(keyword, vr, value)


def read_texts(dataset: Dataset, keyword: str) -> list[str] | None:
    """Returns the values as texts without padding; empty where it is, None where there is none."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return None
    try:
        value = dataset[tag].value
    except Exception:
        # A number that is none, such as `[0.07, 0.07]` in one DS: the text as it was written.
        raw = dataset.get_item(tag)
        if not isinstance(raw, RawDataElement) or raw.VR not in (None, "DS", "IS"):
            return []
        value = (raw.value or b"").decode("latin-1").split("\\")
    return to_texts(value)


def to_texts(value: Any) -> list[str]:
    """Returns the value of an element as a list of texts; bytes and items are none.

    >>> to_texts([0.1, 2]), to_texts("L "), to_texts(None)
    (['0.1', '2'], ['L'], [])
    """
    values = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    if any(isinstance(v, bytes | Dataset) for v in values):
        return []
    texts = ["" if v is None else str(v).strip(" \0\r\n\t") for v in values]
    return texts if any(texts) else []


def write_texts(vr: str, texts: list[str]) -> Any:
    """Returns the texts as the value of an element of the VR, None where one does not fit it."""
    values: list[Any] = list(texts)
    if vr in {"FL", "FD"}:
        values = [float(text) for text in texts]
    elif vr in _WHOLE_RANGES:
        lowest, highest = _WHOLE_RANGES[vr]
        numbers = [float(text) if text else 0.0 for text in texts]
        if any(n != int(n) or not lowest <= n <= highest for n in numbers):
            return None
        values = [int(n) for n in numbers]
    return values[0] if len(values) == 1 else values


def _vr_of(source: Dataset, keyword: str, values: list[str]) -> str:
    vr = dictionary_VR(keyword)
    if vr != "US or SS":
        return vr
    stated = source[keyword].VR if keyword in source else ""
    return stated if stated in {"US", "SS"} else "SS" if "-" in "".join(values) else "US"


def _fill_sequence(
    copy: Dataset, source: Dataset, keyword: str, rule: Rule, subject: Subject
) -> None:
    try:
        items = [item for item in source[keyword].value if isinstance(item, Dataset)]
        empty = not items
    except Exception:
        # Absent, or no sequence although its tag is one's.
        items, empty = [], False
    changed = [_SEQUENCES[rule.action](item, rule, subject) for item in items]
    kept = [item for item in changed if item is not None and len(item)]
    if kept or empty or rule.stays:
        copy.add_new(keyword, "SQ", kept)


def _copy_item(item: Dataset, rule: Rule, subject: Subject) -> Dataset:
    copy = Dataset()
    fill(copy, item, rule.items, subject)
    return copy


def _copy_code(item: Dataset, rule: Rule, subject: Subject) -> Dataset | None:
    """A code that the closed list knows, with the standard's meaning (PS3.3 table 8.8-1)."""
    scheme, code = (
        "".join(read_texts(item, keyword) or [])
        for keyword in ("CodingSchemeDesignator", "CodeValue")
    )
    meaning = CODE_MEANINGS.get((scheme, code))
    if meaning is None:
        return None
    copy = Dataset()
    copy.CodeValue, copy.CodingSchemeDesignator, copy.CodeMeaning = code, scheme, meaning
    fill(copy, item, rule.items, subject)
    return copy


def _copy_table(item: Dataset, rule: Rule, subject: Subject) -> Dataset | None:
    """A lookup table whose data are as many and as large as its descriptor says (PS3.3 C.11.1)."""
    descriptor = [int(text) for text in read_texts(item, "LUTDescriptor") or []]
    numbers = _read_table(item, descriptor[0] or 2**16) if len(descriptor) == 3 else []
    if not numbers or not 8 <= descriptor[2] <= 16 or max(numbers) >= 2 ** descriptor[2]:
        return None
    copy = Dataset()
    copy.add_new("LUTDescriptor", _vr_of(item, "LUTDescriptor", []), descriptor)
    listed = item["LUTData"].VR == "US" and len(numbers) <= _ENTRIES_OF_US
    words = b"".join(n.to_bytes(2, "little") for n in numbers)
    copy.add_new("LUTData", "US" if listed else "OW", numbers if listed else words)
    fill(copy, item, rule.items, subject)
    return copy


def _read_table(item: Dataset, entries: int) -> list[int]:
    """The entries of LUTData (0028,3006), or nothing where they are not so many."""
    if "LUTData" not in item:
        return []
    data = item["LUTData"].value
    if isinstance(data, bytes):
        data = memoryview(to_little_endian(data, item)[: 2 * entries])
        data = data.cast("H") if len(data) == 2 * entries else []
    numbers = [int(number) for number in data]
    return numbers if len(numbers) == entries else []


_SEQUENCES = {"items": _copy_item, "codes": _copy_code, "tables": _copy_table}
