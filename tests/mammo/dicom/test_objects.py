"""Each kind of object has a reason of its own."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.dicom.objects import (
    FOR_PRESENTATION,
    read_intent,
    refuse_other_objects,
)
from mammo_pipeline.mammo.fates import RefusedError

STORAGE = "1.2.840.10008.5.1.4.1.1"


def judge(**tags: object) -> str:
    try:
        refuse_other_objects({"SOPClassUID": FOR_PRESENTATION, **tags})
    except RefusedError as refusal:
        assert "Doe" not in refusal.found
        return refusal.code
    return "mammogram"


@pytest.mark.parametrize(
    ("uid", "code"),
    [
        (f"{STORAGE}.88.67", "dose_report"),
        (f"{STORAGE}.88.76", "dose_report"),
        (f"{STORAGE}.88.50", "structured_report"),
        (f"{STORAGE}.7", "secondary_capture"),
        (f"{STORAGE}.7.2", "secondary_capture"),
        (f"{STORAGE}.77.1.4", "other_object"),
        (f"{STORAGE}.13.1.3", "tomosynthesis"),
        (f"{STORAGE}.13.1.5", "tomosynthesis"),
        (f"{STORAGE}.11.1", "presentation_state"),
        (f"{STORAGE}.2", "other_object"),
        (f"{STORAGE}.1.2.1", "for_processing"),
        ("1.2.3.4", "other_object"),
        (FOR_PRESENTATION, "mammogram"),
    ],
)
def test_a_class_decides_what_an_object_is(uid, code):
    assert judge(SOPClassUID=uid) == code
    assert judge(SOPClassUID="", MediaStorageSOPClassUID=uid) == code


def test_a_table_of_contents_is_told_by_the_file_meta():
    meta = {"MediaStorageSOPClassUID": "1.2.840.10008.1.3.10"}
    with pytest.raises(RefusedError) as refusal:
        refuse_other_objects(meta)
    assert refusal.value.code == "directory_object"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Modality": "CT"}, "not_mammography"),
        ({"Modality": "Doe"}, "not_mammography"),
        ({"Modality": " mg"}, "mammogram"),
        ({"Modality": ""}, "mammogram"),
        ({"QualityControlImage": "YES"}, "test_pattern"),
        ({"QualityControlImage": "NO"}, "mammogram"),
        ({"ViewPosition": "FLATFIELD"}, "test_pattern"),
        ({"SeriesDescription": "Flat Field Tomo"}, "test_pattern"),
        ({"ProtocolName": "TG18-QC"}, "test_pattern"),
        ({"SeriesDescription": "ACR phantom of Doe"}, "test_pattern"),
        ({"SeriesDescription": "phantoms of the opera"}, "mammogram"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMO_PROJ"]}, "tomosynthesis"),
        ({"ImageType": ["DERIVED", "PRIMARY", "POST_CONTRAST", "SUBTRACTION"]}, "contrast_image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "", "LOW_ENERGY"]}, "mammogram"),
        ({"NumberOfFrames": "4"}, "several_frames"),
        ({"NumberOfFrames": "1"}, "mammogram"),
        ({"NumberOfFrames": ["1", "2"]}, "unreadable_header"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing"),
        ({"PresentationIntentType": "FOR PRESENTATION"}, "mammogram"),
    ],
)
def test_an_attribute_tells_what_the_class_does_not(tags, code):
    assert judge(**tags) == code


def test_raw_images_are_read_where_the_study_reads_them():
    for tags in (
        {"SOPClassUID": f"{STORAGE}.1.2.1"},
        {"SOPClassUID": FOR_PRESENTATION, "PresentationIntentType": "FOR PROCESSING"},
    ):
        refuse_other_objects(tags, accept_raw=True)
        assert read_intent(tags) == "FOR PROCESSING"
    assert read_intent({"PresentationIntentType": "for presentation "}) == "FOR PRESENTATION"
    with pytest.raises(RefusedError) as refusal:
        refuse_other_objects({"PresentationIntentType": "FOR SALE"}, accept_raw=True)
    assert refusal.value.code == "unknown_intent"


def test_a_picture_that_a_table_describes_needs_no_class():
    assert judge(SOPClassUID="") == "mammogram"
