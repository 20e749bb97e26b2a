"""The device probe: whether a plain classifier can tell which device an image came from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from mammo_pipeline.mammo.intervals import draw_patient_counts, percentile_interval
from mammo_pipeline.mammo.scoring import auroc

FEATURES = [
    "tissue_share",
    "height_share",
    "width_share",
    "corner_top",
    "corner_bottom",
    "border_right",
    "border_wall",
    "mean",
    "spread",
    "q05",
    "q25",
    "q50",
    "q75",
    "q95",
    "gradient",
    "high_frequency",
    "mid_frequency",
    "noise_ratio",
]


def describe_image(image: np.ndarray) -> dict[str, float]:
    """Returns the features of one image by which a device could be recognized.

    Geometry (tissue's share of the frame, its height and width, corners and borders), grey levels
    on tissue, and sharpness and noise (gradient, energy of two frequency bands, their ratio).

    Args:
        image: uint16, rows x columns, chest wall left; 0 is air where the image is standardized.
    """
    grey = image.astype(np.float32) / 65535
    floor = float(np.quantile(grey, 0.02))
    tissue = grey > floor + 0.02
    inside = grey[tissue] if tissue.any() else grey.ravel()
    rows, columns = np.flatnonzero(tissue.any(1)), np.flatnonzero(tissue.any(0))
    fine = grey - ndimage.gaussian_filter(grey, 1.0)
    middle = ndimage.gaussian_filter(grey, 1.0) - ndimage.gaussian_filter(grey, 3.0)
    core = ndimage.binary_erosion(tissue, iterations=4)
    core = core if core.any() else tissue
    fine_energy, middle_energy = _spread(fine[core]), _spread(middle[core])
    slope = np.hypot(*np.gradient(grey))
    edge = max(2, min(image.shape) // 16)
    quantiles = np.quantile(inside, [0.05, 0.25, 0.5, 0.75, 0.95])
    values = [
        tissue.mean(),
        np.ptp(rows) / image.shape[0] if rows.size else 0.0,
        np.ptp(columns) / image.shape[1] if columns.size else 0.0,
        grey[:edge, -edge:].mean(),
        grey[-edge:, -edge:].mean(),
        grey[:, -2:].mean(),
        grey[:, :2].mean(),
        inside.mean(),
        inside.std(),
        *quantiles,
        slope[core].mean() if core.any() else 0.0,
        fine_energy,
        middle_energy,
        fine_energy / (middle_energy + 1e-6),
    ]
    return {name: float(value) for name, value in zip(FEATURES, values, strict=True)}


def _spread(values: np.ndarray) -> float:
    return float(values.std()) if values.size else 0.0


def probe_devices(
    features: pd.DataFrame,
    devices: pd.Series,
    patients: pd.Series,
    folds: int,
    seed: int,
) -> np.ndarray:
    """Returns out-of-fold probabilities of each device, images x devices (sorted by name).

    A random forest, cross-validated by patient: it sees thresholds and combinations that a linear
    model would miss.

    Args:
        features: One row an image.
        devices: Device of each image.
        patients: Patient of each image; no patient lies in two folds.
        folds: Number of folds.
        seed: Of the folds and the forest.

    Raises:
        ValueError: Fewer than two devices, or fewer patients of a device than folds.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedGroupKFold

    names = sorted(devices.unique())
    counts = pd.DataFrame({"d": devices, "p": patients}).groupby("d")["p"].nunique()
    if len(names) < 2 or counts.min() < folds:
        raise ValueError(
            f"The device probe needs two devices with {folds} patients each, found "
            f"{counts.to_dict()}. Lower standardize.probe_folds or pool rare devices."
        )
    chances = np.zeros((len(features), len(names)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, test in splitter.split(features, devices, patients):
        forest = RandomForestClassifier(
            200, min_samples_leaf=3, max_features="sqrt", random_state=seed, n_jobs=-1
        )
        forest.fit(features.iloc[train], devices.iloc[train])
        columns = [names.index(name) for name in forest.classes_]
        chances[np.ix_(test, columns)] = forest.predict_proba(features.iloc[test])
    return chances


def device_auc(
    chances: np.ndarray,
    devices: pd.Series,
    patients: pd.Series,
    draws: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the AUC of telling a device from the rest, mean over devices, with its interval.

    The interval is the 2.5 and 97.5 percentile over bootstrap draws of patients within each
    device. 0.5 is chance.

    Args:
        chances: What `probe_devices` returned.
        devices: Device of each image.
        patients: Patient of each image.
        draws: Number of bootstrap draws.
        rng: Source of the draws.
    """
    names, device_of = np.unique(devices.to_numpy(), return_inverse=True)
    people, patient_of = np.unique(patients.to_numpy(), return_inverse=True)
    device_of_patient = np.zeros(len(people))
    device_of_patient[patient_of] = device_of
    weights = draw_patient_counts(device_of_patient, draws, rng)[:, patient_of]
    per_device = [auroc(device_of == d, chances[:, d]) for d in range(len(names))]
    drawn = np.mean(
        [auroc(device_of == d, chances[:, d], weights) for d in range(len(names))], axis=0
    )
    low, high = percentile_interval(drawn, 0.95)
    return {
        "auc": float(np.mean(per_device)),
        "low": low,
        "high": high,
        "images": len(devices),
        "patients": len(people),
        "devices": len(names),
        "how": "random forest, out of fold by patient; one device against the rest, mean; "
        f"patient bootstrap within devices, {draws} draws, 95%",
        "by_device": {str(n): float(v) for n, v in zip(names, per_device, strict=True)},
    }
