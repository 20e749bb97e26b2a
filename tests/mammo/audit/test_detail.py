"""Slope and noise are those of tissue, wherever the air begins."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.audit.detail import DETAIL, describe_detail


def test_a_plane_has_its_slope_and_no_noise():
    plane = np.add.outer(100 * np.arange(40), 1000 + np.zeros(40)).astype(np.uint16)
    found = describe_detail(plane, 0, 0.05)
    assert found["gradient"] == pytest.approx(100 / 65535)
    assert found["noise"] == 0.0


def test_the_step_from_tissue_to_air_is_no_slope():
    image = np.zeros((40, 40), np.uint16)
    image[:, :20] = 50000
    assert describe_detail(image, 0, 0.7)["gradient"] == 0.0


def test_noise_of_dark_and_bright_tissue_is_told_apart():
    rng = np.random.default_rng(0)
    image = np.full((80, 80), 20000.0)
    image[:, 40:] = 40000
    image += np.where(np.arange(80) < 40, 100, 400) * rng.standard_normal((80, 80))
    found = describe_detail(image.astype(np.uint16), 0, 30000 / 65535)
    assert found["noise_bright"] > 1.5 * found["noise_dark"]


def test_nothing_is_measured_where_no_tissue_is():
    assert describe_detail(np.zeros((9, 9), np.uint16), 0, 0.0) == dict.fromkeys(DETAIL, 0.0)
