"""What a header says of the breast, and why a file is refused."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from mammo_pipeline.mammo.dicom import read
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import draw_breast, mammogram

SYNTAXES = [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless]


def look_at(content: bytes, **rules: float) -> dict:
    return read.read_file(BytesIO(content), len(content), **rules)


def change(content: bytes, **tags: object) -> bytes:
    dataset = pydicom.dcmread(BytesIO(content))
    for name, value in tags.items():
        setattr(dataset, name, value)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def refusal_of(content: bytes, **rules: float) -> str:
    with pytest.raises(RefusedError) as refusal:
        look_at(content, **rules)
    return refusal.value.code


def test_an_accepted_image_states_breast_view_and_spacing():
    image = look_at(mammogram(laterality="R", view="MLO"))
    assert (image["laterality"], image["view"], image["row_spacing_mm"]) == ("R", "MLO", 0.6)
    assert image["device"] == "Hologic Selenia Dimensions"


@pytest.mark.parametrize(
    "odd",
    [
        {"EstimatedRadiographicMagnificationFactor": [1.0, 1.1]},
        {"NumberOfFrames": [1, 2]},
        {"BitsAllocated": None},
    ],
)
def test_an_odd_attribute_costs_one_file_and_not_the_run(odd):
    assert refusal_of(change(mammogram(), **odd)) == "unreadable_header"


def test_a_file_without_transfer_syntax_is_quarantined():
    dataset = pydicom.dcmread(BytesIO(mammogram()))
    del dataset.file_meta.TransferSyntaxUID
    out = BytesIO()
    pydicom.dcmwrite(out, dataset, implicit_vr=False, little_endian=True)
    with pytest.raises(RefusedError):
        look_at(b"\0" * 128 + b"DICM" + out.getvalue().split(b"DICM", 1)[-1])


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_truncated_file_is_refused_in_every_transfer_syntax(syntax):
    content = mammogram(syntax=syntax)
    assert look_at(content)["rows_px"] == 300
    assert refusal_of(content[: len(content) * 2 // 3]) == "truncated"


def test_a_header_alone_has_no_pixels():
    dataset = pydicom.dcmread(BytesIO(mammogram()))
    del dataset.PixelData
    out = BytesIO()
    dataset.save_as(out)
    assert refusal_of(out.getvalue()) == "no_pixels"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67"}, "dose_report"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary_capture"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.13.1.3"}, "tomosynthesis"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"}, "presentation_state"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "other_object"),
        ({"Modality": "CT"}, "not_mammography"),
        ({"NumberOfFrames": 4}, "several_frames"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
        ({"ImageLaterality": "B"}, "no_laterality"),
        ({"ViewPosition": "XCCL"}, "other_view"),
        ({"ImagerPixelSpacing": None}, "no_spacing"),
        ({"PatientID": ""}, "no_identity"),
        ({"StudyDate": ""}, "no_identity"),
    ],
)
def test_each_kind_of_object_is_refused_with_its_own_reason(tags, code):
    assert refusal_of(change(mammogram(), **tags)) == code


def test_a_small_field_is_refused_with_what_was_found():
    content = mammogram(pixels=draw_breast((20, 16)))
    with pytest.raises(RefusedError, match=r"20x16 pixels, shorter side 9\.6 mm"):
        look_at(content, minimum_field_mm=100)


def test_a_stated_spacing_serves_only_where_the_file_is_silent():
    assert look_at(mammogram(), stated_spacing_mm=0.09)["row_spacing_mm"] == 0.6
    silent = look_at(change(mammogram(), ImagerPixelSpacing=None), stated_spacing_mm=0.09)
    assert (silent["row_spacing_mm"], silent["spacing_source"]) == (0.09, "stated")


def test_a_text_file_is_not_dicom():
    with pytest.raises(RefusedError) as refusal:
        read.read_header(BytesIO(b"patient_id,laterality\n" * 20))
    assert refusal.value.code == "not_dicom"


def test_a_garbled_header_is_quarantined_and_raises_nothing_else():
    content = bytearray(mammogram())
    content[140:400] = b"\xff" * 260
    with pytest.raises(RefusedError) as refusal:
        look_at(bytes(content))
    assert refusal.value.code in {"unreadable_header", "no_pixels", "truncated"}
