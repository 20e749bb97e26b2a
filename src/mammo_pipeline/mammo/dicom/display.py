"""What decides how an image is shown and hung, as one fingerprint: the key of stored pictures."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from mammo_pipeline.mammo.dicom.lookup import read_lookup
from mammo_pipeline.mammo.dicom.presentation import is_raw
from mammo_pipeline.mammo.dicom.windows import name_window
from mammo_pipeline.mammo.digest import digest_arrays, digest_record

# Attributes of one or several plain values.
_PLAIN = (
    "PatientOrientation", "PhotometricInterpretation", "BitsStored", "PixelRepresentation",
    "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "PresentationLUTShape",
    "PresentationIntentType",
)  # fmt: skip


def digest_display(dataset: Dataset) -> str:
    """Returns the SHA-256, in hex, of the attributes that decide presentation and orientation.

    Modality LUT and VOI LUT with their data, windows, photometric interpretation, depth, intent
    and PatientOrientation (0020,0020). Explanations count by the word of the closed list that they
    stand for, so that no free text is in it. The encoding of the file changes nothing.

    >>> digest_display(Dataset())[:12]
    '9b680759c4c2'
    """
    record: dict[str, Any] = {keyword: _read(dataset, keyword) for keyword in _PLAIN}
    names = _read(dataset, "WindowCenterWidthExplanation")
    record |= {"names": [name_window(name) for name in names], "raw": is_raw(dataset)}
    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        items = dataset.get(keyword, None) or []
        record[keyword] = [_describe_table(item, dataset) for item in items]
    return digest_record(record)


def _read(dataset: Dataset, keyword: str) -> list[str]:
    """Returns values as texts; what cannot be read decides nothing, for it refuses the image."""
    try:
        value = dataset.get(keyword, None)
    except Exception as error:
        return [type(error).__name__]
    if value is None or value == "":
        return []
    values = [value] if isinstance(value, (str, int, float)) else list(value)
    return [str(part).strip() for part in values]


def _describe_table(item: Dataset, dataset: Dataset) -> list[str]:
    """Returns name, descriptor and digest of the data of one table."""
    name = name_window("".join(_read(item, "LUTExplanation")[:1]))
    try:
        table = read_lookup(item, False, dataset.original_encoding[1] is not False)
    except Exception as error:
        return [name, type(error).__name__]
    return [name, *_read(item, "LUTDescriptor"), digest_arrays({"entries": table.entries})]
