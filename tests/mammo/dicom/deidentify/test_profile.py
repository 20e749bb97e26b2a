"""What leaves is what the table names: a hundred planted tokens stay behind, the image does not."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
)

from mammo_pipeline.mammo.dicom.deidentify import profile as module
from mammo_pipeline.mammo.dicom.deidentify.profile import deidentify, deidentify_file
from mammo_pipeline.mammo.dicom.deidentify.table import TABLE, PrivateRule, Rule
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.pseudonym import pseudonym
from planted_tokens import (
    COMPRESSED,
    KEPT,
    NATIVE,
    NESTED,
    PIXELS,
    fill,
    find_tokens,
    inflate,
    opened,
    planted_file,
    source,
)
from small_archive import draw_breast, mammogram

KEY = b"k" * 32


@pytest.mark.parametrize("syntax", NATIVE + COMPRESSED, ids=lambda uid: uid.name)
def test_none_of_a_hundred_planted_tokens_leaves_and_the_image_does(syntax):
    content, tokens = planted_file(syntax)
    assert len(set(tokens)) == 100
    assert find_tokens(inflate(content, syntax), tokens) == tokens
    copied = deidentify_file(content, KEY)
    assert find_tokens(copied, tokens) == []
    copy = opened(copied)
    native = syntax in NATIVE
    assert copy.file_meta.TransferSyntaxUID == (ExplicitVRLittleEndian if native else syntax)
    assert np.array_equal(copy.pixel_array, PIXELS)
    assert compare(copy, fill(KEPT | NESTED)) == ["SoftwareVersions", "RescaleType"]
    assert copy.SoftwareVersions == [*KEPT["SoftwareVersions"], ""]


def compare(copy: Dataset, wanted: Dataset) -> list[str]:
    """Keywords whose value differs, in the order of the tags."""
    differing = []
    for element in wanted:
        found = copy.get(element.keyword)
        if element.VR == "SQ":
            for item, expected in zip(found, element.value, strict=True):
                differing += compare(item, expected)
        elif found != element.value:
            differing.append(element.keyword)
    return differing


def test_a_file_without_tokens_keeps_the_whole_list():
    assert compare(deidentify(source(), KEY), fill(KEPT | NESTED)) == []


@pytest.mark.parametrize(
    ("keyword", "rule"),
    [
        ("PatientComments", Rule("device")),
        ("DerivationDescription", Rule("device")),
        ("ViewModifierCodeSequence", Rule("items", items={"CodeMeaning": Rule("device")})),
    ],
)
def test_one_rule_too_many_would_be_found(monkeypatch, keyword, rule):
    table = {**TABLE, keyword: rule}
    if keyword == "ViewModifierCodeSequence":
        table = {**TABLE, "ViewCodeSequence": Rule("codes", items={keyword: rule})}
    monkeypatch.setattr(module, "TABLE", table)
    content, tokens = planted_file(ExplicitVRLittleEndian)
    assert len(find_tokens(deidentify_file(content, KEY), tokens)) == 1


def test_one_rule_too_few_would_be_found(monkeypatch):
    monkeypatch.setattr(module, "TABLE", {k: r for k, r in TABLE.items() if k != "WindowWidth"})
    assert compare(deidentify(source(), KEY), fill(KEPT | NESTED)) == ["WindowWidth"]


def test_the_woman_has_the_pseudonym_of_the_study():
    copy = deidentify(source(), KEY)
    assert copy.PatientID == copy.PatientName == pseudonym(KEY, "patient", "P1")
    assert deidentify(source(), KEY, patient_id="0123456789abcdef").PatientID == "0123456789abcdef"
    assert deidentify(source(), b"other" * 8).PatientID != copy.PatientID


def test_what_the_standard_wants_present_stays_and_is_empty():
    copy = deidentify(source(PatientBirthDate="19600101", PatientSex="F", StudyID="77"), KEY)
    for keyword in ("PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber"):
        assert copy[keyword].is_empty, keyword
    assert copy["ReferringPhysicianName"].is_empty
    assert "PatientAge" not in copy


def test_the_copy_says_what_was_done():
    copy = deidentify(source(), KEY)
    assert copy.PatientIdentityRemoved == "YES"
    assert copy.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [item.CodeValue for item in copy.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113105", "113107", "113109"]
    assert all(len(text) <= 64 for text in copy.DeidentificationMethod)


def test_uids_are_the_same_in_every_copy_and_standard_ones_stay():
    first, second = source(), source(view="MLO")
    second.SourceImageSequence = Sequence(
        [
            fill(
                {
                    "ReferencedSOPClassUID": first.SOPClassUID,
                    "ReferencedSOPInstanceUID": first.SOPInstanceUID,
                }
            )
        ]
    )
    one, two = deidentify(first, KEY), deidentify(second, KEY)
    assert one.StudyInstanceUID == two.StudyInstanceUID != first.StudyInstanceUID
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID != two.SOPInstanceUID
    assert two.SourceImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
    assert two.SourceImageSequence[0].ReferencedSOPClassUID == first.SOPClassUID
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in (one.SOPInstanceUID,))


def test_equal_files_give_equal_copies_and_the_input_is_not_changed():
    content, _ = planted_file(JPEGLSLossless)
    assert deidentify_file(content, KEY) == deidentify_file(content, KEY)
    dataset = source()
    before = str(dataset)
    deidentify(dataset, KEY)
    assert str(dataset) == before


def test_a_copy_of_a_copy_loses_nothing_more():
    copy = deidentify(source(), KEY)
    again = deidentify(copy, KEY)
    assert compare(again, fill(KEPT | NESTED)) == []


def test_intervals_between_exams_are_kept_to_the_day_and_second():
    days = ("20180301", "20200229", "20200301")
    copies = [deidentify(source(date=day), KEY) for day in days]
    moments = [pydicom.valuerep.DT(f"{c.StudyDate}{c.StudyTime}") for c in copies]
    assert [(later - moments[0]).days for later in moments] == [0, 730, 731]
    assert [(later - moments[0]).seconds for later in moments] == [0, 0, 0]
    back = pydicom.valuerep.DT("20180301101500") - moments[0]
    assert 364 <= back.days <= 3651


def test_a_unit_named_by_the_staff_gets_a_stand_in_and_one_named_by_its_kind_stays():
    plain = deidentify(source(StationName="MAMMO_02"), KEY)
    named = deidentify(source(StationName="PQW_HOL_SELENIA"), KEY)
    assert plain.StationName == "MAMMO_02"
    assert named.StationName == pseudonym(KEY, "device", "PQW_HOL_SELENIA")


def test_a_device_text_that_names_the_patient_or_the_place_is_emptied_and_a_makers_name_is_not():
    tags = {"PatientName": "Lindqvist^Hologic", "InstitutionName": "Sankt Olav"}
    dataset = source(**tags)
    dataset.ManufacturerModelName = "Selenia of Lindqvist"
    dataset.SoftwareVersions = ["1.2", "olav 7"]
    dataset.InstitutionName = "Klinik Olavs"
    copy = deidentify(dataset, KEY)
    assert not copy.get("ManufacturerModelName")
    assert copy.Manufacturer == "HOLOGIC, Inc."


def test_a_code_outside_the_closed_list_stays_behind():
    dataset = source()
    dataset.ViewCodeSequence[0].CodeValue = "4711"
    assert "ViewCodeSequence" not in deidentify(dataset, KEY)


def test_a_pair_of_numbers_written_as_one_text_is_kept_as_a_pair():
    content = mammogram(pixels=PIXELS, ImagerPixelSpacing=None, Exposure=None)
    dataset = opened(content)
    odd = pydicom.dataelem.RawDataElement
    for tag, vr, value in (
        (0x00181164, "DS", b"[0.07, 0.07]"),
        (0x00181152, "IS", b"6.5 "),
        (0x001811A2, "DS", b"80 N Doe"),
    ):
        dataset[tag] = odd(pydicom.tag.Tag(tag), vr, len(value), value, 0, False, True)
    copy = deidentify(dataset, KEY)
    assert copy.ImagerPixelSpacing == [0.07, 0.07]
    assert "CompressionForce" not in copy
    assert "Exposure" not in copy


def test_a_table_that_breaks_its_descriptor_stays_behind():
    dataset = source()
    dataset.VOILUTSequence[0].LUTData = b"no table but a text of one name " * 16
    assert "VOILUTSequence" not in deidentify(dataset, KEY)


def test_a_needed_private_element_stays_and_is_told():
    dataset = source()
    block = dataset.private_block(0x0045, "GEMS_SENO_02", create=True)
    block.add_new(0x29, "DS", ["940", "4.4"])
    block.add_new(0x30, "LO", "Doe")
    needed = {
        ("GEMS_SENO_02", 0x0045, 0x29): PrivateRule("DS", Rule("number"), "windowing"),
        ("GEMS_SENO_02", 0x0045, 0x30): PrivateRule("LO", Rule("clean"), "made up"),
        ("ABSENT", 0x0045, 0x29): PrivateRule("DS", Rule("number"), "made up"),
    }
    copy = deidentify(dataset, KEY, private=needed)
    assert [e.value for e in copy.group_dataset(0x0045)] == ["GEMS_SENO_02", [940, 4.4]]
    codes = [item.CodeValue for item in copy.DeidentificationMethodCodeSequence]
    assert "113111" in codes
    assert len(deidentify(dataset, KEY).group_dataset(0x0045)) == 0


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"PatientID": None}, "no_identity"),
        ({"NumberOfFrames": 2}, "several_frames"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67"}, "other_object"),
        ({"SOPClassUID": "1.2.840.99.4711.1"}, "other_object"),
        ({"PhotometricInterpretation": "RGB"}, "unreadable_header"),
        ({"Rows": 400}, "truncated"),
    ],
)
def test_what_cannot_be_copied_is_refused_without_a_word_of_it(tags, code):
    dataset = source()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    with pytest.raises(RefusedError) as refusal:
        deidentify(dataset, KEY)
    assert refusal.value.code == code
    assert "4711" not in str(refusal.value)


def test_an_overlay_in_the_pixels_unused_bits_is_refused():
    dataset = source()
    dataset.add_new((0x6000, 0x0102), "US", 13)
    with pytest.raises(RefusedError, match="overlay"):
        deidentify(dataset, KEY)


@pytest.mark.parametrize("content", [b"", b"Doe " * 100, b"\x89PNG\r\n\x1a\n" + b"Doe" * 200])
def test_what_is_no_dicom_file_is_refused_and_not_quoted(content, recwarn):
    with pytest.raises(RefusedError) as refusal:
        deidentify_file(content, KEY)
    assert "Doe" not in str(refusal.value)


def test_pydicoms_complaints_do_not_quote_the_file(recwarn):
    dataset = opened(planted_file(ExplicitVRLittleEndian)[0])
    dataset.SpecificCharacterSet = "QZSET"
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    assert any("QZSET" in str(warning.message) for warning in recwarn)
    recwarn.clear()
    deidentify_file(buffer.getvalue(), KEY)
    assert list(recwarn) == []


def test_an_error_of_the_reader_is_not_quoted(monkeypatch):
    def quote(*arguments, **options):
        raise ValueError("no date: Doe")

    monkeypatch.setattr(module, "dcmread", quote)
    with pytest.raises(RefusedError) as refusal:
        deidentify_file(mammogram(pixels=PIXELS), KEY)
    assert str(refusal.value).endswith("found ValueError")
    assert refusal.value.__suppress_context__ and refusal.value.__cause__ is None


def test_pixels_of_eight_bits_survive_every_order_of_bytes():
    pixels = draw_breast((41, 33)).astype(np.uint8)
    dataset = opened(mammogram(pixels=pixels, BitsStored=8))
    for syntax in (ExplicitVRLittleEndian, ExplicitVRBigEndian):
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset["PixelData"].VR = "OB"
        buffer = BytesIO()
        pydicom.dcmwrite(buffer, dataset, implicit_vr=False, little_endian=syntax.is_little_endian)
        assert np.array_equal(opened(deidentify_file(buffer.getvalue(), KEY)).pixel_array, pixels)
