"""How vendors write one attribute, and what it means."""

from __future__ import annotations

import math

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mammo_pipeline.mammo.dicom import attributes
from mammo_pipeline.mammo.fates import RefusedError


def header(**tags: object) -> Dataset:
    dataset = Dataset()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def view_code(value: str, *modifiers: str) -> Sequence:
    item = header(CodeValue=value, CodeMeaning=value)
    item.ViewModifierCodeSequence = Sequence([header(CodeValue=code) for code in modifiers])
    return Sequence([item])


def test_the_view_code_wins_over_the_string():
    assert (
        attributes.read_view(header(ViewPosition="CC", ViewCodeSequence=view_code("R-10226")))
        == "MLO"
    )


@pytest.mark.parametrize("modifier", ["R-102D7", "399163009"])
def test_a_magnified_or_spot_view_is_no_standard_view(modifier):
    with pytest.raises(RefusedError):
        attributes.read_view(header(ViewCodeSequence=view_code("R-10242", modifier)))


def test_an_implant_displaced_view_is_a_whole_breast():
    assert attributes.read_view(header(ViewCodeSequence=view_code("R-10242", "R-102D5"))) == "CC"


def test_spacing_is_divided_by_the_magnification():
    row_mm, _, source = attributes.read_spacing_mm(
        header(ImagerPixelSpacing=[0.1, 0.1], EstimatedRadiographicMagnificationFactor=1.8), "x"
    )
    assert row_mm == pytest.approx(0.1 / 1.8)
    assert source == "header"


def test_uncalibrated_pixel_spacing_is_not_believed():
    with pytest.raises(RefusedError):
        attributes.read_spacing_mm(header(PixelSpacing=[0.1, 0.1]), "unknown")


def test_a_known_device_supplies_its_spacing():
    spacing = attributes.read_spacing_mm(header(), "GE Senographe Pristina", stated_mm=0.2)
    assert spacing == (0.1, 0.1, "device")


@pytest.mark.parametrize("bad", [[0.0, 0.0], [74.7, 46.6], [float("nan"), 0.1]])
def test_an_impossible_spacing_is_as_good_as_none(bad):
    dataset = Dataset()
    dataset.ImagerPixelSpacing = [str(v) for v in bad] if math.isfinite(bad[0]) else None
    with pytest.raises(RefusedError):
        attributes.read_spacing_mm(dataset, "unknown")


@pytest.mark.parametrize(
    ("maker", "model", "device"),
    [
        ("HOLOGIC, Inc.", "Selenia Dimensions", "Hologic Selenia Dimensions"),
        ("GE MEDICAL SYSTEMS", "Senograph DS ADS_43.10.1", "GE Senograph DS"),
        ("SIEMENS", "MAMMOMAT Inspiration", "Siemens Mammomat Inspiration"),
        ("", "", "unknown"),
    ],
)
def test_a_device_has_one_spelling(maker, model, device):
    assert attributes.read_device(header(Manufacturer=maker, ManufacturerModelName=model)) == device


def test_laterality_falls_back_to_the_older_attribute():
    assert attributes.read_laterality(header(Laterality="R")) == "R"
