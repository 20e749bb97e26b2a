"""What becomes of one file, told from what is known of it."""

from __future__ import annotations

from io import BytesIO

import pytest

from mammo_pipeline.datasets.files import Entry
from mammo_pipeline.mammo.dicom.walk import walk_header
from mammo_pipeline.pipelines.ingest.rules import describe_file
from small_archive import ingest_rules, mammogram

ENTRY = Entry("P1/a.dcm", "file", 1000, 1)
PICTURE = {
    "values": {"Rows": 1024, "Columns": 1024, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7,
               "PixelRepresentation": 0, "PhotometricInterpretation": "MONOCHROME2"},
    "has_pixels": True,
    "picture": True,
}  # fmt: skip
LISTED = {"PatientID": "P1", "StudyInstanceUID": "P1 exam 1", "ImageLaterality": "L"}
LISTED |= {"ViewPosition": "MLO", "spacing_mm": 0.2, "key": "a", "role": "image"}


def facts(**tags: object) -> dict:
    header = walk_header(BytesIO(mammogram(**tags)))
    return {"values": header.values, "has_pixels": True}


@pytest.mark.parametrize(
    ("entry", "known", "code"),
    [
        (Entry("a", "special"), {}, "special_file"),
        (Entry("a", "unreadable"), {}, "unreadable_file"),
        (Entry("a", "file", 0, 1), {}, "empty_file"),
        (ENTRY, {}, "unreadable_file"),
        (ENTRY, {"code": "not_dicom", "found": ""}, "not_dicom"),
        (Entry("a", "file", 65 * 2**20, 1), facts(), "large_file"),
        (ENTRY, PICTURE, "unlisted_picture"),
        (ENTRY, facts(ViewPosition="ML"), "lateral_view"),
        (
            ENTRY,
            {**facts(), "values": facts()["values"] | {"PresentationIntentType": "FOR SALE"}},
            "unknown_intent",
        ),
        (ENTRY, facts(ImagerPixelSpacing=None, ManufacturerModelName=None), "no_spacing"),
        (ENTRY, facts(), "accepted"),
    ],
)
def test_each_file_has_its_code(rules, entry, known, code):
    assert describe_file(entry, known, {}, rules)["code"] == code


def test_a_missing_spacing_is_the_device_s_then_the_folder_s_and_never_a_guess(rules):
    stated = ingest_rules(stated_spacing_mm={"P1": 0.5}, minimum_field_mm=0)
    known = facts(
        ImagerPixelSpacing=None, Manufacturer="GE", ManufacturerModelName="Senographe Pristina"
    )
    unknown = facts(ImagerPixelSpacing=None, ManufacturerModelName=None)
    told = [
        (row["spacing_source"], row["row_spacing_mm"])
        for row in (
            describe_file(ENTRY, known, {}, stated),
            describe_file(ENTRY, unknown, {}, stated),
        )
    ]
    assert told == [("device", 0.1), ("stated", 0.5)]
    elsewhere = Entry("P2/a.dcm", "file", 1000, 1)
    assert describe_file(elsewhere, unknown, {}, stated)["code"] == "no_spacing"


def test_a_listed_picture_is_described_by_its_row(rules):
    row = describe_file(ENTRY, PICTURE, LISTED, rules)
    assert row["code"] == "accepted"
    assert (row["patient"], row["laterality"], row["view"]) == ("P1", "L", "MLO")
    assert (row["row_spacing_mm"], row["rows_px"], row["listing_key"]) == (0.2, 1024, "a")


def test_a_table_completes_a_header(rules):
    silent = facts(ViewPosition=None)
    assert describe_file(ENTRY, silent, {}, rules)["code"] == "no_view"
    assert describe_file(ENTRY, silent, {"ViewPosition": "CC"}, rules)["view"] == "CC"


def test_a_mask_is_no_mammogram_and_names_its_image(rules):
    stated = {"role": "mask", "of": "image 7", "kind": "mass", "pathology": "benign"}
    row = describe_file(ENTRY, facts(), stated, rules)
    assert row["code"] == "lesion_mask"
    assert (row["mask_of"], row["mask_pathology"], row["rows_px"]) == ("image 7", "benign", 300)


def test_a_header_that_declares_too_many_pixels_is_refused_unread():
    limits = {"seconds": 1, "memory_mb": 512, "file_mb": 9, "megapixels": 0.05}
    rules = ingest_rules(limits=limits)
    assert describe_file(ENTRY, facts(), {}, rules)["code"] == "many_pixels"
