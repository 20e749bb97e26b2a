"""Maps from logit to calibrated logit, each fitted to outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from mammo_pipeline.mammo.calibration.errors import log_loss
from mammo_pipeline.mammo.calibration.logistic import fit_logistic

NEWTON_STEPS = 60


class CalibrationError(ValueError):
    """A map cannot be fitted to these cases: one outcome only, equal logits, or no maximum."""


def platt_targets(labels: ArrayLike) -> np.ndarray:
    """Returns Platt's smoothed targets, which keep the slope finite on separable scores.

    (N+ + 1) / (N+ + 2) for positives and 1 / (N- + 2) for negatives (Platt 1999, section 2.2).

    >>> platt_targets([1, 0, 0]).tolist()
    [0.6666666666666666, 0.25, 0.25]
    """
    labels = np.asarray(labels, float)
    positives, negatives = labels.sum(), (1 - labels).sum()
    return np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def fit_identity(
    labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None
) -> dict[str, Any]:
    """Returns {method, n, positives}: the logits as they come.

    >>> fit_identity([0, 1], [-1.0, 1.0])
    {'method': 'identity', 'n': 2, 'positives': 1}
    """
    y, _, _ = _check_fit("identity", labels, logits, weights)
    return _record("identity", y)


def fit_platt(
    labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None
) -> dict[str, Any]:
    """Returns {method, slope, intercept, n, positives}, fitted on Platt's targets (Platt 1999).

    probability = expit(slope * logit + intercept). A slope of 0 or less means that the logits rank
    no better than chance: it is returned, for the caller to refuse.

    Raises:
        CalibrationError: One class is absent, or all logits are equal.
    """
    y, x, w = _check_fit("Platt scaling", labels, logits, weights)
    slope, intercept = fit_logistic(platt_targets(y), x, w)
    if not np.isfinite(slope):
        raise CalibrationError("Platt scaling found no maximum: the logits hardly differ.")
    return _record("platt", y, slope=float(slope), intercept=float(intercept))


def fit_temperature(
    labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None
) -> dict[str, Any]:
    """Returns {method, temperature, n, positives}: the T of greatest likelihood of logit / T.

    Guo et al. 2017, section 4.2. The likelihood is concave in 1 / T; its slope is followed to 0.
    A probability of one half stays one half: T cannot mend a wrong prevalence.

    Raises:
        CalibrationError: One class is absent, all logits are equal, or no T is best:
            a threshold of 0 parts the classes (T = 0), or positives lie no higher (T infinite).

    >>> round(fit_temperature([1, 0, 1, 0], [2.0, 2.0, 2.0, -2.0])["temperature"], 3)
    1.82
    """
    from scipy.optimize import brentq

    y, x, w = _check_fit("temperature scaling", labels, logits, weights)
    x_scale = float(np.abs(x).max())

    def climb(log_inverse: float) -> float:
        return float(w @ (x * (y - expit(np.exp(log_inverse) * x / x_scale))))

    ends = np.log([1e-6, 1e6])
    if climb(ends[0]) <= 0:
        raise CalibrationError(
            "temperature scaling found no maximum: the logits of positives lie no higher than "
            "those of negatives, so the best temperature is infinite."
        )
    if climb(ends[1]) >= 0:
        raise CalibrationError(
            "temperature scaling found no maximum: a logit of 0 parts the classes without error, "
            "so the best temperature is 0. Platt scaling stays finite here."
        )
    inverse = np.exp(brentq(climb, *ends, xtol=1e-13, rtol=1e-14)) / x_scale
    return _record("temperature", y, temperature=float(1 / inverse))


def fit_beta(
    labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None
) -> dict[str, Any]:
    """Returns {method, a, b, c, n, positives}: beta calibration of p = expit(logit).

    calibrated logit = a log p - b log(1 - p) + c with a, b >= 0, by maximum likelihood (Kull et al.
    2017). a = b is a straight line in the logit, a and b apart bend it. Where the free
    maximum has a negative coefficient, the bounded one lies where a or b is 0: the likelihood is
    concave, so the better of the two is taken.

    Raises:
        CalibrationError: One class is absent, all logits are equal, or a threshold parts the
            classes without error, so that no maximum exists.
    """
    y, x, w = _check_fit("beta calibration", labels, logits, weights)
    if x[y == 0].max() <= x[y == 1].min():
        raise CalibrationError(
            "beta calibration found no maximum: a threshold parts the classes without error. Platt "
            "scaling stays finite here."
        )
    rise, fall, ones = -np.logaddexp(0, -x), np.logaddexp(0, x), np.ones_like(x)
    a, b, c = _fit_columns(y, np.column_stack([rise, fall, ones]), w)
    if not min(a, b) >= 0:
        # Also where the free maximum is infinite: a curve that falls may part the classes.
        a, b, c = _fit_bounded(y, np.column_stack([rise, fall, ones]), w)
    return _record("beta", y, a=float(a), b=float(b), c=float(c))


def _fit_bounded(y: np.ndarray, columns: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Returns (a, b, c) of the best fit of which a or b is 0 and neither is negative."""
    ends = [np.array([0.0, 0.0, logit(w @ y / w.sum())])]
    for kept in (0, 1):
        slope, level = _fit_columns(y, columns[:, [kept, 2]], w)
        if slope > 0:
            ends.append(np.array([slope * (kept == 0), slope * (kept == 1), level]))
    return min(ends, key=lambda end: float(log_loss(y, columns @ end, w)))


def _fit_columns(y: np.ndarray, columns: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Returns the coefficients of a logistic regression, NaN where no maximum exists.

    Newton's method on orthogonal columns: log p and -log(1 - p) are all but parallel when the
    logits are small. A step that does not lower the loss is halved, so that heavy tails do no harm.
    """
    none = np.full(columns.shape[1], np.nan)
    if len(columns) < columns.shape[1]:
        return none
    r = np.linalg.qr(columns * np.sqrt(w / w.sum())[:, None], mode="r")
    if np.abs(np.diag(r)).min() < 1e-10 * np.abs(r).max():
        return none
    z, theta = columns @ np.linalg.inv(r), np.zeros(columns.shape[1])
    for _ in range(2 * NEWTON_STEPS):
        line = z @ theta
        if theta.any() and line[y == 0].max() <= line[y == 1].min():
            return none
        p = expit(line)
        curve = (z * (w * p * (1 - p))[:, None]).T @ z
        step = np.linalg.lstsq(curve, z.T @ (w * (y - p)), rcond=None)[0]
        before = log_loss(y, line, w)
        while log_loss(y, z @ (theta + step), w) > before and np.abs(step).max() > 1e-12:
            step = step / 2
        theta = theta + step
        if np.abs(step).max() < 1e-9 * max(1.0, float(np.abs(theta).max())):
            return np.linalg.solve(r, theta)
    return none


def fit_isotonic(
    labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None
) -> dict[str, Any]:
    """Returns {method, logits, calibrated, n, positives}: the best map that never falls.

    Shares of pooled adjacent violators (Zadrozny and Elkan 2002), kept 1 / (n + 2) away from 0 and
    1 (Laplace), so that every knot is a finite logit; straight between knots on the logit scale. It
    makes ties, so the ranking loses some of its area, and it needs many positives.

    Raises:
        CalibrationError: One class is absent, or all logits are equal.

    >>> fitted = fit_isotonic([0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0])
    >>> fitted["logits"], [round(x, 2) for x in fitted["calibrated"]]
    ([0.0, 1.0, 2.0, 3.0], [-1.61, 0.0, 0.0, 1.61])
    """
    from sklearn.isotonic import IsotonicRegression

    y, x, w = _check_fit("isotonic regression", labels, logits, weights)
    held = 1 / (y.size + 2)
    line = IsotonicRegression(y_min=held, y_max=1 - held).fit(x, y, w)
    return _record(
        "isotonic",
        y,
        logits=[float(knot) for knot in line.X_thresholds_],
        calibrated=[float(knot) for knot in logit(line.y_thresholds_)],
    )


# In order of simplicity: a choice between equals takes the first.
FITS: dict[str, Callable[..., dict[str, Any]]] = {
    "identity": fit_identity,
    "temperature": fit_temperature,
    "platt": fit_platt,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}


def _check_fit(
    what: str, labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (labels, logits, weights) of the rows that count; refuses what cannot be fitted."""
    y, x = np.asarray(labels, float), np.asarray(logits, float)
    w = np.ones(y.shape) if weights is None else np.asarray(weights, float)
    if y.shape != x.shape or y.shape != w.shape or y.ndim != 1:
        raise ValueError(f"{y.shape} labels, {x.shape} logits, {w.shape} weights; expected alike.")
    y, x, w = y[w > 0], x[w > 0], w[w > 0]
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, found {np.unique(y)[:5].tolist()}.")
    if not np.isfinite(x).all():
        raise ValueError(f"{what}: {int((~np.isfinite(x)).sum())} logits are not finite.")
    if y.min(initial=1) == y.max(initial=0) or y.size == 0:
        raise CalibrationError(
            f"{what} needs both outcomes; found {int(y.sum())} positives among {y.size}. "
            "Tune on a larger set."
        )
    if x.min() == x.max():
        raise CalibrationError(f"{what}: all {x.size} logits are {x[0]:g}; nothing can be fitted.")
    return y, x, w


def _record(method: str, labels: np.ndarray, **numbers: Any) -> dict[str, Any]:
    return {"method": method, **numbers, "n": int(labels.size), "positives": int(labels.sum())}
