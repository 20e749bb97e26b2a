"""From stored values to presentation values with one meaning: 0 is black air, 1 is white tissue."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from mammo_pipeline.mammo.fates import RefusedError


def decode_pixels(content: bytes) -> tuple[Dataset, np.ndarray]:
    """Returns the data set and its stored values, rows x columns, an integer type.

    Raises:
        RefusedError: `undecodable`, with the decoder's kind of error.
    """
    try:
        dataset = pydicom.dcmread(BytesIO(content))
        stored = dataset.pixel_array
    except Exception as error:
        # Decoders raise what they like; the image is quarantined and the run goes on.
        raise RefusedError("undecodable", type(error).__name__) from error
    if stored.ndim != 2:
        raise RefusedError("undecodable", f"an array of {stored.ndim} dimensions")
    return dataset, stored


def present(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """Returns presentation values as float32 in [0, 1], rows x columns, bright where dense.

    Modality LUT, then the first VOI LUT or window, then the photometric interpretation, in the
    order of PS3.3 C.11 and C.7.6.3.1.2. The chain is run once on every value that the image holds
    and read back by index, so that it works on a few thousand values and not on every pixel.

    Args:
        dataset: The image's attributes.
        stored: Stored values.

    Raises:
        RefusedError: `undecodable` where a window or table cannot be applied, `no_breast` where
            every pixel comes out the same.
    """
    lowest, highest = int(stored.min()), int(stored.max())
    values = np.arange(lowest, highest + 1, dtype=stored.dtype)
    try:
        shown = np.asarray(_look_up(dataset, values), dtype=np.float64)
    except Exception as error:
        # A width under 1, an unknown VOILUTFunction, a table of the wrong length: all occur.
        raise RefusedError("undecodable", f"{type(error).__name__} in window or LUT") from error
    if str(dataset.get("PhotometricInterpretation", "")) == "MONOCHROME1":
        shown = -shown
    span = shown.max() - shown.min()
    if not np.isfinite(span) or span <= 0:
        raise RefusedError("no_breast", "every pixel has the same value")
    table = ((shown - shown.min()) / span).astype(np.float32)
    return table[stored.astype(np.int32) - lowest]


def _look_up(dataset: Dataset, values: np.ndarray) -> np.ndarray:
    rescaled = apply_modality_lut(values, dataset)
    if dataset.get("VOILUTSequence", None) and rescaled.dtype.kind == "f":
        # A table is entered with whole numbers (PS3.3 C.11.2.1.1).
        rescaled = np.rint(rescaled).astype(np.int32)
    if _has_voi(dataset):
        # An empty VOILUTFunction (0028,1056) occurs; it means LINEAR (PS3.3 C.11.2.1.3).
        if not str(dataset.get("VOILUTFunction", "LINEAR") or "").strip():
            del dataset.VOILUTFunction
        return apply_voi_lut(rescaled, dataset, index=0)
    return rescaled


def _has_voi(dataset: Dataset) -> bool:
    if dataset.get("VOILUTSequence", None):
        return True
    return bool(dataset.get("WindowCenter", None)) and bool(dataset.get("WindowWidth", None))
