"""Calibrations measured on patients that they were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.calibration.errors import row_losses
from mammo_pipeline.mammo.calibration.fit import FITS, CalibrationError
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.calibration.reliability import check_scored
from mammo_pipeline.mammo.intervals import patient_outcomes


@dataclass(frozen=True)
class Scored:
    """What calibrations are chosen on: one row a breast.

    Attributes:
        labels: 0 or 1, float, shape (n,).
        logits: Uncalibrated, shape (n,).
        patients: Text, shape (n,).
        devices: Text, shape (n,).
    """

    labels: np.ndarray
    logits: np.ndarray
    patients: np.ndarray
    devices: np.ndarray

    def take(self, rows: np.ndarray) -> Scored:
        """Returns some of the rows."""
        return Scored(self.labels[rows], self.logits[rows], self.patients[rows], self.devices[rows])


def gather_scored(
    labels: ArrayLike, logits: ArrayLike, patients: ArrayLike, devices: ArrayLike | None
) -> Scored:
    """Returns the columns side by side, of one device when none is given.

    Raises:
        ValueError: They cannot be measured: none, unlike lengths, labels other than 0 and 1, or a
            logit that is not finite.
    """
    y, x = np.asarray(labels, float), np.asarray(logits, float)
    women = np.asarray(patients).astype(str)
    check_scored(y, x, women)
    machines = np.full(y.shape, "", str) if devices is None else np.asarray(devices).astype(str)
    if machines.shape != y.shape:
        raise ValueError(f"{machines.shape} devices for {y.shape} labels; expected one each.")
    return Scored(y, x, women, machines)


def fit_scope(scored: Scored, method: str, scope: str, min_positives: int) -> dict[str, Any]:
    """Returns {method, scope, pooled, by_device, n, positives} of one candidate.

    Raises:
        CalibrationError: It cannot be fitted, or no device has enough breasts for a map of its own.
    """
    pooled = FITS[method](scored.labels, scored.logits)
    own = {}
    for device in list_devices(scored, min_positives) if scope == "by_device" else []:
        mine = scored.take(scored.devices == device)
        try:
            own[device] = FITS[method](mine.labels, mine.logits)
        except CalibrationError as problem:
            raise CalibrationError(f"device {device}: {problem}") from problem
    if scope == "by_device" and not own:
        raise CalibrationError(
            f"no device has {min_positives} breasts with cancer and {min_positives} without: the "
            "same as pooled"
        )
    counts = {"n": pooled["n"], "positives": pooled["positives"]}
    return {"method": method, "scope": scope, "pooled": pooled, "by_device": own, **counts}


def list_devices(scored: Scored, min_positives: int) -> list[str]:
    """Returns the devices, sorted, with at least so many breasts of each outcome."""
    names, codes = np.unique(scored.devices, return_inverse=True)
    positives = np.bincount(codes, scored.labels, len(names))
    negatives = np.bincount(codes, 1 - scored.labels, len(names))
    enough = np.minimum(positives, negatives) >= max(min_positives, 1)
    return [str(name) for name in names[enough]]


def divide_patients(scored: Scored, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns (fitted rows, held-out rows) of each fold; no patient is in both, none in two folds.

    Empty when an outcome has fewer than 2 patients, for then a fold would lack it.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    _, outcomes = patient_outcomes(scored.patients, scored.labels)
    fewest = int(min(outcomes.sum(), (1 - outcomes).sum()))
    if min(folds, fewest) < 2:
        return []
    splitter = StratifiedGroupKFold(min(folds, fewest), shuffle=True, random_state=seed)
    return list(splitter.split(scored.logits, scored.labels, scored.patients))


def hold_out(
    scored: Scored,
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    method: str,
    scope: str,
    min_positives: int,
) -> np.ndarray:
    """Returns the log loss of each row under a map that was fitted without its patient, (n,).

    A map of a fold may lack a device that the whole set has enough of: its rows are then pooled, as
    a device without a map is when the record is used.

    Raises:
        CalibrationError: The candidate cannot be fitted in a fold, or there are no folds.
    """
    if not parts:
        raise CalibrationError("no folds")
    losses = np.full(scored.labels.shape, np.nan)
    for number, (seen, held) in enumerate(parts):
        fitted, rest = scored.take(seen), scored.take(held)
        here = scope if list_devices(fitted, min_positives) else "pooled"
        try:
            record = fit_scope(fitted, method, here, min_positives)
        except CalibrationError as problem:
            raise CalibrationError(f"in fold {number + 1}: {problem}") from problem
        losses[held] = row_losses(rest.labels, apply_calibration(record, rest.logits, rest.devices))
    return losses
