"""What a device is known to write is told from what was cropped, resized or misnamed."""

from __future__ import annotations

import pandas as pd
import pytest

from mammo_pipeline.mammo.contract.detectors import (
    Detector,
    find_detector,
    find_modes,
    has_listed_matrix,
    has_native_spacing,
    match_modes,
)
from mammo_pipeline.mammo.phantom.devices import DEVICES

PRISTINA = "GE Senographe Pristina"


def mode(rows, columns, spacing):
    sizes = {"rows_px": rows, "columns_px": columns}
    return sizes | {"row_spacing_mm": spacing, "column_spacing_mm": spacing}


@pytest.mark.parametrize(
    ("device", "size", "listed", "native"),
    [
        ("Hologic Selenia Dimensions", (4096, 3328, 0.065), "yes", "yes"),
        ("Hologic Selenia Dimensions", (3328, 2560, 0.07 / 1.073), "yes", "yes"),
        ("Hologic Selenia Dimensions", (3328, 2561, 0.07), "no", "yes"),
        ("Hologic Selenia Dimensions", (1664, 1280, 0.14), "yes", "no"),
        ("Hologic Selenia Dimensions", (1664, 1664, 0.14), "no", "no"),
        ("Hologic Selenia Dimensions", (1664, 1190, 0.14), "no", "no"),
        (PRISTINA, (3062, 2394, 0.1 / 1.08), "yes", "yes"),
        ("GE Senographe Ds", (2294, 1914, 0.094090909), "yes", "yes"),
        (PRISTINA, (3062, 2394, 0.1), "yes", "yes"),
        (PRISTINA, (3518, 2800, 0.085), "no", "no"),
        ("IMS Giotto Image 3DL", (3000, 2000, 0.085), None, "yes"),
        ("Acme One", (3000, 2000, 0.085), None, None),
    ],
)
def test_a_mode_is_judged_by_matrix_at_native_spacing_and_by_field_below(
    device, size, listed, native
):
    detector = find_detector(device)
    assert has_listed_matrix(detector, mode(*size)) == listed
    assert has_native_spacing(detector, mode(*size)) == native


@pytest.mark.parametrize("binning", [1, 4, 8])
@pytest.mark.parametrize("profile", DEVICES.values(), ids=list(DEVICES))
def test_every_phantom_device_is_on_the_list_at_every_binning(profile, binning):
    known = {"GE": "GE", "IMS": "IMS"}.get(profile.manufacturer.split()[0], "")
    detector = find_detector(f"{known or profile.manufacturer} {profile.model}")
    rows, columns = profile.rows // binning, profile.columns // binning
    spacing = profile.spacing_mm * binning / profile.magnification
    assert has_listed_matrix(detector, mode(rows, columns, spacing)) == "yes"


def test_a_sites_own_entry_comes_first():
    own = Detector(("acme",), ((3000, 2000),), (0.085, 0.085))
    assert find_detector("Acme One", [own]) is own


def test_the_modes_of_a_device_are_counted_and_given_back_to_the_images():
    rows = [mode(3062, 2394, 0.1)] * 3 + [mode(1000, 800, 0.1)]
    images = pd.DataFrame(rows, index=[4, 5, 6, 7]).assign(device=PRISTINA)
    modes = find_modes(images)
    assert modes["images"].tolist() == [3, 1] and modes["share"].tolist() == [0.75, 0.25]
    matched = match_modes(images, modes)
    assert matched["matrix_listed"].to_dict() == {4: "yes", 5: "yes", 6: "yes", 7: "no"}


def test_images_without_a_spacing_are_a_mode_of_which_nothing_is_known():
    images = pd.DataFrame([mode(3062, 2394, None)]).assign(device=PRISTINA)
    assert find_modes(images)["listed"].tolist() == [None]
