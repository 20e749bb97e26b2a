"""A mammogram as the bytes of a DICOM file: Digital Mammography X-Ray Image, For Presentation."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

# The encoder is named, for pydicom would take whichever it finds first, and GDCM's RLE encoder
# aborts the process on an image of an odd number of bytes.
_ENCODERS = {
    RLELossless: "pylibjpeg",
    JPEGLSLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
}
LOSSLESS_SYNTAXES: tuple[UID, ...] = (ExplicitVRLittleEndian, *_ENCODERS)


def write_mammogram(pixels: np.ndarray, tags: Mapping[str, Any], transfer_syntax: str) -> bytes:
    """Returns the file's content; the same input gives the same bytes.

    Args:
        pixels: uint8 or uint16, shape (rows, columns), as they shall be stored.
        tags: DICOM keyword to value; a list of mappings becomes a sequence. It must hold
            SOPInstanceUID, PhotometricInterpretation and BitsStored (0028,0101).
        transfer_syntax: UID of one of `LOSSLESS_SYNTAXES`.

    Raises:
        ValueError: For other pixels, a value that BitsStored cannot hold, or another syntax.

    >>> tags = {"SOPInstanceUID": "1.2.3", "PhotometricInterpretation": "MONOCHROME2",
    ...         "BitsStored": 12}
    >>> content = write_mammogram(np.zeros((2, 2), np.uint16), tags, ExplicitVRLittleEndian)
    >>> content[128:132]
    b'DICM'
    """
    dataset = build_mammogram(pixels, tags)
    if transfer_syntax not in LOSSLESS_SYNTAXES:
        known = ", ".join(uid.name for uid in LOSSLESS_SYNTAXES)
        raise ValueError(f"transfer syntax is {transfer_syntax}, expected one of: {known}")
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if transfer_syntax != ExplicitVRLittleEndian:
        plugin = _ENCODERS[UID(transfer_syntax)]
        dataset.compress(transfer_syntax, encoding_plugin=plugin, generate_instance_uid=False)
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def build_mammogram(pixels: np.ndarray, tags: Mapping[str, Any]) -> Dataset:
    """Returns the dataset with uncompressed pixels, its image module filled from the array.

    Raises:
        ValueError: For pixels that are not 2-D uint8 or uint16, or that need more bits.
    """
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}, expected 2-D uint8 or uint16"
        )
    bits_stored = int(tags["BitsStored"])
    if int(pixels.max()) >= 2**bits_stored:
        raise ValueError(
            f"a pixel of {tags['SOPInstanceUID']} is {pixels.max()}, "
            f"more than BitsStored (0028,0101) {bits_stored} can hold"
        )
    dataset = fill_dataset(tags)
    dataset.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    dataset.Modality = "MG"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.SamplesPerPixel = 1
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = 0
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    content = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    dataset.add_new("PixelData", "OW", content + b"\0" * (len(content) % 2))
    return dataset


def fill_dataset(tags: Mapping[str, Any]) -> Dataset:
    """Returns a dataset with one element a keyword; a list of mappings becomes a sequence.

    >>> fill_dataset({"ViewCodeSequence": [{"CodeValue": "R-10242"}]}).ViewCodeSequence[0].CodeValue
    'R-10242'
    """
    dataset = Dataset()
    for keyword, value in tags.items():
        if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            value = Sequence([fill_dataset(item) for item in value])
        setattr(dataset, keyword, value)
    return dataset
