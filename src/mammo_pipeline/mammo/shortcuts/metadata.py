"""What a model of metadata alone says of the outcome, and how much of our score it explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure
from mammo_pipeline.mammo.shortcuts.columns import choose_columns, encode_metadata
from mammo_pipeline.mammo.shortcuts.explained import draw_folds, explain_score
from mammo_pipeline.mammo.shortcuts.pairs import areas_by_pair

# Rows of a class below which nothing is fitted.
LEAST_CLASS = 10


@dataclass(frozen=True)
class MetadataRule:
    """How metadata are tried.

    Attributes:
        columns: Name to `category` or `number`; those that a table lacks are left out and named.
        folds: Of cross-fitting by patient.
        repeats: Bootstrap replicates of patients.
        level: Of the intervals.
        seed: Of folds and trees.
    """

    columns: Mapping[str, str]
    folds: int
    repeats: int
    level: float
    seed: int


def predict_outcome(
    known: pd.DataFrame, table: pd.DataFrame, columns: Mapping[str, str], seed: int
) -> dict[str, np.ndarray]:
    """Returns the log odds of cancer of each row of `table`: `logistic`, `boosting`, `both`.

    `both` is their mean, decided beforehand: the better of two, chosen where it is judged, would
    be too good.

    Args:
        known: Breasts with `cancer` and the columns, to learn from.
        table: Breasts with the columns.
        columns: Name to kind.
        seed: Of the trees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    fitted, asked = encode_metadata(known, table, columns)
    labels = known["cancer"].to_numpy(int)
    line = LogisticRegression(max_iter=1000).fit(fitted, labels)
    trees = HistGradientBoostingClassifier(
        max_iter=30,
        max_leaf_nodes=8,
        learning_rate=0.1,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    ).fit(fitted, labels)
    logits = {"logistic": line.decision_function(asked), "boosting": trees.decision_function(asked)}
    return logits | {"both": (logits["logistic"] + logits["boosting"]) / 2}


def crossfit_outcome(
    breasts: pd.DataFrame, columns: Mapping[str, str], folds: int, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns the out-of-fold log odds of each breast and its fold; no patient is in two folds."""
    fold = draw_folds(breasts["patient_id"], breasts["cancer"], folds, seed)
    logits = {name: np.zeros(len(breasts)) for name in ("logistic", "boosting", "both")}
    for number in range(folds):
        held = fold == number
        found = predict_outcome(breasts[~held], breasts[held], columns, seed)
        for name, values in found.items():
            logits[name][held] = values
    return logits, fold


def measure_metadata(
    test: pd.DataFrame,
    known: pd.DataFrame | None,
    logits: np.ndarray,
    rule: MetadataRule,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns what metadata say of the outcome and of our score, with and without age.

    Args:
        test: Breasts of the test side as `gather_metadata` gives them.
        known: Breasts of train and tune, likewise; None or empty to cross-fit on the test side.
        logits: Our calibrated logit of each test breast, finite, in the order of `test`.
        rule: How.
        rng: Where chance comes from.

    Returns:
        {without_age, with_age: {label: {both, logistic, boosting: figures of AUC}, score: what
        `explain_score` returns, columns}, absent, trained_on}, or {reason}.

    Raises:
        ValueError: A logit is not finite, or there is not one a breast.
    """
    logits = np.asarray(logits, float)
    if logits.shape != (len(test),) or not np.isfinite(logits).all():
        raise ValueError(
            f"{int(np.isfinite(logits).sum())} finite logits for {len(test)} test breasts; "
            "expected one each."
        )
    known = None if known is None or known.empty else known
    if reason := hinder_metadata(test, known, rule.folds):
        return {"reason": reason}
    record: dict[str, Any] = {
        "absent": [name for name in rule.columns if name not in test],
        "trained_on": f"{len(known)} breasts of train and tune"
        if known is not None
        else f"the test side itself, out of fold by patient, {rule.folds} folds",
    }
    for name, has_age in (("without_age", False), ("with_age", True)):
        columns = choose_columns(test if known is None else known, rule.columns, has_age)
        columns = {column: kind for column, kind in columns.items() if column in test}
        record[name] = _measure_columns(test, known, logits, columns, rule, rng)
    return record


def _measure_columns(
    test: pd.DataFrame,
    known: pd.DataFrame | None,
    logits: np.ndarray,
    columns: dict[str, str],
    rule: MetadataRule,
    rng: np.random.Generator,
) -> dict[str, Any]:
    if not columns:
        return {"reason": "no column of metadata varies: nothing to learn from", "columns": []}
    if known is None:
        risks, fold = crossfit_outcome(test, columns, rule.folds, rule.seed)
        how = "area over pairs of one fold, models out of fold by patient"
    else:
        risks, fold = predict_outcome(known, test, columns, rule.seed), np.zeros(len(test))
        how = "area under the ROC curve on test, models of train and tune"
    return {
        "columns": list(columns),
        "label": _measure_risks(test, risks, fold, how, rule, rng),
        "score": explain_score(test, logits, risks["both"], columns, rule, rng),
    }


def _measure_risks(
    test: pd.DataFrame,
    risks: dict[str, np.ndarray],
    fold: np.ndarray,
    how: str,
    rule: MetadataRule,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the AUC of each model; pairs of two folds would compare two models' scales."""
    labels = test["cancer"].to_numpy(int)

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {
            name: areas_by_pair(labels, risk, fold, weights)["within"]
            for name, risk in risks.items()
        }

    whole = measure(np.ones(len(labels)))
    draws = bootstrap_by_patient(measure, test["patient_id"], labels, rule.repeats, rng)
    return {
        name: figure(float(whole[name]), draws[name], len(labels), rule.level, how)
        for name in risks
    }


def hinder_metadata(test: pd.DataFrame, known: pd.DataFrame | None, folds: int) -> str:
    """Returns why nothing can be measured, or an empty text.

    >>> breasts = pd.DataFrame({"patient_id": ["a", "b", "c"], "cancer": [0, 1, 0]})
    >>> hinder_metadata(breasts, None, 5)
    'cannot be estimated, n = 3: 1 patients with cancer, 5 needed'
    """
    if test.empty:
        return "cannot be estimated, n = 0"
    people = test.groupby("patient_id")["cancer"].max()
    sick = int(people.sum())
    for count, words in ((sick, "with cancer"), (len(people) - sick, "without cancer")):
        if count < folds:
            return f"cannot be estimated, n = {len(test)}: {count} patients {words}, {folds} needed"
    learnt = test if known is None else known
    least = int(min(learnt["cancer"].sum(), (1 - learnt["cancer"].astype(int)).sum()))
    if least < LEAST_CLASS:
        return (
            f"cannot be estimated: {least} breasts of a class to learn from, {LEAST_CLASS} needed"
        )
    return ""
