"""A leak planted in one device is found by the audit's part that is meant for it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.stats import norm

from mammo_pipeline.mammo.audit.features import GEOMETRY, STATISTICS, describe_image
from mammo_pipeline.mammo.audit.network import extract_features
from mammo_pipeline.mammo.audit.planted import plant_brightness, plant_corner_mark
from mammo_pipeline.mammo.audit.probe import ProbeRule, probe_devices

RULE = ProbeRule(folds=3, draws=200, level=0.95, seed=0)
WOMEN = 72
DEVICES = pd.Series(np.repeat(np.array(["A", "B", "C"])[np.arange(WOMEN) % 3], 2))
PATIENTS = pd.Series(np.repeat(np.arange(WOMEN), 2)).astype(str)


@cache
def canvases() -> tuple[np.ndarray, ...]:
    """Returns two canvases a woman: breasts of her size, their grey brought to one distribution."""
    rng = np.random.default_rng(0)
    size = np.repeat(rng.uniform(0.7, 1.0, WOMEN), 2)
    return tuple(draw_canvas(rng, float(s)) for s in size)


def draw_canvas(rng: np.random.Generator, size: float) -> np.ndarray:
    rows, columns = np.mgrid[:144, :112]
    inside = ((rows - 72) / (60 * size)) ** 2 + (columns / (90 * size)) ** 2 < 1
    texture = ndimage.gaussian_filter(rng.standard_normal(inside.shape), 2.0)
    texture += 0.02 * rng.standard_normal(inside.shape)
    ranks = texture[inside].argsort().argsort()
    image = np.zeros(inside.shape, np.uint16)
    grey = 0.5 + 0.15 * norm.ppf((ranks + 0.5) / ranks.size)
    image[inside] = np.clip(65535 * grey, 1, 65535)
    return image


def probe(family: str, plant) -> dict:
    images = [
        plant(image) if device == "C" else image
        for image, device in zip(canvases(), DEVICES, strict=True)
    ]
    if family == "network":
        features = np.array([extract_features(image, 0) for image in images])
    else:
        names = GEOMETRY if family == "geometry" else STATISTICS
        found = [describe_image(image, 0, (1.6, 1.6)).features for image in images]
        features = np.array([[one[name] for name in names] for one in found])
    return probe_devices(features, DEVICES, PATIENTS, np.ones(len(DEVICES)), RULE)


def leave(image: np.ndarray) -> np.ndarray:
    return image


def mark(image: np.ndarray) -> np.ndarray:
    return plant_corner_mark(image, 655, 6)


def brighten(image: np.ndarray) -> np.ndarray:
    return plant_brightness(image, 0.01)


@pytest.mark.parametrize("family", ["geometry", "statistics", "network"])
def test_without_a_plant_no_probe_fires(family):
    figure = probe(family, leave)
    assert figure["low"] < 0.5 < figure["high"]


@pytest.mark.parametrize("family", ["geometry", "network"])
def test_a_faint_mark_in_the_corner_is_found(family):
    figure = probe(family, mark)
    assert figure["low"] > 0.55
    assert figure["by_device"]["C"] > 0.95


def test_one_per_cent_of_brightness_is_found_in_the_statistics():
    figure = probe("statistics", brighten)
    assert figure["low"] > 0.55
    assert figure["by_device"]["C"] > 0.95


def test_a_plant_changes_only_what_it_says_and_not_its_input():
    image = canvases()[0]
    kept = image.copy()
    marked, brighter = mark(image), brighten(image)
    assert (image == kept).all()
    assert (marked != image).sum() == 36
    assert ((brighter > 0) == (image > 0)).all()
    assert np.median(brighter[image > 0] - image[image > 0].astype(int)) == 655
