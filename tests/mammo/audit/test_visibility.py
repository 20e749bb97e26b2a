"""Detectability: that of the formula where the answer is known, lower where an image is blurred."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import ndimage

from mammo_pipeline.mammo.audit.lesions_kept import read_back
from mammo_pipeline.mammo.audit.twins import draw_twin_anatomy, draw_twins
from mammo_pipeline.mammo.audit.visibility import (
    BEFORE,
    REGION_MM,
    detect,
    draw_calcification,
    isolate_signal,
    list_regions,
    measure_spectrum,
    measure_visibility,
    tabulate_visibility,
)
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.mammo.phantom.lesions import render_lesion
from mammo_pipeline.mammo.phantom.shape import measure_skin_distance

TWINS = draw_twins(2, 3)
SPACING_MM = 0.8


def draw_spot(spacing_mm: float, noise: float, seed: int = 0, side_mm: float = 40.0):
    """A blob of 1 and 0.5 mm in the middle of white noise of a given density, and where it lies."""
    size = round(side_mm / spacing_mm)
    place = (np.arange(size) + 0.5) * spacing_mm - side_mm / 2
    blob = np.exp(-0.5 * (place[:, None] ** 2 + place**2) / 0.5**2)
    grain = np.random.default_rng(seed).standard_normal((size, size)) * noise / spacing_mm
    steps = np.arange(-9, 10, 3) / spacing_mm + size / 2
    middles = np.array([[a, b] for a in steps for b in steps])
    points = np.vstack([[size / 2, size / 2], middles])
    return grain + blob, grain, points


def test_without_a_lesion_nothing_is_detected():
    _, bare, points = draw_spot(0.2, 0.1)
    assert detect(bare, bare, points, 0.2) == {"ideal": 0.0, "reader": 0.0}


@pytest.mark.parametrize("spacing_mm", [0.1, 0.2])
def test_in_white_noise_the_ideal_observer_is_the_matched_filter(spacing_mm):
    # d'^2 = integral s^2 / density; the integral of exp(-r^2 / w^2) is pi w^2, with w = 0.5.
    marked, bare, points = draw_spot(spacing_mm, noise=0.2)
    expected = np.sqrt(np.pi * 0.5**2) / 0.2
    assert detect(marked, bare, points, spacing_mm)["ideal"] == pytest.approx(expected, rel=0.1)


def test_twice_the_noise_halves_what_is_detected():
    little, much = (detect(*draw_spot(0.2, noise), 0.2) for noise in (0.1, 0.2))
    for observer in little:
        assert much[observer] == pytest.approx(little[observer] / 2, rel=0.02)


def test_a_blur_costs_the_reader_and_spares_the_ideal_observer():
    marked, bare, points = draw_spot(0.2, 0.02)
    texture = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal(bare.shape), 6)
    marked, bare = (image + texture * 2 / texture.std() for image in (marked, bare))
    sharp = detect(marked, bare, points, 0.2)
    blurred = [ndimage.gaussian_filter(image, 2) for image in (marked, bare)]
    soft = detect(*blurred, points, 0.2)
    assert soft["ideal"] > 0.8 * sharp["ideal"]
    assert soft["reader"] < 0.6 * sharp["reader"]


def test_a_reader_never_sees_more_than_the_ideal_observer():
    for noise in (0.05, 0.5):
        found = detect(*draw_spot(0.2, noise), 0.2)
        assert 0 < found["reader"] <= found["ideal"]


def test_a_region_that_reaches_off_the_image_gives_no_figure():
    marked, bare, points = draw_spot(0.2, 0.1)
    points[0] = 5.0
    assert np.isnan(detect(marked, bare, points, 0.2)["ideal"])
    assert np.isnan(detect(marked, bare, points[:1], 0.2)["reader"])


def test_what_a_lesion_does_to_the_rest_of_the_breast_is_no_signal():
    size = 64
    change = np.full((size, size), 0.25)
    change[32, 32] += 1.0
    found = isolate_signal(change, 0.2)
    assert found.sum() == pytest.approx(1.0)
    assert found[32, 32] == pytest.approx(1.0)


def test_the_spectrum_of_white_noise_is_its_density():
    grain = np.random.default_rng(1).standard_normal((40, 64, 64)) * 0.3
    power = measure_spectrum(list(grain), 0.2)
    assert power[1:, 1:].mean() == pytest.approx(0.3**2 * 0.2**2, rel=0.03)


def test_regions_hold_tissue_alone():
    y, x = np.mgrid[-1:1:9j, -1:1:9j] * REGION_MM / 2
    for twin in TWINS:
        shape = twin.woman.breasts[twin.laterality].shapes[twin.view]
        inner = replace(draw_calcification(twin, 0.3), x_mm=shape.depth_mm / 2, y_mm=0.0)
        outer = replace(inner, x_mm=shape.depth_mm - 8)
        for spot, fewest, most in ((inner, 25, 25), (outer, 1, 20)):
            regions = list_regions(shape, spot)
            assert fewest <= len(regions) <= most
            for y_mm, x_mm in regions:
                assert (measure_skin_distance(shape, x + x_mm, y + y_mm) > 2).all()
                assert (x + x_mm > 0).all() and (y + y_mm > shape.top_mm).all()
        off = replace(inner, x_mm=shape.depth_mm + 40)
        assert list_regions(shape, off).shape == (0, 2)


@pytest.mark.parametrize("count", [1, 6])
def test_so_many_calcifications_are_drawn_as_asked(count):
    spot = draw_calcification(TWINS[0], 0.3, count)
    anatomy = draw_twin_anatomy(TWINS[0], 2, (spot,))
    _, profile = render_lesion(spot, anatomy.grid)
    assert ndimage.label(profile > 0.3)[1] == count


def show(content, image):
    _, stored = decode_pixels(content)
    return (stored / np.float32(4095)).astype(np.float32)


def make_standard(blur_px: float):
    def standardize(content, image):
        if image["device"] == "unwanted":
            return None, {"code": "no_breast"}
        shown = ndimage.gaussian_filter(show(content, image), blur_px)
        scale = image["row_spacing_mm"] / SPACING_MM
        transform = Transform(scale, 0.0, scale, 0.0)
        rows, columns = read_back(transform, (320, 300), shown.shape)
        canvas = np.rint(np.clip(shown[np.ix_(rows, columns)], 0, 1) * 65535).astype(np.uint16)
        return canvas, {"code": "accepted", **asdict(transform)}

    return standardize


@pytest.fixture(scope="module")
def rows():
    settings = {"plain": make_standard(0.5), "soft": make_standard(2.0)}
    devices = ("siemens_inspiration", "hologic_dimensions")
    return list(measure_visibility(TWINS, devices, 8, settings, show, SPACING_MM, radius_mm=0.7))


def test_a_softer_setting_shows_less(rows):
    table = tabulate_visibility(rows, 100, np.random.default_rng(0))
    assert list(table["settings"]) == [BEFORE, "plain", "soft"]
    kept = {name: figures["reader"]["kept"] for name, figures in table["settings"].items()}
    assert kept[BEFORE]["value"] == 1.0
    assert kept["soft"]["high"] < 0.8 * kept["plain"]["low"]
    assert kept["soft"]["n"] == 2
    assert set(table["settings"]["soft"]["reader"]["by_device"]) == {
        "siemens_inspiration", "hologic_dimensions",
    }  # fmt: skip
    assert json.loads(json.dumps(table, allow_nan=False)) == table


def test_refused_images_are_counted(rows):
    refused = [
        row if row["setting"] != "soft" else {**row, "ideal": np.nan, "reader": np.nan}
        for row in rows
    ]
    table = tabulate_visibility(refused, 10, np.random.default_rng(0))
    assert table["unmeasured"] == {BEFORE: 0, "plain": 0, "soft": 4}
    assert table["settings"]["soft"]["ideal"]["kept"]["value"] is None
