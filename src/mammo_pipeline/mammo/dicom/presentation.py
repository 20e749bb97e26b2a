"""From stored values to presentation values with one meaning: 0 is black, 1 white, dense is bright.

0 is the darkest and 1 the brightest value that the chosen display can give: the ends of the window,
of the table's depth, or, where the image states neither, of the stored depth. They are read from
the header alone, so that a value means the same in an image with and without a metal marker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from mammo_pipeline.mammo.dicom.lookup import find_full_scale
from mammo_pipeline.mammo.dicom.objects import FOR_PROCESSING
from mammo_pipeline.mammo.dicom.voi import ShowRule, Values, apply_modality, apply_voi
from mammo_pipeline.mammo.fates import RefusedError

# Powers of ten of X-ray intensity between black and white of a raw image: a thousandth of the open
# beam is 16 of the 16383 levels of a 14-bit detector, and less is its noise.
DECADES = 3.0


@dataclass(frozen=True)
class Presentation:
    """How an image's stored values are shown.

    Attributes:
        table: Presentation values in [0, 1], float32; its first entry is for `lowest`.
        lowest: The lowest stored value.
        meaning: `window NAME FUNCTION`, `table NAME`, `modality values`, `attenuation LIN` or
            `attenuation LOG`, NAME being a word of `name_window` and left out where none is given.
    """

    table: np.ndarray
    lowest: int
    meaning: str


# For whoever looks at images that another rule has accepted.
SHOW_ALL = ShowRule(for_processing="attenuation")


def present(dataset: Dataset, stored: np.ndarray, rule: ShowRule = SHOW_ALL) -> np.ndarray:
    """Returns presentation values as float32 in [0, 1], rows x columns, bright where dense.

    Args:
        dataset: The image's attributes.
        stored: Stored values.
        rule: Which display is taken.

    Raises:
        RefusedError: As `make_presentation`.
    """
    lowest, highest = int(stored.min()), int(stored.max())
    shown = make_presentation(dataset, lowest, highest, stored.dtype, rule)
    return shown.table[stored.astype(np.int32) - shown.lowest]


def make_presentation(
    dataset: Dataset, lowest: int, highest: int, dtype: Any, rule: ShowRule
) -> Presentation:
    """Returns how the stored values from `lowest` to `highest` are shown.

    Modality LUT, VOI LUT or window, then the photometric interpretation, in the order of PS3.3
    C.11 and C.7.6.3.1.2. MONOCHROME1 turns the values over once; PresentationLUTShape (2050,0020)
    INVERSE only repeats it (PS3.3 C.8.11.3: it shall be INVERSE with MONOCHROME1 and IDENTITY with
    MONOCHROME2) and is not applied again.

    Args:
        dataset: The image's attributes.
        lowest: The lowest stored value of the image, not negative.
        highest: The highest stored value.
        dtype: Type of the stored values, uint8 or uint16.
        rule: Which display is taken.

    Raises:
        RefusedError: `undecodable` where a window or table cannot be applied, `for_processing` for
            a raw image that the rule or its own relationship forbids, `no_breast` where every
            value comes out the same.
    """
    try:
        shown, meaning = _show(dataset, np.arange(lowest, highest + 1), np.dtype(dtype), rule)
    except RefusedError:
        raise
    except Exception as error:
        # A width under 1, an unknown VOILUTFunction, a table of the wrong length: all occur.
        raise RefusedError("undecodable", f"{type(error).__name__} in window or LUT") from error
    if not shown.min() < shown.max():
        raise RefusedError("no_breast", "every pixel has the same value")
    return Presentation(shown.astype(np.float32), lowest, meaning)


def is_raw(dataset: Dataset) -> bool:
    """Returns whether an image is FOR PROCESSING by its class or PresentationIntentType."""
    intent = str(dataset.get("PresentationIntentType", None) or "").strip().upper()
    meta = getattr(dataset, "file_meta", {}).get("MediaStorageSOPClassUID", "")
    uid = dataset.get("SOPClassUID", None) or meta
    return uid == FOR_PROCESSING or intent == "FOR PROCESSING"


def _show(
    dataset: Dataset, stored: np.ndarray, dtype: np.dtype, rule: ShowRule
) -> tuple[np.ndarray, str]:
    bits = min(int(dataset.get("BitsStored", None) or 16), 8 * dtype.itemsize)
    modality = apply_modality(dataset, stored, find_full_scale(bits, int(stored[-1])))
    if is_raw(dataset):
        if rule.for_processing == "refuse":
            raise RefusedError("for_processing", "FOR PROCESSING")
        return _show_attenuation(dataset, modality)
    shown, meaning = apply_voi(dataset, modality, rule)
    photometric = str(dataset.get("PhotometricInterpretation", None) or "").strip().upper()
    return (1.0 - shown if photometric == "MONOCHROME1" else shown), meaning


def _show_attenuation(dataset: Dataset, modality: Values) -> tuple[np.ndarray, str]:
    """Returns a raw image's attenuation against its open beam: 0 there, 1 at `DECADES` less.

    PixelIntensityRelationship (0028,1040) and its sign (0028,1041), PS3.3 C.8.11.3.1.2, say how
    values follow the X-rays; the photometric interpretation only says how a raw image would look.
    Silent ones count as LIN and 1, which a raw detector is. The open beam is the image's largest
    intensity: the exposure differs tenfold from breast to breast and the depth does not know it;
    in a logarithm another open beam moves all values alike.
    """
    relation = str(dataset.get("PixelIntensityRelationship", None) or "LIN").strip().upper()
    sign = int(dataset.get("PixelIntensityRelationshipSign", None) or 1)
    if relation not in ("LIN", "LOG"):
        raise RefusedError("for_processing", "neither LIN nor LOG of the X-ray intensity")
    if modality.values.max() <= 0:
        raise ValueError("no X-rays anywhere")
    intensity = modality.values
    if sign < 0:
        intensity = modality.low + modality.high - intensity
    if relation == "LOG":
        shown = (intensity.max() - intensity) / ((modality.high - modality.low) or 1.0)
    else:
        share = np.maximum(intensity / intensity.max(), 10.0**-DECADES)
        shown = -np.log10(share) / DECADES
    return np.clip(shown, 0, 1), f"attenuation {relation}"
