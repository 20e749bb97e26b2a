"""Which calibration is frozen: cross-validated by patient, the simplest of those that are best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.calibration.fit import FITS, CalibrationError
from mammo_pipeline.mammo.calibration.held_out import (
    Scored,
    divide_patients,
    fit_scope,
    gather_scored,
    hold_out,
)
from mammo_pipeline.mammo.calibration.maps import is_rising
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure, patient_outcomes

SCOPES = ("pooled", "by_device")

RULE = (
    "Of the calibrations whose cross-validated log loss lies within one standard error of the "
    "lowest, the simplest is frozen (the one standard error rule of Breiman et al. 1984, with the "
    "standard error of the paired difference to the lowest, by patient bootstrap, since all "
    "candidates are measured on the same breasts). In order of simplicity: {order}; every pooled "
    "one before any by device. No patient is both fitted on and measured on. A device has a map of "
    "its own when at least {min_positives} of its breasts have cancer and {min_positives} have not."
)
HOW = "mean negative log-likelihood in nats on held-out patients, {folds} folds"
NOT_VALIDATED = (
    "cannot be cross-validated: {patients} of {n} patients with cancer; at least 2 patients of "
    "each outcome are needed"
)


def choose_calibration(
    labels: ArrayLike,
    logits: ArrayLike,
    patients: ArrayLike,
    devices: ArrayLike | None = None,
    methods: Sequence[str] = ("temperature", "platt", "beta", "isotonic"),
    scopes: Sequence[str] = SCOPES,
    folds: int = 5,
    seed: int = 0,
    min_positives: int = 20,
    repeats: int = 1000,
    level: float = 0.95,
) -> dict[str, Any]:
    """Returns the calibration record that is frozen with an ensemble; `apply_calibration` reads it.

    It holds method, scope, pooled (the map), by_device (device to map, empty when pooled),
    candidates ({method, scope, log_loss and difference as figures, chosen, reason}), folds, rule,
    n and positives. The same arguments give the same record.

    Args:
        labels: 0 or 1 of each tune breast, shape (n,).
        logits: Uncalibrated logits of the ensemble, shape (n,).
        patients: The patient of each breast: the unit of folds and bootstrap.
        devices: The device of each breast; one device when None.
        methods: Names of `fit.FITS`.
        scopes: pooled, by_device or both.
        folds: Of the cross-validation; fewer when patients of an outcome are fewer.
        seed: Of folds and bootstrap.
        min_positives: Breasts of each outcome that a device needs for a map of its own.
        repeats: Bootstrap replicates.
        level: Of the intervals.

    Raises:
        ValueError: A name is unknown, or the columns cannot be measured.
        CalibrationError: No candidate can be fitted that rises with the logit.
    """
    scored = gather_scored(labels, logits, patients, devices)
    names = order_candidates(methods, scopes)
    records = {name: _try(fit_candidate, scored, *name, min_positives) for name in names}
    can = {name: record for name, record in records.items() if isinstance(record, dict)}
    if not can:
        why = "; ".join(f"{m} {s}: {records[m, s]}" for m, s in names)
        raise CalibrationError(f"no calibration fits {_count(scored)}: {why}")
    parts = divide_patients(scored, folds, seed)
    losses = {name: _try(hold_out, scored, parts, *name, min_positives) for name in can}
    known = {name: loss for name, loss in losses.items() if isinstance(loss, np.ndarray)}
    measured = measure_losses(known, scored, len(parts), seed, repeats, level)
    chosen = pick_simplest(measured, list(can))
    missing = _explain_missing(scored, parts)
    reasons = {n: r for n, r in (records | losses).items() if isinstance(r, str)}
    candidates = [
        _tell_candidate(name, measured, chosen, missing or reasons.get(name)) for name in names
    ]
    order = ", ".join(name for name in FITS if name in methods)
    return can[chosen] | {
        "candidates": candidates,
        "folds": len(parts),
        "rule": RULE.format(order=order, min_positives=min_positives),
    }


def order_candidates(methods: Sequence[str], scopes: Sequence[str]) -> list[tuple[str, str]]:
    """Returns (method, scope) of every candidate, the simplest first.

    Raises:
        ValueError: A name is unknown, or there is none.

    >>> order_candidates(["platt", "temperature"], ["pooled"])
    [('temperature', 'pooled'), ('platt', 'pooled')]
    """
    unknown = [*(set(methods) - set(FITS)), *(set(scopes) - set(SCOPES))]
    if unknown or not methods or not scopes:
        raise ValueError(
            f"calibrations {list(methods)} and scopes {list(scopes)}; expected some of "
            f"{', '.join(FITS)} and of {', '.join(SCOPES)}."
        )
    return [(m, s) for s in SCOPES if s in scopes for m in FITS if m in methods]


def fit_candidate(scored: Scored, method: str, scope: str, min_positives: int) -> dict[str, Any]:
    """Returns a candidate fitted on all breasts, as `fit_scope` records it.

    Raises:
        CalibrationError: It cannot be fitted, or one of its maps does not rise with the logit.
    """
    record = fit_scope(scored, method, scope, min_positives)
    for where, fitted in {"all": record["pooled"], **record["by_device"]}.items():
        if not is_rising(fitted):
            raise CalibrationError(
                f"{where}: the map does not rise with the logit, so the scores rank these "
                f"{fitted['n']} breasts no better than chance"
            )
    return record


def measure_losses(
    losses: dict[tuple[str, str], np.ndarray],
    scored: Scored,
    folds: int,
    seed: int,
    repeats: int,
    level: float,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Returns {log_loss, difference, standard_error} of each candidate, the simplest first.

    `difference` is to the lowest, paired; its standard error is that of the bootstrap.
    """
    if not losses:
        return {}
    names, table = list(losses), np.array(list(losses.values()))
    means = table.mean(1)
    best = int(np.flatnonzero(means <= means.min() + 1e-12)[0])
    draws = bootstrap_by_patient(
        lambda w: {str(k): (w @ row) / w.sum(-1) for k, row in enumerate(table)},
        scored.patients,
        scored.labels,
        repeats,
        np.random.default_rng(seed),
    )
    n, how = table.shape[1], HOW.format(folds=folds)
    measured = {}
    for k, name in enumerate(names):
        apart = draws[str(k)] - draws[str(best)]
        gap = f"{how}; less that of {' '.join(names[best])}, the lowest"
        measured[name] = {
            "log_loss": figure(float(means[k]), draws[str(k)], n, level, how),
            "difference": figure(float(means[k] - means[best]), apart, n, level, gap),
            "standard_error": float(apart.std()),
        }
    return measured


def pick_simplest(
    measured: dict[tuple[str, str], dict[str, Any]], fitted: list[tuple[str, str]]
) -> tuple[str, str]:
    """Returns the first candidate within one standard error of the best; without any, the first."""
    for name, found in measured.items():
        if found["difference"]["value"] <= found["standard_error"] + 1e-12:
            return name
    return fitted[0]


def _tell_candidate(
    name: tuple[str, str],
    measured: dict[tuple[str, str], dict[str, Any]],
    chosen: tuple[str, str],
    missing: str | None,
) -> dict[str, Any]:
    """Returns a candidate as the record lists it, with why it was or was not chosen."""
    found = {"method": name[0], "scope": name[1]}
    if name not in measured:
        undefined = figure(np.nan, np.array([]), 0, 0.95, "not measured", missing)
        told = f"the simplest that can be fitted; {missing}" if name == chosen else missing
        pair = {"log_loss": undefined, "difference": undefined}
        return found | pair | {"chosen": name == chosen, "reason": told}
    gap, error = measured[name]["difference"]["value"], measured[name]["standard_error"]
    within = gap <= error + 1e-12
    told = f"{gap:.4f} above the lowest, standard error {error:.4f}"
    told = "the lowest" if gap <= 1e-12 else told
    if name == chosen:
        told += ": the simplest within one standard error"
    elif within:
        told += ": as good, but not the simplest"
    pair = {key: measured[name][key] for key in ("log_loss", "difference")}
    return found | pair | {"chosen": name == chosen, "reason": told}


def _explain_missing(scored: Scored, parts: list[Any]) -> str | None:
    if parts:
        return None
    _, outcomes = patient_outcomes(scored.patients, scored.labels)
    return NOT_VALIDATED.format(patients=int(outcomes.sum()), n=len(outcomes))


def _count(scored: Scored) -> str:
    return f"these {scored.labels.size} breasts, {int(scored.labels.sum())} with cancer"


def _try(work: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what the work returns, or, where it refuses, why as text."""
    try:
        return work(*arguments)
    except CalibrationError as problem:
        return str(problem)
