"""Twins on the canvas: what differs is found, and what does not differ counts as nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import ndimage

from mammo_pipeline.mammo.audit import twins
from mammo_pipeline.mammo.audit.similarity import (
    compare_canvases,
    divide_by_noise,
    measure_nrmse,
    measure_ssim,
    measure_twins,
    tabulate_twins,
)
from mammo_pipeline.mammo.audit.twins import PlacedTwin, Standardize, draw_twins
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.mammo.phantom.devices import DEVICES

HERE, THERE = "siemens_inspiration", "giotto_image"  # of one matrix spacing, stored alike
SPACING_MM = 0.8
TWINS = draw_twins(2, 3)


def place(grey: np.ndarray, lesion_mm=(10.0, 20.0), wall_mm=(0.0, 0.0)) -> PlacedTwin:
    where = np.array([lesion_mm]), np.array(wall_mm)
    return PlacedTwin(grey.astype(np.float32), *where, np.ones(2))


def draw_grey(seed: int = 0) -> np.ndarray:
    grey = np.zeros((60, 50))
    grey[10:50, :30] = np.random.default_rng(seed).uniform(0.3, 0.7, (40, 30))
    return grey


def sample(values: np.ndarray, transform: Transform) -> np.ndarray:
    scales = np.array([transform.row_scale, transform.column_scale])
    offsets = np.array([transform.row_offset, transform.column_offset])
    first = (0.5 - offsets) / scales - 0.5
    return ndimage.affine_transform(values, 1 / scales, first, (400, 300), order=1, cval=-1.0)


def make_standard(wrong: str = "", shift_px: int = 0) -> Standardize:
    """A plain standard, true to the header; the images of one device may be laid lower."""

    def standardize(content, image):
        _, stored = decode_pixels(content)
        scale = image["row_spacing_mm"] / SPACING_MM
        mirrored = image["laterality"] == "R"
        # Two devices may record other rows of the frame: the middle of the field is the place.
        top = 150 - scale * stored.shape[0] / 2 if image["view"] == "CC" else 0.0
        transform = Transform(
            scale,
            top + (shift_px if image["device"] == wrong else 0),
            -scale if mirrored else scale,
            scale * stored.shape[1] if mirrored else 0.0,
        )
        low, high = np.quantile(stored, [0.3, 0.99])
        grey = sample((stored - low) / (high - low), transform)
        canvas = np.where(grey > 0.2, np.clip(np.rint(grey * 40000), 1, 65535), 0)
        return canvas.astype(np.uint16), {"code": "accepted", **asdict(transform)}

    return standardize


def measure(standardize, devices=(HERE, THERE), breasts=TWINS):
    rows = list(measure_twins(breasts, devices, 8, standardize, SPACING_MM))
    return tabulate_twins(rows, 100, np.random.default_rng(0))


def test_identical_images_do_not_differ_at_all():
    found = compare_canvases(place(draw_grey()), place(draw_grey()))
    assert found == dict.fromkeys(found, 0.0)
    cube = np.full((3, 2, 2), found["nrmse"])
    assert (divide_by_noise(cube, 2)[:, 0, 1] == 0.0).all()


def test_noise_alone_has_a_ratio_of_one():
    own = np.array([[[3.0, 0.0], [0.0, 4.0]]])
    own[0, 0, 1] = own[0, 1, 0] = np.sqrt((9 + 16) / 2)
    assert divide_by_noise(own, 2)[0, 0, 1] == pytest.approx(1.0)
    # Independent noise of two strengths on one breast, as two devices would have it.
    breast, rng = draw_grey(), np.random.default_rng(1)
    where = breast > 0

    def differ(one, other):
        noise = [breast + level * rng.standard_normal(breast.shape) for level in (one, other)]
        return measure_nrmse(*noise, where)

    cube = np.array([[[differ(0.01, 0.01), differ(0.01, 0.03)], [np.nan, differ(0.03, 0.03)]]] * 1)
    cube[0, 1, 0] = cube[0, 0, 1]
    assert divide_by_noise(cube, 2)[0, 0, 1] == pytest.approx(1.0, abs=0.05)


def test_a_shift_of_three_pixels_is_found():
    grey = draw_grey()
    moved = place(np.roll(grey, 3, axis=0), (13.0, 20.0), (3.0, 0.0))
    found = compare_canvases(place(grey), moved)
    assert found["placement_mm"] == found["lesion_mm"] == pytest.approx(3.0)
    assert found["area_share"] == pytest.approx(1 - 37 / 43)
    assert found["nrmse"] > 1.0 and found["dissimilarity"] > 0.2


def test_similarity_falls_with_noise_and_is_blind_to_what_lies_elsewhere():
    grey, rng = draw_grey(), np.random.default_rng(2)
    where = grey > 0
    little, much = (grey + s * rng.standard_normal(grey.shape) for s in (0.01, 0.1))
    assert 1 > measure_ssim(grey, little, where) > 0.95 > measure_ssim(grey, much, where)
    far = np.zeros(grey.shape, bool)
    far[20:40, 5:20] = True
    other = grey.copy()
    other[:, 40:] = 0.9
    assert measure_ssim(grey, other, far) == pytest.approx(1.0, abs=1e-12)


def test_similarity_is_what_the_paper_says_of_two_flat_pictures():
    # Without structure the index is (2 a b + C1) / (a^2 + b^2 + C1).
    a, b = np.full((20, 20), 0.5), np.full((20, 20), 0.25)
    expected = (2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4)
    everywhere = np.ones((20, 20), bool)
    assert measure_ssim(a, b, everywhere) == pytest.approx(expected, rel=1e-6)
    # Each pixel counts the same: alike on the left half, unlike on the right.
    b[:, :10] = 0.5
    edges = np.zeros((20, 20), bool)
    edges[:, [0, 19]] = True
    assert measure_ssim(a, b, edges) == pytest.approx((1 + expected) / 2, rel=1e-3)


@pytest.fixture(scope="module")
def clean():
    return measure(make_standard())


def test_a_clean_pair_has_its_lesions_in_one_place(clean):
    assert clean["differences"]["lesion_mm"]["value"] < 0.5
    assert clean["differences"]["scale_share"]["value"] < 1e-6
    assert clean["twins"] == 2 and clean["refused"] == {}


def test_a_spacing_error_of_two_percent_in_a_header_is_found(clean, monkeypatch):
    describe = twins.describe_view

    def misstate(woman, exam, laterality, view, binning):
        tags = describe(woman, exam, laterality, view, binning)
        if exam.device == THERE:
            tags["ImagerPixelSpacing"] = [f"{float(tags['ImagerPixelSpacing'][0]) * 1.02:.9g}"] * 2
        return tags

    monkeypatch.setattr(twins, "describe_view", misstate)
    planted = measure(make_standard())
    assert planted["differences"]["scale_share"]["value"] == pytest.approx(0.02, abs=1e-3)
    gain = planted["differences"]["lesion_mm"]["value"] - clean["differences"]["lesion_mm"]["value"]
    assert gain > 0.5
    for figure in ("nrmse", "dissimilarity"):
        assert planted["ratios"][figure]["value"] > 1.15 * clean["ratios"][figure]["value"]


def test_an_image_laid_three_pixels_lower_is_found(clean):
    planted = measure(make_standard(wrong="IMS Giotto Image 3DL", shift_px=3))
    moved_mm = (
        planted["differences"]["placement_mm"]["value"]
        - clean["differences"]["placement_mm"]["value"]
    )
    assert moved_mm > 2 * SPACING_MM
    assert planted["ratios"]["nrmse"]["value"] > 1.3 * clean["ratios"]["nrmse"]["value"]


def test_a_table_is_symmetric_names_the_worst_and_is_json(clean):
    figure = clean["ratios"]["nrmse"]
    assert figure["matrix"][0][1] == figure["matrix"][1][0] == pytest.approx(figure["value"])
    assert figure["matrix"][0][0] is None
    assert figure["worst"][HERE] == {"with": THERE, "value": figure["matrix"][0][1]}
    assert figure["low"] <= figure["value"] <= figure["high"] and figure["n"] == 2
    assert json.loads(json.dumps(clean, allow_nan=False)) == clean


def test_a_refused_image_is_counted_and_the_rest_is_measured():
    standardize = make_standard()

    def refuse_one(content, image):
        if image["device"] == "GE Senographe Pristina":
            return None, {"code": "no_breast"}
        return standardize(content, image)

    table = measure(refuse_one, (HERE, THERE, "ge_pristina"), TWINS[:1])
    assert table["refused"] == {"no_breast": 3}
    assert table["ratios"]["nrmse"]["value"] is not None
    assert table["ratios"]["nrmse"]["worst"]["ge_pristina"]["value"] is None
    assert [row[2] for row in table["differences"]["lesion_mm"]["matrix"]] == [None] * 3
    nothing = measure(lambda content, image: (None, {"code": "no_breast"}), (HERE,), TWINS[:1])
    assert nothing["ratios"]["nrmse"]["value"] is None
    assert nothing["ratios"]["nrmse"]["reason"] == "no pair was accepted"


def test_a_difference_without_noise_is_not_a_number():
    rows = [
        {"twin": 0, "one": a, "other": b, "code": "accepted", "nrmse": v, "dissimilarity": v,
         "area_share": 0.0, "lesion_mm": 0.0, "placement_mm": 0.0, "scale_share": 0.0}
        for a, b, v in (("x", "x", 0.0), ("x", "y", 1.0), ("y", "y", 0.0))
    ]  # fmt: skip
    figure = tabulate_twins(rows, 10, np.random.default_rng(0))["ratios"]["nrmse"]
    assert figure["value"] is None and "do not differ" in figure["reason"]


def test_scales_are_compared_by_their_ratio():
    one = place(draw_grey())
    other = replace(one, scales=np.array([1.0, 1.02]))
    assert compare_canvases(other, one)["scale_share"] == pytest.approx(0.02)


def test_the_devices_of_these_tests_exist():
    assert {HERE, THERE} <= set(DEVICES)
