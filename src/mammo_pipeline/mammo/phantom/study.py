"""A cohort of women on paper: who has which lesion, imaged when and on which unit.

Everything that chance decides, apart from texture and noise, is decided here, so that labels and
boxes are known before a pixel is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from .lesions import Form, Lesion, draw_form, draw_kind_and_size
from .shape import ViewShape, draw_shape, measure_muscle_depth, measure_skin_distance

VIEWS = ("CC", "MLO")
SIDES = ("L", "R")
# Calcium absorbs more than gland, an asymmetry is fat and gland mixed.
_CONTRAST_OF_KIND = {"mass": 1.0, "calcification": 2.6, "distortion": 1.0, "asymmetry": 0.8}


@dataclass(frozen=True)
class StudyDesign:
    """The shares that chance follows.

    Attributes:
        prior_share: Women who also have an exam about a year earlier.
        cancer_share: Women with one malignant lesion in one breast.
        benign_share: Breasts, cancerous ones included, with one benign lesion.
        devices: Device name to its share of the exams.
        lesion_contrast: Mean absorption that a lesion adds, where gland over fat is 1.
        confounding: 0 for devices independent of the outcome, 1 for every woman with cancer on the
            first device and every other woman on the rest.
        age_shift_years: Added to every age.
        name: Enters every identifier, so that two cohorts share none.
    """

    prior_share: float
    cancer_share: float
    benign_share: float
    devices: Mapping[str, float]
    lesion_contrast: float
    confounding: float = 0.0
    age_shift_years: float = 0.0
    name: str = "study"


@dataclass(frozen=True)
class PlannedLesion:
    """A lesion in the breast: how deep it lies behind the nipple, and where in each view.

    Attributes:
        kind: mass, calcification, distortion or asymmetry.
        pathology: benign or malignant.
        size_mm: See `Lesion`.
        contrast: See `Lesion`.
        behind_mm: Depth behind the nipple, the same in both views: the posterior nipple line.
        y_mm: View to the place below the nipple's level.
        forms: View to the shape as seen from there.
    """

    kind: str
    pathology: str
    size_mm: float
    contrast: float
    behind_mm: float
    y_mm: Mapping[str, float]
    forms: Mapping[str, Form]


@dataclass(frozen=True)
class Breast:
    """One breast: outline, composition and texture stay the same from exam to exam."""

    laterality: str
    shapes: Mapping[str, ViewShape]
    texture_seeds: Mapping[str, int]


@dataclass(frozen=True)
class Exam:
    """One visit: date, unit, and what was in each breast on that day."""

    date: date
    device: str
    age: float
    lesions: Mapping[str, tuple[PlannedLesion, ...]]
    noise_seeds: Mapping[tuple[str, str], int]
    exposure_mas: float


@dataclass(frozen=True)
class Woman:
    """One woman, with her exams from the earliest to the latest."""

    number: int
    cohort: str
    density: str
    thickness_mm: float
    breasts: Mapping[str, Breast]
    exams: tuple[Exam, ...]


def draw_woman(number: int, seeds: np.random.SeedSequence, design: StudyDesign) -> Woman:
    """Returns one woman with her breasts, lesions and exams.

    Outcome, body and circumstances come from three independent streams, so no header field and no
    overall brightness carries the outcome, except what `design.confounding` plants.

    Args:
        number: Her place in the cohort.
        seeds: Her own seeds: the result does not depend on the women before her.
        design: The shares.
    """
    body, outcome, circumstance = (np.random.default_rng(child) for child in seeds.spawn(3))
    density = str(body.choice(list("ABCD"), p=[0.15, 0.40, 0.35, 0.10]))
    depth_mm = float(np.clip(body.normal(88, 13), 64, 118))
    breasts = {side: draw_breast(body, side, depth_mm) for side in SIDES}
    lesions = draw_lesions(outcome, breasts, design)
    has_cancer = any(
        lesion.pathology == "malignant" for found in lesions.values() for lesion in found
    )
    exams = draw_exams(circumstance, outcome, lesions, design, has_cancer)
    thickness_mm = float(np.clip(circumstance.normal(54, 10), 28, 85))
    return Woman(number, design.name, density, thickness_mm, breasts, exams)


def draw_breast(rng: np.random.Generator, laterality: str, depth_mm: float) -> Breast:
    """Returns a breast of about the given depth, its outline in both views."""
    depth_mm *= rng.uniform(0.96, 1.04)
    return Breast(
        laterality,
        {view: draw_shape(rng, view, depth_mm) for view in VIEWS},
        {view: int(rng.integers(2**62)) for view in VIEWS},
    )


def draw_lesions(
    rng: np.random.Generator, breasts: Mapping[str, Breast], design: StudyDesign
) -> dict[str, tuple[PlannedLesion, ...]]:
    """Returns the lesions of each side; at most one malignant in one breast, one benign in each."""
    wanted: dict[str, list[str]] = {side: [] for side in SIDES}
    if rng.random() < design.cancer_share:
        wanted[str(rng.choice(SIDES))].append("malignant")
    for side in SIDES:
        if rng.random() < design.benign_share:
            wanted[side].append("benign")
    found = {}
    for side in SIDES:
        placed: list[PlannedLesion] = []
        for pathology in wanted[side]:
            placed.append(draw_lesion(rng, breasts[side], pathology, placed, design))
        found[side] = tuple(placed)
    return found


def draw_lesion(
    rng: np.random.Generator,
    breast: Breast,
    pathology: str,
    others: list[PlannedLesion],
    design: StudyDesign,
) -> PlannedLesion:
    """Returns a lesion that lies inside the breast in both views and apart from the others.

    A small breast may have no room: each hundred failed places make the lesion a tenth smaller.

    Raises:
        RuntimeError: When a thousand places do not fit.
    """
    kind, size_mm = draw_kind_and_size(rng)
    contrast = design.lesion_contrast * rng.uniform(0.8, 1.2) * _CONTRAST_OF_KIND[kind]
    forms = {view: draw_form(rng, kind, pathology) for view in VIEWS}
    for attempt in range(1000):
        size_mm *= 0.9 if attempt % 100 == 99 else 1.0
        behind_mm = rng.uniform(14, breast.shapes["CC"].depth_mm - 8)
        y_mm = {"CC": rng.normal(-8, 25), "MLO": rng.normal(-12, 28)}
        lesion = PlannedLesion(kind, pathology, size_mm, contrast, behind_mm, y_mm, forms)
        if all(lies_inside(lesion, breast.shapes[view]) for view in VIEWS) and all(
            lies_apart(lesion, other) for other in others
        ):
            return lesion
    raise RuntimeError(
        f"no place for a {size_mm:.0f} mm {kind} in a breast "
        f"{breast.shapes['CC'].depth_mm:.0f} mm deep; make lesions smaller or breasts larger"
    )


def lies_inside(lesion: PlannedLesion, shape: ViewShape) -> bool:
    """Returns whether the lesion keeps off skin, chest wall, muscle and the field's ends."""
    x_mm, y_mm = shape.depth_mm - lesion.behind_mm, lesion.y_mm[shape.view]
    half_mm = 0.65 * lesion.size_mm
    x, y = np.array([x_mm]), np.array([y_mm])
    skin_mm = float(measure_skin_distance(shape, x, y)[0])
    muscle_mm = float(measure_muscle_depth(shape, x, y)[0])
    off_ends = shape.top_mm + 5 < y_mm - half_mm and y_mm + half_mm < shape.top_mm + 195
    return skin_mm > half_mm + 2 and x_mm > half_mm + 2 and muscle_mm < -0.4 * half_mm and off_ends


def lies_apart(lesion: PlannedLesion, other: PlannedLesion) -> bool:
    """Returns whether two lesions stay clear of each other in both views."""
    gap_mm = 0.7 * (lesion.size_mm + other.size_mm) + 2
    across = min(abs(lesion.y_mm[view] - other.y_mm[view]) for view in VIEWS)
    return float(np.hypot(lesion.behind_mm - other.behind_mm, across)) > gap_mm


def draw_exams(
    rng: np.random.Generator,
    outcome: np.random.Generator,
    lesions: Mapping[str, tuple[PlannedLesion, ...]],
    design: StudyDesign,
    has_cancer: bool,
) -> tuple[Exam, ...]:
    """Returns one exam, or two of which the first lies a year back."""
    today = date(2019, 1, 7) + timedelta(days=int(rng.integers(0, 4 * 365)))
    age = float(np.clip(rng.normal(58, 9), 40, 82)) + design.age_shift_years
    has_prior, gap_days = rng.random() < design.prior_share, int(rng.integers(345, 400))
    earlier = {
        side: tuple(kept for lesion in lesions[side] if (kept := shrink_lesion(outcome, lesion)))
        for side in SIDES
    }
    dates = [today - timedelta(days=gap_days), today]
    exams = tuple(
        Exam(
            when,
            draw_device(rng, design, has_cancer),
            age - (today - when).days / 365.25,
            present,
            {(side, view): int(rng.integers(2**62)) for side in SIDES for view in VIEWS},
            float(rng.uniform(60, 140)),
        )
        for when, present in zip(dates, [earlier, lesions], strict=True)
    )
    return exams if has_prior else exams[1:]


def shrink_lesion(rng: np.random.Generator, lesion: PlannedLesion) -> PlannedLesion | None:
    """Returns the lesion a year before: benign the same, malignant smaller or not there."""
    if lesion.pathology == "benign":
        return lesion
    if rng.random() < 0.5:
        return None
    return replace(lesion, size_mm=lesion.size_mm * rng.uniform(0.6, 0.8))


def draw_device(rng: np.random.Generator, design: StudyDesign, has_cancer: bool) -> str:
    """Returns a device name; with confounding, cancers drift to the first of the design."""
    names = list(design.devices)
    shares = np.array(list(design.devices.values()), dtype=float)
    shares /= shares.sum()
    if len(names) > 1:
        first = np.eye(len(names))[0]
        rest = shares * (1 - first) / (shares * (1 - first)).sum()
        shares = (1 - design.confounding) * shares + design.confounding * (
            first if has_cancer else rest
        )
    return str(rng.choice(names, p=shares))


def place_lesions(
    breast: Breast, found: tuple[PlannedLesion, ...], view: str
) -> tuple[Lesion, ...]:
    """Returns the lesions of a breast as they project into one view."""
    shape = breast.shapes[view]
    return tuple(
        Lesion(
            lesion.kind, lesion.pathology, lesion.size_mm, lesion.contrast,
            shape.depth_mm - lesion.behind_mm, lesion.y_mm[view], lesion.forms[view],
        )
        for lesion in found
    )  # fmt: skip
