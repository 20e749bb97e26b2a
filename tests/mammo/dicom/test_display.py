"""The fingerprint changes with what an image looks like, and with nothing else."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from header_files import SMALL_PIXELS, dressed_mammogram, save_as_syntax
from mammo_pipeline.mammo.dicom.display import digest_display
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from small_archive import mammogram


def dressed(**tags: object) -> Dataset:
    return pydicom.dcmread(BytesIO(dressed_mammogram(**tags)), stop_before_pixels=True)


def change(keyword: str, value: object) -> Dataset:
    dataset = dressed()
    setattr(dataset.VOILUTSequence[0] if keyword.startswith("LUT") else dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("WindowCenter", "2048"),
        ("WindowWidth", ["4096", "901"]),
        ("WindowCenterWidthExplanation", ["NORMAL", "HARDER"]),
        ("VOILUTFunction", "SIGMOID"),
        ("RescaleSlope", "2"),
        ("RescaleIntercept", "1"),
        ("PhotometricInterpretation", "MONOCHROME1"),
        ("PresentationLUTShape", "INVERSE"),
        ("PresentationIntentType", "FOR PROCESSING"),
        ("PixelIntensityRelationshipSign", -1),
        ("BitsStored", 13),
        ("PixelRepresentation", 1),
        ("PatientOrientation", ["P", "L"]),
        ("LUTDescriptor", [4, 1, 12]),
        ("LUTData", b"\0\1" * 3 + b"\0\2"),
        ("LUTExplanation", "HARDER"),
        ("ModalityLUTSequence", [Dataset()]),
        ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.1.2.1"),
    ],
)
def test_what_changes_the_look_changes_the_digest(keyword, value):
    assert digest_display(change(keyword, value)) != digest_display(dressed())


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientID", "P2"), ("KVP", "31"), ("ViewPosition", "MLO"), ("StudyDate", "20210101")],
)
def test_what_does_not_change_the_look_does_not_change_it(keyword, value):
    assert digest_display(change(keyword, value)) == digest_display(dressed())


def test_a_free_text_is_no_part_of_it():
    digests = {
        digest_display(change("WindowCenterWidthExplanation", [text, ""]))
        for text in ("for Dr. Doe", "for Dr. Roe")
    }
    assert len(digests) == 1


def test_the_encoding_changes_nothing():
    plain = dressed_mammogram()
    implicit = save_as_syntax(plain, ImplicitVRLittleEndian)
    read = pydicom.dcmread(BytesIO(implicit), stop_before_pixels=True)
    assert digest_display(read) == digest_display(dressed())
    digests = {
        digest_display(decode_pixels(mammogram(pixels=SMALL_PIXELS, syntax=syntax))[0])
        for syntax in (ExplicitVRLittleEndian, JPEGLSLossless)
    }
    assert len(digests) == 1


def test_the_byte_order_of_a_table_changes_nothing():
    digests = set()
    for syntax, order in ((ExplicitVRLittleEndian, "<"), (ExplicitVRBigEndian, ">")):
        table, dataset, out = Dataset(), Dataset(), BytesIO()
        table.LUTDescriptor = [3, 0, 12]
        table.add_new("LUTData", "OW", np.array([1, 2, 4095], f"{order}u2").tobytes())
        dataset.VOILUTSequence, dataset.file_meta = [table], FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(out, implicit_vr=False, little_endian=order == "<")
        digests.add(digest_display(pydicom.dcmread(BytesIO(out.getvalue()), force=True)))
    assert len(digests) == 1


def test_what_cannot_be_read_is_no_error():
    assert len(digest_display(change("LUTDescriptor", [9, 0, 12]))) == 64
