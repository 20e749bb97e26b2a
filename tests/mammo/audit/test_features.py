"""Every trace that a device may leave has a number, and nothing else moves it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mammo_pipeline.mammo.audit.features import (
    FRAME,
    GEOMETRY,
    STATISTICS,
    describe_frame,
    describe_image,
    find_air_level,
)

SPACING = (0.8, 0.8)


def canvas(grey: int = 30000, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:288, :216]
    inside = ((rows - 144) / 108) ** 2 + (columns / 144) ** 2 < 1
    values = grey + noise * rng.standard_normal(inside.shape)
    return np.where(inside, np.clip(values, 1, 65535), 0).astype(np.uint16)


def features(image: np.ndarray) -> dict[str, float]:
    return describe_image(image, 0, SPACING).features


def test_every_feature_is_named_once_and_finite_even_on_an_empty_canvas():
    for image in (np.zeros((64, 48), np.uint16), canvas(), np.full((8, 8), 7, np.uint16)):
        found = features(image)
        assert list(found) == [*GEOMETRY, *STATISTICS]
        assert np.isfinite(list(found.values())).all()


def test_the_frame_is_told_in_pixels_and_millimetres():
    frame = describe_frame(
        {"rows_px": 3328, "columns_px": 2560, "row_spacing_mm": 0.07, "column_spacing_mm": 0.07}
    )
    assert list(frame) == list(FRAME)
    assert frame["aspect"] == 1.3
    assert frame["field_height_mm"] == pytest.approx(232.96)


def test_a_faint_mark_moves_its_corner_and_no_statistic():
    plain, marked = canvas(), canvas()
    marked[:8, -8:] = 655
    before, after = features(plain), features(marked)
    assert after["corner_top"] > 0.003 > before["corner_top"]
    assert after["corner_bottom"] == before["corner_bottom"]
    assert all(abs(after[name] - before[name]) < 0.02 for name in ("q50", "depth_3", "noise"))


def test_noise_is_measured_in_the_grey_of_its_spread():
    found = features(canvas(noise=600.0))
    assert found["noise"] == pytest.approx(0.6745 * 600 / 65535, rel=0.25)
    assert found["noise_dark"] == pytest.approx(found["noise_bright"], rel=0.2)
    assert features(canvas(noise=1200.0))["noise"] == pytest.approx(2 * found["noise"], rel=0.05)


def test_brightness_moves_grey_and_not_geometry():
    dark, bright = features(canvas(30000, 500.0)), features(canvas(30655, 500.0))
    assert bright["q50"] - dark["q50"] == pytest.approx(0.01, abs=0.0005)
    apart = set(GEOMETRY) - {"border_wall", "border_wall_spread"}
    assert all(bright[name] == dark[name] for name in apart if "wall" not in name)


def test_a_brighter_skin_line_is_seen_below_the_outline_alone():
    image = canvas()
    rim = np.where(image > 0, 30000, 0).astype(np.uint16)
    rim[(image > 0) & ~ndimage.binary_erosion(image > 0, iterations=2, border_value=1)] = 40000
    plain, edged = features(image), features(rim)
    assert edged["rim"] > plain["rim"] + 0.1
    assert edged["depth_1"] > plain["depth_1"] + 0.05
    assert edged["depth_4"] == pytest.approx(plain["depth_4"])


def test_the_histogram_is_of_tissue_alone():
    shares = describe_image(canvas(32768 + 100), 0, SPACING).histogram
    assert shares[32] == 1.0 and shares.sum() == 1.0


def test_a_frame_with_noisy_air_is_tissue_above_its_air_only():
    rng = np.random.default_rng(0)
    frame = np.where(canvas() > 0, 30000, rng.integers(200, 400, (288, 216))).astype(np.uint16)
    level = find_air_level(frame)
    assert 400 < level < 30000
    share = describe_image(frame, level, SPACING).features["tissue_share"]
    assert share == (canvas() > 0).mean()
