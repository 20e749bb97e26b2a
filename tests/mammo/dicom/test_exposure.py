"""How an image was exposed."""

from __future__ import annotations

import math

import pytest

from mammo_pipeline.mammo.dicom.exposure import read_exposure, read_exposure_mas


def test_an_exposure_is_read_from_a_real_units_values():
    tags = {
        "KVP": "26",
        "Exposure": "21",
        "ExposureInuAs": "20800",
        "AnodeTargetMaterial": "MOLYBDENUM",
        "FilterMaterial": "RHODIUM",
        "BodyPartThickness": "20",
        "CompressionForce": "30",
    }
    assert read_exposure(tags) == {
        "kvp": 26.0,
        "exposure_mas": 20.8,
        "target": "MOLYBDENUM",
        "filter": "RHODIUM",
        "thickness_mm": 20.0,
        "force_n": 30.0,
    }


def test_what_is_not_stated_or_impossible_is_nan_or_empty():
    tags = {"KVP": "-1", "BodyPartThickness": "thick", "FilterMaterial": "Doe"}
    exposure = read_exposure(tags)
    assert all(math.isnan(exposure[name]) for name in ("kvp", "thickness_mm", "exposure_mas"))
    assert (exposure["target"], exposure["filter"]) == ("", "other")
    assert read_exposure({"CompressionForce": "0"})["force_n"] == 0.0


@pytest.mark.parametrize(
    ("tags", "mas"),
    [
        ({"Exposure": "60"}, 60.0),
        ({"ExposureInuAs": "60400"}, 60.4),
        ({"Exposure": "0", "ExposureInuAs": "400"}, 0.4),
        ({"Exposure": "60", "ExposureInuAs": "60"}, 60.0),
        ({"Exposure": "60", "ExposureInuAs": "60400000"}, 60.0),
    ],
)
def test_the_finer_charge_stands_unless_its_unit_is_wrong(tags, mas):
    assert read_exposure_mas(tags) == pytest.approx(mas)
