"""What a header says of the breast, and which rule refuses a file."""

from __future__ import annotations

import csv
import math
from io import BytesIO

import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless

from header_files import REAL_DATA
from mammo_pipeline.mammo.dicom import read
from mammo_pipeline.mammo.dicom.header import parse_header
from mammo_pipeline.mammo.dicom.walk import walk_header
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import mammogram

CMMD = REAL_DATA / "cmmd_labels_and_headers/cmmd_cleaned_label.csv"
PRIVATE = {"patient", "exam", "study_date", "study_uid", "sop_instance", "unit", "site"}
COLUMNS = """laterality view device detector software rows_px columns_px row_spacing_mm
    column_spacing_mm spacing_source photometric presentation_intent bits_allocated bits_stored
    high_bit pixel_representation transfer_syntax window_count window_center window_width
    window_names voi_function lut_count lut_names patient_orientation horizontal_flip implant
    burned_in lossy kvp exposure_mas target filter thickness_mm force_n age"""
# As the files of RSNA 2022 come, with what its table states: no Modality, no Manufacturer, no date.
RSNA = {
    "MediaStorageSOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2",
    "TransferSyntaxUID": "1.2.840.10008.1.2.4.70",
    "SOPInstanceUID": "1.2.840.10009.1",
    "PatientID": "10006",
    "StudyInstanceUID": "1.2.840.10009.2",
    "PatientOrientation": ["P", "L"],
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME1",
    "Rows": 5355,
    "Columns": 4915,
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "WindowCenter": "2047",
    "WindowWidth": "4096",
    "VOILUTFunction": "LINEAR",
}
STATED = {"ImageLaterality": "L", "ViewPosition": "CC", "PatientAge": "061Y"}


def header_of(**tags: object) -> dict:
    return parse_header(BytesIO(mammogram())).values | tags


def refusal_of(header: dict, **rules: object) -> str:
    with pytest.raises(RefusedError) as refusal:
        read.describe_header(header, **rules)
    return refusal.value.code


def test_an_accepted_image_has_every_column_of_a_header():
    image = read.describe_header(header_of())
    assert image.keys() == PRIVATE | set(COLUMNS.split())
    assert (image["laterality"], image["view"], image["row_spacing_mm"]) == ("L", "CC", 0.6)
    assert image["device"] == "Hologic Selenia Dimensions"
    assert image["patient_orientation"] == "A\\R"
    assert (image["patient"], image["exam"], image["unit"]) == ("P1", "20200101", "")
    assert (image["age"], image["high_bit"]) == (55.0, 11)


def test_a_site_is_the_institution_however_it_is_spelt_and_never_the_station():
    header = header_of(InstitutionName="Sankt Olav", StationName="ROOM7")
    assert read.describe_header(header)["site"] == "sankt olav"
    for written, site in ((" SANKT  OLAV", "sankt olav"), ("", "")):
        assert read.describe_header(header | {"InstitutionName": written})["site"] == site


@pytest.mark.parametrize("syntax", [pydicom.uid.ExplicitVRLittleEndian, JPEG2000Lossless])
def test_both_readers_lead_to_the_same_row(syntax):
    content = mammogram(syntax=syntax)
    rows = [
        read.describe_header(reader(BytesIO(content)).values)
        for reader in (parse_header, walk_header)
    ]
    assert repr(rows[0]) == repr(rows[1])
    assert rows[0]["transfer_syntax"] == syntax.name


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67"}, "dose_report"),
        ({"QualityControlImage": "YES", "PatientID": ""}, "test_pattern"),
        ({"PresentationIntentType": "FOR PROCESSING", "PatientID": ""}, "for_processing"),
        ({"PatientID": ""}, "no_identity"),
        ({"SOPInstanceUID": ""}, "no_identity"),
        ({"StudyDate": ""}, "no_identity"),
        ({"StudyDate": "anonymous"}, "no_identity"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
        ({"PhotometricInterpretation": "Doe"}, "colour"),
        ({"SamplesPerPixel": 3}, "colour"),
        ({"Rows": 0}, "no_pixels"),
        ({"Columns": ""}, "no_pixels"),
        ({"BitsAllocated": ""}, "unreadable_header"),
        ({"BitsStored": "many"}, "unreadable_header"),
        ({"Rows": [300, 301]}, "unreadable_header"),
        ({"ImageLaterality": "B"}, "no_laterality"),
        ({"ViewPosition": "XCCL"}, "exaggerated_view"),
        ({"ViewPosition": ""}, "no_view"),
        ({"ImagerPixelSpacing": ""}, "no_spacing"),
        ({"EstimatedRadiographicMagnificationFactor": ["1.0", "1.1"]}, "unreadable_header"),
        ({"BurnedInAnnotation": "YES"}, "text_stated"),
        ({"ViewCodeSequence": "CC"}, "unreadable_header"),
        ({"VOILUTSequence": 7}, "unreadable_header"),
    ],
)
def test_each_rule_refuses_with_its_own_reason(tags, code):
    assert refusal_of(header_of(**tags)) == code


def test_the_first_rule_in_order_speaks():
    broken = [
        ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing"),
        ({"PatientID": ""}, "no_identity"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
        ({"Rows": 60000}, "many_pixels"),
        ({"ImageLaterality": ""}, "no_laterality"),
        ({"ViewPosition": "ML"}, "lateral_view"),
        ({"ImagerPixelSpacing": ""}, "no_spacing"),
        ({"BurnedInAnnotation": "YES"}, "text_stated"),
    ]
    for number, (_, code) in enumerate(broken):
        tags = {name: value for change, _ in broken[number:] for name, value in change.items()}
        assert refusal_of(header_of(**tags), maximum_pixels=10**6) == code


def test_no_refusal_repeats_a_free_text_of_the_file():
    texts = [k for k, v in header_of().items() if isinstance(v, str)]
    for keyword in [*texts, "SeriesDescription", "Laterality", "NumberOfFrames", "Modality"]:
        header = header_of(**{keyword: "DOE JANE"})
        try:
            read.describe_header(header)
        except RefusedError as refusal:
            assert "DOE" not in refusal.found, keyword
            assert refusal.__cause__ is None


def test_a_file_without_pixels_or_with_too_many_is_refused():
    assert refusal_of(header_of(), has_pixels=False) == "no_pixels"
    assert refusal_of(header_of(), maximum_pixels=300 * 240 - 1) == "many_pixels"
    assert read.describe_header(header_of(), maximum_pixels=300 * 240)["rows_px"] == 300


def test_a_small_field_is_refused_with_what_was_found():
    with pytest.raises(RefusedError, match=r"20x16 pixels, shorter side 9\.6 mm"):
        read.describe_header(header_of(Rows=20, Columns=16), minimum_field_mm=100)


def test_a_stated_spacing_serves_only_where_the_file_is_silent():
    assert read.describe_header(header_of(), stated_spacing_mm=0.09)["row_spacing_mm"] == 0.6
    silent = read.describe_header(header_of(ImagerPixelSpacing=""), stated_spacing_mm=0.09)
    assert (silent["row_spacing_mm"], silent["spacing_source"]) == (0.09, "stated")


def test_a_file_of_rsna_is_read_with_what_its_table_states():
    assert refusal_of(RSNA, stated_spacing_mm=0.07) == "no_laterality"
    image = read.describe_header(RSNA | STATED, stated_spacing_mm=0.07)
    assert (image["laterality"], image["view"], image["age"]) == ("L", "CC", 61.0)
    assert (image["exam"], image["study_date"]) == ("1.2.840.10009.2", "")
    assert (image["device"], image["spacing_source"]) == ("unknown", "stated")
    assert image["burned_in"] == image["implant"] == image["lossy"] == ""
    assert math.isnan(image["kvp"])


def test_a_picture_is_read_from_its_table_alone():
    picture = {"Rows": 1024, "Columns": 1024, "BitsAllocated": 8, "BitsStored": 8}
    stated = {**STATED, "PatientID": "mdb001", "StudyDate": "19940101", "SOPInstanceUID": "p"}
    image = read.describe_header(picture | stated, stated_spacing_mm=0.2)
    assert (image["photometric"], image["transfer_syntax"]) == ("MONOCHROME2", "")


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("20200131", "20200131"),
        ("2020.01.31", "20200131"),
        ("20200231", ""),
        ("2020", ""),
        ("", ""),
    ],
)
def test_a_date_is_a_day_of_the_calendar(written, read_as):
    assert read.read_date({"StudyDate": written}) == read_as


@pytest.mark.parametrize(
    ("written", "years"),
    [("055Y", 55.0), ("555M", 46.25), ("55y", 55.0), ("001D", math.nan), ("", math.nan)],
)
def test_an_age_is_in_years(written, years):
    age = read.read_age_years({"PatientAge": written})
    assert age == years or (math.isnan(age) and math.isnan(years))


def test_an_orientation_of_no_directions_is_other():
    assert read.read_orientation({"PatientOrientation": ["P", "FL"]}) == "P\\FL"
    assert read.read_orientation({"PatientOrientation": ["DOE", "JANE"]}) == "other"
    assert read.read_orientation({}) == ""


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="MAMMO_REALDATA is not there")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("openrem_MG_GPLv3/MG-RDSR-Hologic_2D.dcm", "dose_report"),
        ("openrem_MG_GPLv3/MG-RDSR-Giotto-DBT.dcm", "dose_report"),
        ("openrem_MG_GPLv3/MG-Im-Hologic-PropProj.dcm", "secondary_capture"),
        ("openrem_MG_GPLv3/MG-Im-GE_Seno_1_ForProcessing.dcm", "for_processing"),
        ("openrem_MG_GPLv3/MG-Im-GE_Seno_1_ForPresentation.dcm", "stereo_view"),
        ("medcognetics_dicom_utils_Apache/jpeg2k_3d.dcm", "tomosynthesis"),
        ("nyu_dicom/NYUDENSITY/L-MLO.dcm", "no_spacing"),
    ],
)
def test_each_real_object_is_told_apart(name, code):
    with (REAL_DATA / name).open("rb") as stream:
        assert refusal_of(parse_header(stream).values) == code


@pytest.mark.skipif(not CMMD.is_file(), reason="the CMMD tables of MAMMO_REALDATA are not there")
def test_every_real_header_of_cmmd_is_read():
    with CMMD.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 5000
    for row in rows:
        tags = {name[2:]: value for name, value in row.items() if name.startswith("__")}
        header = {**tags, "ViewCodeSequence": [{"CodeValue": tags["CodeValue"]}]}
        header["PatientOrientation"] = ""
        image = read.describe_header(header | {"ImageLaterality": row["laterality"]})
        assert (image["laterality"], image["view"]) == (row["laterality"], image["view"])
        assert 0.09 < image["row_spacing_mm"] < 0.1
