"""The device probe: whether a plain classifier can tell which device an image came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.audit.discriminant import fit_discriminant, predict_chances
from mammo_pipeline.mammo.intervals import CELLS, draw_patient_counts, percentile_interval
from mammo_pipeline.mammo.scoring import auroc

TREES = 100


@dataclass(frozen=True)
class ProbeRule:
    """How the devices are probed.

    Attributes:
        folds: Of the cross-validation by patient.
        draws: Bootstrap draws of patients.
        level: Of the intervals.
        seed: Of folds, forest and draws.
    """

    folds: int
    draws: int
    level: float
    seed: int


@dataclass(frozen=True)
class Guesses:
    """What the classifier said of images that it had not seen.

    Attributes:
        names: Devices, sorted.
        chances: Probability of each device, images x devices, out of fold.
        fold: The fold in which each image was held out.
    """

    names: tuple[str, ...]
    chances: np.ndarray
    fold: np.ndarray


def hinder_probe(devices: pd.Series, patients: pd.Series, folds: int) -> str:
    """Returns why the devices cannot be probed, or an empty text.

    >>> hinder_probe(pd.Series(["A", "A"]), pd.Series(["1", "2"]), 2)
    'only one device'
    """
    counts = pd.DataFrame({"d": devices.to_numpy(), "p": patients.to_numpy()}).groupby("d")["p"]
    women = counts.nunique()
    if len(women) < 2:
        return "only one device"
    if women.min() < folds:
        return f"{women.idxmin()} has {women.min()} patients for {folds} folds; pool rare devices"
    return ""


def probe_devices(
    features: np.ndarray,
    devices: pd.Series,
    patients: pd.Series,
    weights: np.ndarray,
    rule: ProbeRule,
) -> dict[str, Any]:
    """Returns how well the devices are told apart, as `measure_guesses` words it; or why not.

    Args:
        features: Images x features, finite.
        devices: Device of each image.
        patients: Patient of each image; one with exams on two devices is one patient.
        weights: How much each image counts: `confounders.weigh_images`, or ones.
        rule: How.
    """
    hindrance = hinder_probe(devices, patients, rule.folds)
    if hindrance:
        return {"auc": None, "low": None, "high": None, "reason": hindrance}
    guesses = guess_devices(features, devices, patients, weights, rule)
    return measure_guesses(guesses, devices, patients, weights, rule)


def guess_devices(
    features: np.ndarray,
    devices: pd.Series,
    patients: pd.Series,
    weights: np.ndarray,
    rule: ProbeRule,
) -> Guesses:
    """Returns out-of-fold probabilities: the mean of a linear discriminant's and a forest's.

    The discriminant adds up many faint traces, the forest sees thresholds and combinations that no
    plane parts; neither finds all that the other does. No patient lies in two folds.

    Raises:
        ValueError: Fewer than two devices, or fewer patients of a device than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    hindrance = hinder_probe(devices, patients, rule.folds)
    if hindrance:
        raise ValueError(f"The device probe cannot run: {hindrance}.")
    names, device_of = np.unique(devices.to_numpy().astype(str), return_inverse=True)
    features = np.asarray(features, np.float64)
    chances = np.zeros((len(features), len(names)))
    fold = np.zeros(len(features), int)
    splitter = StratifiedGroupKFold(rule.folds, shuffle=True, random_state=rule.seed)
    for number, (seen, held) in enumerate(splitter.split(features, device_of, patients)):
        known = features[seen], device_of[seen], weights[seen]
        linear = predict_chances(fit_discriminant(*known, len(names)), features[held])
        chances[held] = (linear + _ask_forest(*known, features[held], rule.seed)) / 2
        fold[held] = number
    return Guesses(tuple(map(str, names)), chances, fold)


def _ask_forest(
    features: np.ndarray,
    device_of: np.ndarray,
    weights: np.ndarray,
    held: np.ndarray,
    seed: int,
) -> np.ndarray:
    from sklearn.ensemble import RandomForestClassifier

    # One thread: several add up their trees in the order in which they finish, and no two runs
    # agree to the last bit.
    forest = RandomForestClassifier(
        TREES,
        min_samples_leaf=3,
        max_features="sqrt",
        class_weight="balanced",
        random_state=seed,
        n_jobs=1,
    )
    return forest.fit(features, device_of, weights).predict_proba(held)


def measure_guesses(
    guesses: Guesses,
    devices: pd.Series,
    patients: pd.Series,
    weights: np.ndarray,
    rule: ProbeRule,
) -> dict[str, Any]:
    """Returns the AUC of telling a device from the rest, mean over devices, with its interval.

    Images are compared within a fold only: across folds the scores of different classifiers would
    be ranked, and a fold's own share of a device pulls its scores against that share, which brings
    the pooled AUC below 0.5 where there is nothing to find (Parker et al. 2007). Folds count by
    their pairs. The interval is of the bootstrap over patients, stratified by the device of most
    of a patient's images, and widened: the bootstrap takes the classifiers as given, but every
    patient also trained those of the other folds, which at chance doubles the variance. The factor
    is Nadeau and Bengio's (2003), sqrt(1 + folds * held / trained) = 1.5 for five folds. 0.5 is
    chance. Each device has its own interval, at a level that holds for all of them together
    (Bonferroni).

    Args:
        guesses: What `guess_devices` returned.
        devices: Device of each image.
        patients: Patient of each image.
        weights: How much each image counts.
        rule: How.
    """
    device_of = np.searchsorted(guesses.names, devices.to_numpy().astype(str))
    found = compare_within_folds(guesses, device_of, np.asarray(weights, float)[None])[0]
    wider = np.sqrt(1 + rule.folds / (rule.folds - 1))
    drawn = found + wider * (_draw_areas(guesses, device_of, patients, weights, rule) - found)
    drawn = np.clip(drawn, 0.0, 1.0)
    low, high = percentile_interval(drawn.mean(1), rule.level)
    each = 1 - (1 - rule.level) / len(guesses.names)
    own = [percentile_interval(drawn[:, number], each) for number in range(len(found))]
    return {
        "auc": float(found.mean()),
        "low": low,
        "high": high,
        "images": len(device_of),
        "patients": int(patients.nunique()),
        "devices": len(guesses.names),
        "how": "linear discriminant and random forest, out of fold by patient; one device against "
        f"the rest within each of {rule.folds} folds, mean over devices; patient bootstrap, "
        f"{rule.draws} draws, widened {wider:.2f} times for the shared training, {rule.level:.0%}",
        "by_device": dict(zip(guesses.names, map(float, found), strict=True)),
        "by_device_interval": dict(zip(guesses.names, map(list, own), strict=True)),
        "level_by_device": each,
    }


def compare_within_folds(
    guesses: Guesses, device_of: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Returns the AUC of each device against the rest, (draws, devices), over pairs of one fold.

    Args:
        guesses: Out-of-fold probabilities.
        device_of: Number of each image's device.
        weights: Draws x images.
    """
    areas = np.zeros((len(weights), len(guesses.names)))
    for device in range(len(guesses.names)):
        won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for number in np.unique(guesses.fold):
            held = guesses.fold == number
            own = (device_of[held] == device).astype(float)
            here = weights[:, held]
            count = (here @ own) * (here @ (1 - own))
            area = auroc(own, guesses.chances[held, device], here)
            won += np.where(count > 0, np.nan_to_num(area) * count, 0.0)
            pairs += count
        with np.errstate(invalid="ignore", divide="ignore"):
            areas[:, device] = won / pairs
    return areas


def _draw_areas(
    guesses: Guesses,
    device_of: np.ndarray,
    patients: pd.Series,
    weights: np.ndarray,
    rule: ProbeRule,
) -> np.ndarray:
    people, patient_of = np.unique(patients.to_numpy().astype(str), return_inverse=True)
    shares = np.zeros((len(people), len(guesses.names)))
    np.add.at(shares, (patient_of, device_of), 1)
    rng = np.random.default_rng(rule.seed)
    batch = max(1, CELLS // len(device_of))
    areas = []
    for start in range(0, rule.draws, batch):
        counts = draw_patient_counts(shares.argmax(1), min(batch, rule.draws - start), rng)
        areas.append(compare_within_folds(guesses, device_of, counts[:, patient_of] * weights))
    return np.concatenate(areas)


def rank_features(features: pd.DataFrame, devices: pd.Series, weights: np.ndarray) -> pd.DataFrame:
    """Returns feature, device and auc of every feature alone, the one farthest from 0.5 first.

    The weighted AUC of the feature's values, the device against the rest: above 0.5 the device's
    are higher. It tells where a leak sits; combinations leak more than any one feature.

    >>> table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [0.0, 0.0, 0.0]})
    >>> rank_features(table, pd.Series(["A", "A", "B"]), np.ones(3)).loc[0, "feature"]
    'x'
    """
    names = sorted(devices.astype(str).unique())
    own = {name: devices.astype(str).eq(name).to_numpy(float) for name in names}
    rows = [
        (str(feature), name, float(auroc(own[name], features[feature].to_numpy(float), weights)))
        for feature in features
        for name in names
    ]
    table = pd.DataFrame(rows, columns=["feature", "device", "auc"])
    far = (table["auc"] - 0.5).abs().sort_values(ascending=False, kind="stable").index
    return table.loc[far].reset_index(drop=True)
