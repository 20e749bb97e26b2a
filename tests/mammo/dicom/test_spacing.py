"""How large a pixel is at the breast."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.dicom.spacing import read_pair_mm, read_spacing_mm
from mammo_pipeline.mammo.fates import RefusedError


@pytest.mark.parametrize(
    "written",
    [["0.07", "0.07"], "[0.07, 0.07]", "0.07", "0,07", ["0,07", "0,07"], "0.07 0.07", "('0.07',)"],
)
def test_spacing_is_read_in_every_way_it_is_written(written):
    assert read_spacing_mm({"ImagerPixelSpacing": written}, "unknown") == (0.07, 0.07, "header")


@pytest.mark.parametrize(
    "written",
    [["0", "0"], ["74.7", "46.6"], ["nan", "0.1"], "", "about 0.07", ["-0.07", "-0.07"], "1 2 3"],
)
def test_an_impossible_spacing_is_as_good_as_none(written):
    assert read_pair_mm({"ImagerPixelSpacing": written}, "ImagerPixelSpacing") is None
    with pytest.raises(RefusedError):
        read_spacing_mm({"ImagerPixelSpacing": written}, "unknown")


def test_rows_and_columns_keep_their_own_spacing():
    assert read_pair_mm({"PixelSpacing": ["0.05", "0.06"]}, "PixelSpacing") == (0.05, 0.06)


def test_spacing_is_divided_by_the_magnification():
    tags = {"ImagerPixelSpacing": "0.1", "EstimatedRadiographicMagnificationFactor": "1.8"}
    row_mm, column_mm, source = read_spacing_mm(tags, "unknown")
    assert (row_mm, column_mm) == (pytest.approx(0.1 / 1.8),) * 2
    assert source == "header"


@pytest.mark.parametrize("factor", ["", "0", "0.5", "9", "none"])
def test_an_impossible_magnification_is_none(factor):
    tags = {"ImagerPixelSpacing": "0.1", "EstimatedRadiographicMagnificationFactor": factor}
    assert read_spacing_mm(tags, "unknown")[0] == 0.1


def test_pixel_spacing_counts_only_calibrated():
    tags = {"PixelSpacing": ["0.1", "0.1"]}
    with pytest.raises(RefusedError):
        read_spacing_mm(tags, "unknown")
    calibrated = {**tags, "PixelSpacingCalibrationType": "GEOMETRY"}
    assert read_spacing_mm(calibrated, "unknown") == (0.1, 0.1, "calibrated")


def test_a_known_device_supplies_its_spacing_and_then_the_user():
    assert read_spacing_mm({}, "GE Senographe Pristina", 0.2) == (0.1, 0.1, "device")
    assert read_spacing_mm({}, "unknown", 0.2) == (0.2, 0.2, "stated")


def test_the_header_comes_first_then_the_device_then_the_user_then_the_refusal():
    sources = [
        ({"ImagerPixelSpacing": "0.07"}, "header"),
        ({"PixelSpacing": "0.08", "PixelSpacingCalibrationType": "GEOMETRY"}, "calibrated"),
    ]
    told = [(tags, "GE Senographe Pristina", 0.2, source) for tags, source in sources]
    told += [({}, "GE Senographe Pristina", 0.2, "device"), ({}, "unknown", 0.2, "stated")]
    for tags, device, stated_mm, source in told:
        assert read_spacing_mm(tags, device, stated_mm)[2] == source
    for stated_mm in (None, 0.0):
        with pytest.raises(RefusedError) as refusal:
            read_spacing_mm({}, "unknown", stated_mm)
        assert refusal.value.code == "no_spacing"


def test_a_refusal_names_no_device_of_an_unlisted_maker():
    with pytest.raises(RefusedError) as refusal:
        read_spacing_mm({}, "Unit of Dr. Doe")
    assert "Doe" not in refusal.value.found
