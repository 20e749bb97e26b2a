"""How much of a score metadata explain: at all, and once the outcome is taken off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure
from mammo_pipeline.mammo.shortcuts.columns import encode_metadata

if TYPE_CHECKING:
    from mammo_pipeline.mammo.shortcuts.metadata import MetadataRule

HOW = {
    "whole": "share of the score's variance that metadata predict, out of fold by patient; below 0 "
    "is nothing",
    "within": "the same for the score less the mean of its own outcome: a score that follows "
    "cancer, and cancers that follow a device, alone make it 0",
    "lean": "correlation, within each outcome, of the score with the risk that metadata state: "
    "above 0 the score leans where cancers were more common in the data learnt from",
}


def explain_score(
    test: pd.DataFrame,
    logits: np.ndarray,
    risk: np.ndarray,
    columns: Mapping[str, str],
    rule: MetadataRule,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns {whole, within, lean, device}: how far the score is a matter of metadata.

    Args:
        test: Breasts of the test side, as `gather_metadata` gives them.
        logits: Our calibrated logit of each, finite.
        risk: Log odds of cancer that a model of metadata states of each.
        columns: Name to kind.
        rule: Folds, replicates, level, seed.
        rng: Where chance comes from.

    Returns:
        Figures: `whole`, the cross-fitted R2 of the logit; `within`, that of the logit less the
        mean of its outcome; `device`, the same by device alone, None where there is no such
        column; `lean`, a correlation.
    """
    labels = test["cancer"].to_numpy(int)
    rest = take_off_outcome(logits, labels)
    guesses = {
        "whole": (logits, predict_score(test, logits, columns, rule)),
        "within": (rest, predict_score(test, rest, columns, rule)),
    }
    if "device" in columns:
        alone = {"device": columns["device"]}
        guesses["device"] = (rest, predict_score(test, rest, alone, rule))

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        found = {name: explained_share(*pair, weights) for name, pair in guesses.items()}
        return found | {"lean": correlate_within(logits, risk, labels, weights)}

    whole = measure(np.ones(len(labels)))
    draws = bootstrap_by_patient(measure, test["patient_id"], labels, rule.repeats, rng)
    how = HOW | {"device": "as within, by the device alone"}
    return {
        name: figure(float(whole[name]), draws[name], len(labels), rule.level, how[name])
        for name in whole
    }


def take_off_outcome(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the values less the mean of their own outcome.

    >>> take_off_outcome(np.array([1.0, 3.0, 9.0]), np.array([0, 0, 1])).tolist()
    [-1.0, 1.0, 0.0]
    """
    rest = np.asarray(values, float).copy()
    for label in np.unique(labels):
        rest[labels == label] -= rest[labels == label].mean()
    return rest


def predict_score(
    test: pd.DataFrame, values: np.ndarray, columns: Mapping[str, str], rule: MetadataRule
) -> np.ndarray:
    """Returns each breast's value as metadata predict it, out of fold by patient.

    The mean of a ridge regression and of gradient boosting, as for the outcome.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    fold = draw_folds(test["patient_id"], test["cancer"], rule.folds, rule.seed)
    guesses = np.zeros(len(values))
    for number in range(rule.folds):
        held = fold == number
        fitted, asked = encode_metadata(test[~held], test[held], columns)
        line = Ridge(1.0).fit(fitted, values[~held])
        trees = HistGradientBoostingRegressor(
            max_iter=30,
            max_leaf_nodes=8,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=rule.seed,
        ).fit(fitted, values[~held])
        guesses[held] = (line.predict(asked) + trees.predict(asked)) / 2
    return guesses


def draw_folds(patients: pd.Series, labels: pd.Series, folds: int, seed: int) -> np.ndarray:
    """Returns the fold of each row, 0 to folds - 1: patients whole, outcomes spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    fold = np.zeros(len(patients), int)
    parted = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    truth = labels.to_numpy(int)
    for number, (_, held) in enumerate(parted.split(np.zeros(len(truth)), truth, patients)):
        fold[held] = number
    return fold


def explained_share(values: np.ndarray, guesses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns R2 = 1 - error / spread, NaN where the values are all equal; shape weights[..., 0].

    >>> float(explained_share(np.array([0.0, 2.0]), np.array([0.5, 1.5]), np.ones(2)))
    0.75
    """
    total = weights.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weights * values).sum(-1) / total
        spread = (weights * (values - mean[..., None]) ** 2).sum(-1)
        error = (weights * (values - guesses) ** 2).sum(-1)
        return np.where(spread > 0, 1 - error / spread, np.nan)


def correlate_within(
    values: np.ndarray, risk: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Returns the correlation of two columns less the means of each outcome.

    NaN where one does not vary; the shape of weights[..., 0].

    >>> labels = np.array([0, 0, 1, 1])
    >>> float(correlate_within(np.arange(4.0), np.arange(4.0), labels, np.ones(4)))
    1.0
    """
    products = np.zeros((3, *weights.shape[:-1]))
    for label in np.unique(labels):
        own = weights[..., labels == label]
        total = np.maximum(own.sum(-1), 1e-12)
        parts = []
        for column in (values, risk):
            mine = np.asarray(column, float)[labels == label]
            parts.append(mine - ((own * mine).sum(-1) / total)[..., None])
        for place, (a, b) in enumerate(((0, 0), (1, 1), (0, 1))):
            products[place] += (own * parts[a] * parts[b]).sum(-1)
    spread = products[0] * products[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 1e-18, products[2] / np.sqrt(spread), np.nan)
