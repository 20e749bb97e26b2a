"""Plain values of a header: pydicom's own values, whatever the encoding."""

from __future__ import annotations

import json
import logging
import warnings
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from header_files import dressed_mammogram, save, save_as_syntax, shipped_files
from mammo_pipeline.mammo.dicom.header import HEADER_KEYWORDS, parse_header, plain_value
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import mammogram

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def parse(content: bytes) -> dict:
    return parse_header(BytesIO(content)).values


def refusal_of(content: bytes) -> str:
    with pytest.raises(RefusedError) as refusal:
        parse(content)
    return refusal.value.code


def change(**tags: object) -> bytes:
    dataset = pydicom.dcmread(BytesIO(mammogram()))
    for keyword, value in tags.items():
        vr, text = value if isinstance(value, tuple) else ("", value)
        if vr:
            dataset.add_new(keyword, vr, text)
        else:
            setattr(dataset, keyword, text)
    return save(dataset)


def told_by_pydicom(dataset: Dataset, keywords: dict) -> dict:
    """What pydicom says itself, by another way than the one under test."""
    told = {}
    for element in dataset:
        if element.keyword not in keywords:
            continue
        if element.VR == "SQ":
            inner = keywords[element.keyword]
            told[element.keyword] = [told_by_pydicom(item, inner) for item in element.value]
        else:
            told[element.keyword] = plain_twin(element)
    return told


def plain_twin(element: pydicom.DataElement) -> object:
    if element.value is None or element.is_empty:
        return ""
    many = element.value if element.VM > 1 else [element.value]
    if element.VR in ("DS", "IS"):
        values = [getattr(v, "original_string", str(v)).strip(" \0") for v in many]
    else:
        values = [v if isinstance(v, int | float) else str(v).strip(" \0") for v in many]
    return values[0] if len(values) == 1 else values


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.name)
def test_every_value_is_pydicoms_own(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            told = told_by_pydicom(dataset, HEADER_KEYWORDS)
        except Exception:
            told = None
    try:
        with path.open("rb") as stream:
            header = parse_header(stream)
    except RefusedError as refusal:
        assert refusal.code == "unreadable_header"
        assert told is None or not ({"SOPClassUID"} <= told.keys() and dataset.file_meta)
        return
    meta = {k: str(dataset.file_meta[k].value) for k in header.values if k in dataset.file_meta}
    assert header.values == {**told, **meta}
    json.dumps(header.values)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("undefined", [True, False], ids=["undefined", "defined"])
def test_a_header_says_the_same_in_every_encoding(syntax, undefined):
    content = save_as_syntax(dressed_mammogram(undefined), syntax)
    values = parse(content)
    assert values["TransferSyntaxUID"] == syntax
    assert (values["Rows"], values["ImagerPixelSpacing"]) == (8, ["0.6", "0.6"])
    assert values["ViewCodeSequence"] == [
        {"CodeValue": "R-10226", "ViewModifierCodeSequence": [{"CodeValue": "R-102D5"}]}
    ]
    assert values["VOILUTSequence"] == [{"LUTExplanation": "NORMAL"}] * 2


def test_the_pixels_are_found_where_they_are():
    content = dressed_mammogram()
    assert content[parse_header(BytesIO(content)).pixels_at :][:4] == b"\xe0\x7f\x10\0"
    deflated = save_as_syntax(content, DeflatedExplicitVRLittleEndian)
    assert parse_header(BytesIO(deflated)).pixels_at == 0
    dataset = pydicom.dcmread(BytesIO(content))
    del dataset.PixelData
    assert parse_header(BytesIO(save(dataset))).pixels_at is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"0.07\\0.07 ", ["0.07", "0.07"]),
        (b"[0.07, 0.07]", "[0.07, 0.07]"),
        (b"0.07", "0.07"),
        (b"0,07", "0,07"),
        (b"about right ", "about right"),
        (b"", ""),
    ],
)
def test_a_decimal_string_stays_as_written(written, read):
    assert plain_value(written, "DS") == read
    content = mammogram(ImagerPixelSpacing="1" * len(written) or None)
    odd = content.replace(
        b"\x18\0\x64\x11DS" + len(written).to_bytes(2, "little") + b"1" * len(written),
        b"\x18\0\x64\x11DS" + len(written).to_bytes(2, "little") + written,
    )
    if written:
        assert parse(odd)["ImagerPixelSpacing"] == read


def test_a_second_number_is_kept_and_a_broken_one_refuses_the_file():
    assert parse(change(Rows=[300, 301]))["Rows"] == [300, 301]
    assert parse(change(Rows=("UL", 300)))["Rows"] == 300
    assert refusal_of(change(Rows=("OB", b"\1\2"))) == "unreadable_header"
    content = mammogram().replace(b"\x28\0\x10\0US\2\0\x2c\1", b"\x28\0\x10\0US\1\0\x2c")
    assert refusal_of(content) == "unreadable_header"


@pytest.mark.parametrize(
    ("charset", "name"),
    [("ISO_IR 100", "Vergrößerung"), ("ISO_IR 192", "拡大"), ("ISO_IR 144", "Увеличение")],
)
def test_text_is_decoded_by_its_character_set(charset, name):
    content = change(SpecificCharacterSet=charset, SeriesDescription=name)
    assert parse(content)["SeriesDescription"] == name


@pytest.mark.parametrize("charset", ["ISO_IR 999", "utf_16", ["", "ISO 2022 IR 87"], "\\\\"])
def test_a_strange_character_set_raises_nothing(charset):
    assert "PatientID" in parse(change(SpecificCharacterSet=charset))


def test_a_sequence_of_another_vr_refuses_the_file():
    assert refusal_of(change(ViewCodeSequence=("LO", "CC"))) == "unreadable_header"


def test_an_element_of_unknown_vr_is_read_by_its_tag():
    assert parse(change(KVP=("UN", b"28")))["KVP"] == "28"


@pytest.mark.parametrize("content", [b"", b"patient_id,laterality\n" * 20, b"\0" * 200])
def test_what_has_no_preamble_is_not_dicom(content):
    assert refusal_of(content) == "not_dicom"


def test_a_data_set_without_preamble_is_not_dicom():
    assert refusal_of(mammogram()[132:]) == "not_dicom"


def test_a_file_without_class_or_syntax_is_unreadable():
    dataset = pydicom.dcmread(BytesIO(mammogram()))
    del dataset.SOPClassUID, dataset.file_meta.MediaStorageSOPClassUID
    assert refusal_of(save(dataset)) == "unreadable_header"
    whole = mammogram()
    at = whole.index(b"\2\0\x10\0UI")
    without = whole[:at] + whole[at + 8 + whole[at + 6] :]
    assert refusal_of(without) == "unreadable_header"


def test_the_class_of_the_file_meta_serves_where_the_data_set_has_none():
    dataset = pydicom.dcmread(BytesIO(mammogram()))
    del dataset.SOPClassUID
    assert parse(save(dataset))["MediaStorageSOPClassUID"] == "1.2.840.10008.5.1.4.1.1.1.2"


def test_a_value_that_breaks_off_refuses_the_file():
    content = dressed_mammogram()
    at = content.index(b"\x54\0\x20\2SQ")
    assert refusal_of(content[: at + 20]) == "unreadable_header"


def test_no_word_of_a_damaged_file_reaches_a_log(caplog):
    content = change(SpecificCharacterSet="ISO_IR 100").replace(b"ISO_IR 100", b"SECRET DOE")
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert "SECRET" in str(parse(content))
    assert "SECRET" not in caplog.text + str([w.message for w in warned])


def test_a_chain_of_sequences_ten_thousand_deep_is_refused():
    item = b"\x54\0\x20\2SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    content = mammogram()
    at = content.index(b"\xe0\x7f\x10\0")
    assert refusal_of(content[:at] + item * 10000) == "unreadable_header"
