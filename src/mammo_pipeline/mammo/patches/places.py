"""Drawing places: on a lesion, and in the breast away from it.

Only places are drawn here; the pixels stay in the store.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammo_pipeline.mammo.patches.overlap import breast_shares, most_overlap, overlap_shares
from mammo_pipeline.mammo.patches.rules import BackgroundRule, LesionRule


@dataclass(frozen=True)
class Places:
    """What was drawn.

    Attributes:
        corners: Top-left pixels of the patches on the canvas, int64 of shape (n, 2).
        tries: Places that were tried, the last included that was needed.
        cutoff: Where the cutoff ended; missing where the rule has none.
        reason: Why there are fewer than wanted; empty where there are enough.
    """

    corners: np.ndarray
    tries: int
    cutoff: float = float("nan")
    reason: str = ""


NOTHING = Places(np.empty((0, 2), np.int64), 0)


def cutoff_after(failed: int, rule: LesionRule) -> float:
    """Returns the overlap that the next patch must exceed.

    Args:
        failed: Tries on the lesion that have failed.
        rule: Says how far the cutoff falls, and after how many.
    """
    # Rounded, for 0.75 less three times 0.05 is meant to be 0.6 and not the float beside it.
    return max(0.0, round(rule.cutoff - rule.cutoff_step * (failed // rule.tries_per_step), 9))


def draw_on_lesion(
    rng: np.random.Generator,
    box: np.ndarray,
    shape_px: tuple[int, int],
    size_px: int,
    rule: LesionRule,
) -> Places:
    """Returns patches that show the lesion, drawn from all that touch it.

    Tries are drawn in blocks that end where the cutoff falls, so that the vectorised draw keeps the
    rule of one try after the other.

    Args:
        rng: Of the draws.
        box: row_min, column_min, row_max, column_max of the lesion, half-open, inside the canvas.
        shape_px: Rows and columns of the canvas.
        size_px: Rows and columns of a patch.
        rule: How many, and what counts.
    """
    last = np.asarray(shape_px) - size_px
    low, high = np.clip(box[:2] - size_px + 1, 0, last), np.clip(box[2:] - 1, 0, last)
    found = np.empty((0, 2), np.int64)
    tried, cutoff = 0, rule.cutoff
    while len(found) < rule.per_lesion and tried < rule.tries:
        failed = tried - len(found)
        cutoff = cutoff_after(failed, rule)
        to_fall = rule.tries_per_step - failed % rule.tries_per_step
        places = rng.integers(low, high + 1, (min(to_fall, rule.tries - tried), 2))
        shares = overlap_shares(places, box[np.newaxis], size_px, rule.overlap_with)[:, 0]
        good = np.flatnonzero(shares > cutoff)[: rule.per_lesion - len(found)]
        found = np.concatenate([found, places[good]])
        enough = len(found) == rule.per_lesion
        tried += int(good[-1]) + 1 if enough else len(places)
    reason = "" if len(found) == rule.per_lesion else "tries used up"
    return Places(found, tried, cutoff, reason)


def draw_background(
    rng: np.random.Generator,
    breast: np.ndarray,
    boxes: np.ndarray,
    size_px: int,
    count: int,
    rule: BackgroundRule,
) -> Places:
    """Returns up to `count` patches of the breast away from its lesions.

    Args:
        rng: Of the draws.
        breast: The integral image of the breast, as `sum_breast` returns it.
        boxes: Of all lesions of the image, (k, 4).
        size_px: Rows and columns of a patch.
        count: Patches wanted; fewer come back where the breast has no room for them.
        rule: What counts as background.
    """
    if not count:
        return NOTHING
    last = np.asarray(breast.shape) - 1 - size_px
    tries = rng.integers(0, last + 1, (rule.tries, 2))
    covered = breast_shares(breast, tries, size_px) >= rule.breast_coverage
    clear = most_overlap(tries, boxes, size_px, rule.overlap_with) <= rule.overlap_most
    good = np.flatnonzero(covered & clear)[:count]
    if len(good) == count:
        return Places(tries[good], int(good[-1]) + 1)
    return Places(tries[good], rule.tries, reason=explain_shortfall(covered, clear))


def explain_shortfall(covered: np.ndarray, clear: np.ndarray) -> str:
    """Returns what kept most places out: the breast's edge, its lesions, or a lack of places.

    Args:
        covered: Whether each place has enough breast, shape (n,).
        clear: Whether each is clear of lesions, shape (n,).

    >>> explain_shortfall(np.array([True, False, False]), np.array([False, True, False]))
    'too little breast'
    """
    outside, on_lesion = int((~covered).sum()), int((covered & ~clear).sum())
    if not outside and not on_lesion:
        return "too few places"
    return "too little breast" if outside > on_lesion else "lesions too near"
