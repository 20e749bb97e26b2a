"""From images to breasts to exams: what a unit's score is, and which views it rests on.

An exam's breast has as a rule one CC and one MLO image. What was not scored (never taken, refused
for its pixels) leaves no gap to fill: a unit is scored from the images that are there, `views` says
which these were, and a breast without any scored image is absent and counted.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit

Aggregation = Literal["mean", "max", "noisy_or"]
AGGREGATIONS = ("mean", "max", "noisy_or")
BREAST = ["exam_id", "laterality"]
VIEWS = ("CC+MLO", "CC only", "MLO only", "other")


def aggregate_breasts(
    images: pd.DataFrame, columns: list[str], aggregation: Aggregation = "mean"
) -> pd.DataFrame:
    """Returns one row per breast of an exam, sorted by exam_id and laterality.

    A breast with one image has that image's logit, under every aggregation.

    Args:
        images: One row an image: image_id, exam_id, patient_id, laterality, view, cancer, the
            logit columns, and any further column, of which the breast keeps the first value known.
        columns: The logit columns to aggregate.
        aggregation: What becomes of a breast's images: mean or max of their logits, or `noisy_or`,
            the logit of 1 - product of (1 - expit(logit)), as if each image alone could show the
            cancer and they failed apart (Pearl 1988, section 4.3.2).

    Returns:
        exam_id, laterality, the further columns, the aggregated columns, `images` (count) and
        `views` ("CC+MLO", "CC only", "MLO only" or "other").

    Raises:
        ValueError: Images of one breast disagree on cancer, a logit is not finite, an image is of
            no breast, a column is missing, or the aggregation is unknown.

    >>> images = pd.DataFrame({"image_id": ["a", "b"], "exam_id": "e", "patient_id": "p",
    ...     "laterality": "L", "view": ["CC", "MLO"], "cancer": 1, "logit": [0.0, 0.0]})
    >>> aggregate_breasts(images, ["logit"], "noisy_or")["logit"].round(4).tolist()  # log 3
    [1.0986]
    """
    _check_images(images, columns, aggregation)
    grouped = images.groupby(BREAST, sort=True, observed=True)
    _refuse_mixed_outcomes(grouped["cancer"].nunique(dropna=False))
    kept = [c for c in images.columns if c not in {*columns, *BREAST, "image_id", "view"}]
    breasts = grouped[kept].first()
    breasts = breasts.join(_aggregate(images, grouped, columns, aggregation))
    breasts["images"] = grouped.size()
    shown = images[BREAST].assign(cc=images["view"].eq("CC"), mlo=images["view"].eq("MLO"))
    shown = shown.groupby(BREAST, sort=True, observed=True)[["cc", "mlo"]].any()
    sides = [shown["cc"] & shown["mlo"], shown["cc"], shown["mlo"]]
    breasts["views"] = np.select(sides, list(VIEWS[:3]), VIEWS[3])
    return breasts.reset_index()


def _check_images(images: pd.DataFrame, columns: list[str], aggregation: str) -> None:
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation {aggregation!r}; expected one of {list(AGGREGATIONS)}.")
    wanted = [*BREAST, "view", "cancer", *columns]
    if missing := [name for name in wanted if name not in images]:
        raise ValueError(f"the images have no column {missing}; found {list(images.columns)}.")
    if nameless := int(images[BREAST].isna().any(axis=1).sum()):
        raise ValueError(f"{nameless} images have no exam_id or no laterality: of which breast?")
    bad = ~np.isfinite(images[columns].to_numpy(float, na_value=np.nan))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{int(bad.sum())} logits are not finite, the first in column {columns[column]!r} of "
            f"breast {images['laterality'].iloc[row]} of exam {images['exam_id'].iloc[row]}."
        )


def _refuse_mixed_outcomes(outcomes: pd.Series) -> None:
    mixed = outcomes.index[outcomes > 1]
    if len(mixed):
        exam, side = mixed[0]
        raise ValueError(
            f"the images of breast {side} of exam {exam} disagree on cancer, and so do those of "
            f"{len(mixed) - 1} more breasts: correct the labels and run again."
        )


def _aggregate(
    images: pd.DataFrame, grouped: Any, columns: list[str], aggregation: Aggregation
) -> pd.DataFrame:
    if aggregation != "noisy_or":
        return grouped[columns].agg(aggregation)
    first = grouped[columns].first()
    joined = pd.DataFrame(-np.inf, first.index, columns)
    numbers, codes = grouped.cumcount().to_numpy(), grouped.ngroup().to_numpy()
    logits = images[columns].to_numpy(float)
    held = joined.to_numpy(copy=True)
    for number in range(numbers.max(initial=-1) + 1):
        rows = numbers == number
        held[codes[rows]] = join_logits(held[codes[rows]], logits[rows])
    return pd.DataFrame(held, first.index, columns)


def join_logits(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the logit that at least one of two independent events happens.

    With odds o = p / (1 - p), the joint odds are (1 + o1)(1 + o2) - 1 = o1 + o2 + o1 o2: a sum of
    positive terms, so that logits of -800 or 800 lose no digit. Logit -inf is no event at all.

    >>> float(join_logits(np.array(-800.0), np.array(-np.inf)))
    -800.0
    """
    return np.logaddexp(np.logaddexp(first, second), first + second)


def aggregate_exams(breasts: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per exam, sorted by exam_id: as suspicious as its more suspicious breast.

    Args:
        breasts: One row a breast: exam_id, patient_id, cancer, calibrated_logit, and, where they
            are known, `score` (1 to 10), `recalled`, and further columns, of which the exam keeps
            the first value known.

    Returns:
        exam_id, the further columns, calibrated_logit (max over breasts), probability, score (max)
        and recalled (any) where breasts have them, cancer (1 if any breast has it; missing if none
        has and one is unknown) and `breasts` (count: 1 where only one side was scored).

    Raises:
        ValueError: A column is missing or a logit is not finite.

    >>> breasts = pd.DataFrame({"exam_id": "e", "patient_id": "p", "laterality": ["L", "R"],
    ...     "cancer": [0, 1], "calibrated_logit": [1.0, -1.0]})
    >>> aggregate_exams(breasts)[["calibrated_logit", "cancer", "breasts"]].values.tolist()
    [[1.0, 1.0, 2.0]]
    """
    wanted = ["exam_id", "patient_id", "cancer", "calibrated_logit"]
    if missing := [name for name in wanted if name not in breasts]:
        raise ValueError(f"the breasts have no column {missing}; found {list(breasts.columns)}.")
    if not np.isfinite(breasts["calibrated_logit"].to_numpy(float)).all():
        raise ValueError("a calibrated logit of a breast is not finite; score the images again.")
    own = {"laterality", "views", "images", "logit", "probability"}
    highest = [name for name in ("calibrated_logit", "score", "recalled") if name in breasts]
    first = [c for c in breasts if c not in {*own, *highest, "exam_id", "cancer"}]
    grouped = breasts.groupby("exam_id", sort=True, observed=True)
    exams = grouped[first].first().join(grouped[highest].max())
    cancer, known = grouped["cancer"].max(), grouped["cancer"].count().eq(grouped.size())
    exams["cancer"] = cancer.where(known | cancer.eq(1))
    exams["probability"] = expit(exams["calibrated_logit"].to_numpy(float))
    exams["breasts"] = grouped.size()
    return exams.reset_index()


def count_missing_views(
    breasts: pd.DataFrame, expected: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Returns how many breasts were scored from which views, and how many not at all.

    Args:
        breasts: One row a scored breast: exam_id, laterality, views.
        expected: exam_id and laterality of every breast that should have been scored, rows may
            repeat (the cohort's images do); `absent` is None when it is not given.

    Returns:
        {breasts, views: {name: count}, one_view, one_breast (exams of which only one side was
        scored), absent}.

    >>> breasts = pd.DataFrame({"exam_id": ["e", "f"], "laterality": "L", "views": "CC only"})
    >>> asked = pd.DataFrame({"exam_id": ["e", "e", "f"], "laterality": ["L", "R", "L"]})
    >>> found = count_missing_views(breasts, asked)
    >>> found["one_view"], found["one_breast"], found["absent"]
    (2, 2, 1)
    """
    views = {name: int(breasts["views"].eq(name).sum()) for name in VIEWS}
    absent = None
    if expected is not None:
        scored = pd.MultiIndex.from_frame(breasts[BREAST].astype(str))
        asked = pd.MultiIndex.from_frame(expected[BREAST].drop_duplicates().astype(str))
        absent = int((~asked.isin(scored)).sum())
    return {
        "breasts": len(breasts),
        "views": views,
        "one_view": views["CC only"] + views["MLO only"],
        "one_breast": int(breasts.groupby("exam_id").size().eq(1).sum()),
        "absent": absent,
    }
