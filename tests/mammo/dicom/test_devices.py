"""One spelling for each device."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.dicom import devices


@pytest.mark.parametrize(
    ("maker", "model", "device"),
    [
        ("HOLOGIC, Inc.", "Selenia Dimensions", "Hologic Selenia Dimensions"),
        ("GE MEDICAL SYSTEMS", "Senograph DS ADS_43.10.1", "GE Senograph DS"),
        ("SIEMENS", "MAMMOMAT Inspiration", "Siemens Mammomat Inspiration"),
        ("IMS GIOTTO S.p.A.", "Giotto Image 3DL", "IMS Giotto Image 3DL"),
        ("", "", "unknown"),
    ],
)
def test_a_device_has_one_spelling(maker, model, device):
    tags = {"Manufacturer": maker, "ManufacturerModelName": model}
    assert devices.read_device(tags) == device


def test_a_device_without_attributes_is_unknown_and_a_long_text_is_cut():
    assert devices.read_device({}) == "unknown"
    assert len(devices.read_device({"ManufacturerModelName": "x" * 999})) <= 64
    assert "<" not in devices.read_device({"Manufacturer": "<b>GE</b>"})


@pytest.mark.parametrize(
    ("written", "read"), [("direct", "DIRECT"), ("CRYSTAL BALL", "other"), ("", "")]
)
def test_a_detector_is_of_the_standards_list(written, read):
    assert devices.read_detector({"DetectorType": written}) == read


def test_software_is_its_version_numbers():
    written = ["AWS:MAMMODR_3_4_1_8", "PXCM:1.4.0.7", "site of Doe", "MRN4711", "1.4.0.7"]
    tags = {"SoftwareVersions": written}
    assert devices.read_software(tags) == "MAMMODR_3_4_1_8 1.4.0.7"
    assert devices.read_software({}) == ""
    assert len(devices.read_software({"SoftwareVersions": [f"{n}.0" for n in range(99)]})) <= 64
