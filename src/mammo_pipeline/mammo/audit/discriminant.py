"""Fisher's discriminant for weighted rows and many features: what a linear layer would learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Discriminant:
    """A fitted discriminant: logits are (features - centre) / scale @ slopes + offsets.

    Attributes:
        centre: Of each feature.
        scale: Of each feature; infinite for one that does not vary.
        slopes: Features x classes; 0 for a feature that does not vary.
        offsets: Of each class.
    """

    centre: np.ndarray
    scale: np.ndarray
    slopes: np.ndarray
    offsets: np.ndarray


def fit_discriminant(
    features: np.ndarray, classes: np.ndarray, weights: np.ndarray, count: int
) -> Discriminant:
    """Returns the linear discriminant with equal priors and a shrunken common covariance.

    Scikit-learn's takes no weights; the shrinkage is its OAS (Chen et al. 2010), with the effective
    number of rows, (sum w)^2 / sum w^2, for the number.

    Args:
        features: Rows x features, finite.
        classes: Class of each row, 0 to count - 1; every class occurs.
        weights: How much each row counts, above 0.
        count: Number of classes.
    """
    centre = np.average(features, axis=0, weights=weights)
    scale = np.sqrt(np.average((features - centre) ** 2, axis=0, weights=weights))
    # A feature that does not vary, up to rounding, tells nothing and must not be blown up.
    varies = scale > 1e-9 * np.maximum(1.0, np.abs(centre))
    scale = np.where(varies, scale, np.inf)
    shaped = ((features - centre) / scale)[:, varies]
    members = np.eye(count)[classes] * weights[:, None]
    means = members.T @ shaped / members.sum(0)[:, None]
    apart = (shaped - means[classes]) * np.sqrt(weights / weights.sum())[:, None]
    effective = weights.sum() ** 2 / (weights**2).sum() - count
    slopes = np.zeros((features.shape[1], count))
    if varies.any():
        common = _shrink(apart.T @ apart, max(effective, 1.0))
        slopes[varies] = np.linalg.solve(common, means.T)
    return Discriminant(centre, scale, slopes, -0.5 * (means.T * slopes[varies]).sum(0))


def _shrink(covariance: np.ndarray, n: float) -> np.ndarray:
    """Returns the covariance drawn towards a multiple of the identity (Chen et al. 2010, OAS)."""
    size = len(covariance)
    middle = float(np.trace(covariance)) / size
    square = float((covariance**2).mean())
    rest = (n + 1.0) * (square - middle**2 / size)
    share = 1.0 if rest <= 0 else min((square + middle**2) / rest, 1.0)
    return (1 - share) * covariance + (share * middle + 1e-9) * np.eye(size)


def predict_chances(model: Discriminant, features: np.ndarray) -> np.ndarray:
    """Returns the probability of each class, rows x classes."""
    logits = (features - model.centre) / model.scale @ model.slopes + model.offsets
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)
