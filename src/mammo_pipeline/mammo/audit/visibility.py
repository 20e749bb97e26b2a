"""How visible a calcification is: known exactly, seen in the noise and texture of its own place.

The observer weighs each spatial frequency by what it tells (prewhitening matched filter, ICRU
Report 54, 1996) and adds noise of its own. With next to none it undoes any blur, and its figure
falls only where the image truly holds less. A reader's own noise is about as large as the picture's
(Burgess and Colborne, J Opt Soc Am A 5(4), 1988: 0.75 of it), so that what a blur has made faint is
seen less: as by a person, or by a net that has not learnt to sharpen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.audit.lesions_kept import Show
from mammo_pipeline.mammo.audit.twins import (
    Standardize,
    Twin,
    TwinFile,
    draw_twin_anatomy,
    expose_twin,
    find_on_matrix,
    list_lesions,
    move_points,
    read_transform,
)
from mammo_pipeline.mammo.intervals import draw_patient_counts, figure
from mammo_pipeline.mammo.phantom.lesions import Form, Lesion
from mammo_pipeline.mammo.phantom.shape import ViewShape, measure_skin_distance

BEFORE = "before"
# Each observer's own noise: standard deviation in a square of 1 mm, in spreads of the grey around.
# The reader's is that of the quietest of the phantom's detectors.
OBSERVERS = {"ideal": 0.001, "reader": 0.01}
# Side of the square that is looked at; the lesions of the phantom lie further than half of it from
# the skin.
REGION_MM = 12.8
# A lesion's own change reaches so far, and is faded out over so much more.
REACH_MM, FADE_MM = 4.0, 1.5
# Regions overlap, as is usual for noise power spectra: 5 x 5 around the place, a quarter apart.
_OFFSETS_MM = REGION_MM / 4 * np.array(list(product(range(-2, 3), repeat=2)))
# Regions keep off the skin, whose rim the standard takes off; the smallest field is so tall.
_OFF_SKIN_MM, _FIELD_MM = 4.0, 195.0
# A faint calcification, on the scale of absorption where gland over fat is 1: a bright one
# is cut off at white, and what is cut off has edges that no observer would miss.
CONTRAST = 0.5


def draw_calcification(twin: Twin, radius_mm: float, count: int = 1) -> Lesion:
    """Returns round calcifications at the place of the twin's first lesion; one lies in the middle.

    Args:
        twin: The breast.
        radius_mm: Of each.
        count: More than one lie evenly on a ring of 2.5 mm around the first.
    """
    known = list_lesions(twin)[0]
    angle = np.arange(count - 1) * 2 * np.pi / max(count - 1, 1)
    place_mm = np.vstack([[0.0, 0.0], 2.5 * np.column_stack([np.cos(angle), np.sin(angle)])])
    radii = np.full((count, 2), radius_mm)
    size_mm = 10.0
    dots = np.hstack([place_mm[:count] / size_mm, radii, np.zeros((count, 1))])
    form = Form(np.empty(0), 0.1, np.empty((0, 6)), dots)
    return Lesion("calcification", "malignant", size_mm, CONTRAST, known.x_mm, known.y_mm, form)


def measure_visibility(
    twins: Sequence[Twin],
    devices: Sequence[str],
    binning: float,
    settings: Mapping[str, Standardize],
    show: Show,
    spacing_mm: float,
    radius_mm: float = 0.2,
    count: int = 1,
) -> Iterator[dict[str, Any]]:
    """Yields one row a twin, device and setting; the setting `before` is the image as it came.

    The breast is drawn and exposed with and without calcifications, to the same strand and the same
    grain of noise: the difference is the signal. Texture and noise come from the image without.

    Args:
        twins: The breasts.
        devices: Names of profiles.
        binning: 1 is the devices' full matrix.
        settings: Name to what standardizes by it: a file and its row to the canvas and its record.
        show: Gives the image as it came.
        spacing_mm: Of the canvas.
        radius_mm: Of a calcification.
        count: Of calcifications.

    Yields:
        `twin`, `device`, `setting`, `code`, and the detectability of each of `OBSERVERS`, missing
        where an image was refused and NaN where no region lies in the tissue.
    """
    for number, twin in enumerate(twins):
        spot = draw_calcification(twin, radius_mm, count)
        marked = draw_twin_anatomy(twin, binning, (spot,))
        bare = draw_twin_anatomy(twin, binning, ())
        points_mm = np.vstack([[spot.y_mm, spot.x_mm], list_regions(bare.shape, spot)])
        for device in devices:
            pair = [expose_twin(twin, anatomy, device, 0, binning) for anatomy in (marked, bare)]
            points_px = np.array(
                [
                    find_on_matrix(bare.shape, device, binning, twin.laterality, (y_mm, x_mm))
                    for y_mm, x_mm in points_mm
                ]
            )
            names = {"twin": number, "device": device}
            shown = [show(file.content, file.image) for file in pair]
            found = detect(shown[0], shown[1], points_px, pair[0].pitch_mm)
            yield {**names, "setting": BEFORE, "code": "accepted", **found}
            for setting, standardize in settings.items():
                found = _observe(pair, points_px, standardize, spacing_mm)
                yield {**names, "setting": setting, **found}


def _observe(
    pair: Sequence[TwinFile], points_px: np.ndarray, standardize: Standardize, spacing_mm: float
) -> dict[str, Any]:
    """Returns the code and the detectabilities on the canvas of a marked and a bare exposure."""
    (marked, first), (bare, second) = (standardize(file.content, file.image) for file in pair)
    if marked is None or bare is None:
        return {"code": next(str(r["code"]) for r in (first, second) if r["code"] != "accepted")}
    # A calcification may change the map of grey, which is part of the signal; it is too small to
    # move the breast.
    points = move_points(points_px, read_transform(second))
    found = detect(marked / np.float32(65535), bare / np.float32(65535), points, spacing_mm)
    return {"code": "accepted", **found}


def list_regions(shape: ViewShape, lesion: Lesion) -> np.ndarray:
    """Returns the middles, in mm as (y, x), of the regions around a lesion that hold tissue alone.

    A region keeps off the skin, the chest wall and the ends of the smallest field.
    """
    middles = np.array([lesion.y_mm, lesion.x_mm]) + _OFFSETS_MM
    corners = middles[:, None] + REGION_MM / 2 * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    y_mm, x_mm = corners[..., 0], corners[..., 1]
    inside = (measure_skin_distance(shape, x_mm, y_mm) > _OFF_SKIN_MM) & (x_mm > 0)
    inside &= (y_mm > shape.top_mm + _OFF_SKIN_MM) & (y_mm < shape.top_mm + _FIELD_MM)
    return middles[inside.all(axis=1)]


def detect(
    marked: np.ndarray, bare: np.ndarray, points_px: np.ndarray, spacing_mm: float
) -> dict[str, float]:
    """Returns the detectability d' of each of `OBSERVERS`, NaN without a region of tissue.

    With S the spectrum of the signal, W that of texture and noise, and N the observer's own noise,
    d'^2 = integral |S|^2 / (W + N^2).

    Args:
        marked: Grey with the lesion, float32, rows x columns.
        bare: The same without.
        points_px: The lesion's place, then the middles of the regions of tissue; (row, column) from
            the outer edge of the first pixel, shape (1 + regions, 2).
        spacing_mm: Between pixels.
    """
    size = round(REGION_MM / spacing_mm)
    regions = [region for place in points_px[1:] if (region := _cut(bare, place, size)) is not None]
    ends = [_cut(image, points_px[0], size) for image in (marked, bare)]
    if not regions or ends[0] is None or ends[1] is None:
        return dict.fromkeys(OBSERVERS, float("nan"))
    change = isolate_signal(ends[0].astype(np.float64) - ends[1], spacing_mm)
    signal = np.abs(np.fft.fft2(change) * spacing_mm**2) ** 2
    # The mean of a region is no sign of a calcification, and its noise is not measured.
    signal[0, 0] = 0
    cell = (size * spacing_mm) ** -2
    spread = np.std(np.concatenate([region.ravel() for region in regions]), dtype=np.float64)
    noise = measure_spectrum(regions, spacing_mm)
    return {
        name: float(np.sqrt((signal / np.maximum(noise + (own * spread) ** 2, 1e-30)).sum() * cell))
        for name, own in OBSERVERS.items()
    }


def isolate_signal(change: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Returns the change that a lesion makes, without what it does to the rest of the region.

    Maps of grey and gains of detail are drawn from the whole breast, so that a lesion may shift the
    grey of all of it a little. That is no sign of where the lesion is.

    Args:
        change: Image with the lesion minus that without, a square with the lesion in its middle.
        spacing_mm: Between pixels.
    """
    place_mm = (np.arange(change.shape[0]) + 0.5 - change.shape[0] / 2) * spacing_mm
    far_mm = np.hypot(place_mm[:, None], place_mm)
    fade = np.clip(1 + (REACH_MM - far_mm) / FADE_MM, 0, 1)
    outside = fade == 0
    level = np.median(change[outside]) if outside.any() else 0.0
    return (change - level) * fade


def measure_spectrum(regions: Sequence[np.ndarray], spacing_mm: float) -> np.ndarray:
    """Returns the power spectrum in mm2 of regions, the mean around each frequency.

    Each region loses its mean and is faded by a Hann window, without which the coarse texture
    leaks into the fine bands.
    """
    size = regions[0].shape[0]
    window = np.outer(np.hanning(size), np.hanning(size))
    scale = spacing_mm**2 / (window**2).sum()
    faded = (window * (region - region.mean(dtype=np.float64)) for region in regions)
    power = scale * np.mean([np.abs(np.fft.fft2(region)) ** 2 for region in faded], axis=0)
    ring = np.rint(np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(size, 1 / size)]))).astype(int)
    return (np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel()))[ring]


def _cut(image: np.ndarray, place_px: np.ndarray, size: int) -> np.ndarray | None:
    """Returns the square around a place, or None where it reaches off the image."""
    top, left = np.rint(place_px - size / 2).astype(int)
    if min(top, left) < 0 or top + size > image.shape[0] or left + size > image.shape[1]:
        return None
    return image[top : top + size, left : left + size]


def tabulate_visibility(
    rows: Sequence[Mapping[str, Any]], repeats: int, rng: np.random.Generator, level: float = 0.95
) -> dict[str, Any]:
    """Returns detectability by setting and observer, ready for JSON.

    `mean` is over twins and devices; `kept` is that mean over that of `before`, on the same twins
    and devices; `by_device` is `kept` of each. Women are drawn in the bootstrap.

    Args:
        rows: What `measure_visibility` yielded.
        repeats: Bootstrap replicates.
        rng: Where chance comes from.
        level: Of the intervals.
    """
    table = pd.DataFrame(rows).reindex(columns=["twin", "device", "setting", "code", *OBSERVERS])
    counts = draw_patient_counts(np.zeros(table["twin"].nunique()), repeats, rng)
    settings = list(dict.fromkeys(table["setting"]))
    unmeasured = table[list(OBSERVERS)].isna().any(axis=1).groupby(table["setting"]).sum()
    return {
        "unmeasured": {setting: int(unmeasured[setting]) for setting in settings},
        "settings": {
            setting: {name: _sum_up(table, setting, name, counts, level) for name in OBSERVERS}
            for setting in settings
        },
    }


def _sum_up(
    table: pd.DataFrame, setting: str, name: str, counts: np.ndarray, level: float
) -> dict[str, Any]:
    wide = table.pivot_table(
        index=["twin", "device"], columns="setting", values=name, dropna=False
    ).reindex(columns=list(dict.fromkeys([BEFORE, setting])))
    wide = wide[wide.notna().all(axis=1)].reset_index()
    women = np.unique(table["twin"])

    def compare(part: pd.DataFrame, over: str | None) -> dict[str, Any]:
        own = counts[:, np.searchsorted(women, part["twin"])]
        after = part[setting].to_numpy(float)
        below = part[over].to_numpy(float) if over else np.ones(len(part))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(np.divide(after.sum(), below.sum()))
            draws = (own @ after) / (own @ below)
        how = f"mean d' over that {over}" if over else "mean d'"
        return figure(value, draws, int(part["twin"].nunique()), level, how, "nothing measured")

    return {
        "mean": compare(wide, None),
        "kept": compare(wide, BEFORE),
        "by_device": {str(d): compare(part, BEFORE) for d, part in wide.groupby("device")},
    }
