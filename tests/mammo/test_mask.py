"""The breast and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.mask import find_breast, map_breast, share_inside
from small_archive import draw_breast


def test_a_marker_is_not_the_breast():
    image = draw_breast() / 4095
    marked = image.copy()
    marked[10:30, 200:230] = 1.0
    assert not find_breast(marked.astype(np.float32))[10:30, 200:230].any()


def test_the_breast_is_found_to_its_edge():
    image = (draw_breast() / 4095).astype(np.float32)
    truth = draw_breast() > 100
    found = find_breast(image)
    assert (found & truth).sum() / (found | truth).sum() > 0.95


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_an_empty_exposure_is_refused(level):
    image = level + 0.001 * np.random.default_rng(0).normal(size=(200, 150))
    with pytest.raises(RefusedError):
        find_breast(image.astype(np.float32))


def test_the_map_tells_a_box_in_the_breast_from_one_in_the_air():
    mask = np.zeros((160, 80), bool)
    mask[40:120, :40] = True
    text = map_breast(mask)
    assert share_inside((50, 5, 70, 25), (1600, 800), text) == 0
    assert share_inside((500, 50, 700, 250), (1600, 800), text) == pytest.approx(1)
    assert share_inside((500, 300, 700, 500), (1600, 800), text) == pytest.approx(0.5)
    assert np.isnan(share_inside((0, 0, 1, 1), (10, 10), ""))
