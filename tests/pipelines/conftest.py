"""A small study that has been scored: the tables that the rooms after the sweep take in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.digest import digest_data
from mammo_pipeline.mammo.sealed import seal_test
from toy_study import measure_store

MEMBERS = {"trial-000": 1.0, "trial-001": 0.8, "trial-002": -1.0}


def make_images(patients: int, rng: np.random.Generator, devices: list[str]) -> pd.DataFrame:
    """Four images a patient; one breast of every third patient has cancer."""
    rows = []
    for patient in range(patients):
        device = devices[patient % len(devices)]
        ill = "L" if patient % 3 == 0 else ""
        for laterality in "LR":
            for view in ("CC", "MLO"):
                rows.append((patient, laterality, view, device, int(laterality == ill)))
    images = pd.DataFrame(rows, columns=["patient", "laterality", "view", "device", "cancer"])
    number = images.pop("patient")
    return images.assign(
        image_id=[f"{devices[0]}-i{i}" for i in range(len(images))],
        exam_id=[f"{devices[0]}-e{n}" for n in number],
        patient_id=[f"{devices[0]}-p{n}" for n in number],
        age=45.0 + number % 30,
        density=np.array(list("ABCD"))[number % 4],
        photometric="MONOCHROME2",
        transfer_syntax="1.2.840.10008.1.2.1",
        row_spacing_mm=0.07 + 0.01 * (number % len(devices)),
        bits_stored=12,
    )


def make_store(images: pd.DataFrame, rng: np.random.Generator, refuse: int = 0) -> StoredImages:
    """Two by two pixels an image, brighter with cancer; the last images may be refused."""
    kept = len(images) - refuse
    level = 3000 + 1500 * images["cancer"].to_numpy() + rng.normal(0, 900, len(images))
    pixels = np.repeat(np.clip(level, 1, None)[:kept], 4).reshape(kept, 2, 2).astype(np.uint16)
    index = pd.DataFrame(
        {
            "image_id": images["image_id"].to_numpy(),
            "code": ["accepted"] * kept + ["no_breast"] * refuse,
            "position": [*range(kept), *[-1] * refuse],
        }
    )
    return StoredImages(pixels, index)


@pytest.fixture
def fake_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for Keras: a member's scale times the image's brightness."""
    from mammo_pipeline.mammo.networks import predict

    def answer(network, arrays, pixels, positions, batch, flips=("none",)):  # type: ignore[no-untyped-def]
        brightness = pixels[positions].mean((1, 2)) / 1000 - 4
        return (arrays["scale"] * brightness).astype(np.float32)

    monkeypatch.setattr(predict, "member_logits", answer)


@pytest.fixture
def members() -> dict:
    return {n: (lambda s=s: {"scale": np.float32([s])}) for n, s in MEMBERS.items()}


@pytest.fixture
def study(members: dict, fake_network: None) -> dict:
    """cohort, test_truth, store, image_features, tune_scores and the rest, by catalog name."""
    from mammo_pipeline.mammo.networks.predict import member_logits

    rng = np.random.default_rng(11)
    images = make_images(149, rng, ["alpha", "beta", "gamma"])
    side = images["patient_id"].map(lambda p: ["train", "tune", "test"][int(p[-1]) % 3])
    placed = images.assign(side=side)
    cohort, test_truth = seal_test(placed)
    store = make_store(images, rng, refuse=3)
    tune = cohort[cohort["side"] == "tune"].merge(store.index[["image_id", "position"]])
    tune = tune[tune["position"] >= 0]
    scores = {
        name: member_logits({}, read(), store.pixels, tune["position"].to_numpy(), 8)
        for name, read in members.items()
    }
    fates = ["accepted"] * len(images) + ["quarantined", "duplicate", "other"]
    reasons = [""] * len(images) + ["the size of a pixel is not stated", "twice", "dose report"]
    return {
        "images": images,
        "cohort": cohort,
        "test_truth": test_truth,
        "store": store,
        "image_features": measure_store(images, store, rng),
        "tune_scores": pd.DataFrame({"image_id": tune["image_id"].to_numpy(), **scores}),
        "tune_flip_scores": pd.DataFrame({"image_id": tune["image_id"].to_numpy()}),
        "sweep_trials": pd.DataFrame({"trial": range(4), "state": ["COMPLETE"] * 3 + ["PRUNED"]}),
        "sweep_metrics": {
            "network": {"family": "dreamnet", "image_shape": [2, 2]},
            "data_version": digest_data(cohort, store.index),
        },
        "files": pd.DataFrame({"fate": fates, "reason": reasons}),
        "canvas_test_lesions": pd.DataFrame(
            {
                "image_id": placed.loc[placed["cancer"] == 1, "image_id"],
                "kind": "mass",
                "pathology": "malignant",
            }
        ),
    }


@pytest.fixture
def ensemble_parameters():
    from mammo_pipeline.pipelines.ensemble.parameters import EnsembleParameters

    return EnsembleParameters.model_validate(
        {
            "seed": 1,
            "aggregation": "mean",
            "flips": ["none"],
            "flip_batch": 8,
            "combination": {
                "methods": ["best_single", "mean_logits", "rank_mean", "greedy", "stacked"],
                "metric": "auroc",
                "folds": 3,
                "rounds": 5,
            },
            "calibration": {
                "methods": ["temperature", "platt"],
                "scopes": ["pooled"],
                "folds": 3,
                "min_positives": 5,
            },
            "operating_point": {"rule": "target_sensitivity", "target": 0.8},
            "screening_prevalence": 0.005,
            "calibration_bins": 5,
            "bootstrap_repeats": 100,
            "level": 0.95,
        }
    )


@pytest.fixture
def frozen(study, members, ensemble_parameters) -> tuple[dict, dict]:
    """(ensemble, ensemble_metrics) of the small study."""
    from mammo_pipeline.pipelines.ensemble.nodes import freeze_ensemble

    names = ["tune_scores", "tune_flip_scores", "sweep_trials", "sweep_metrics", "cohort"]
    tables = {name: study[name] for name in names}
    return freeze_ensemble(sweep_members=members, parameters=ensemble_parameters, **tables)


@pytest.fixture
def evaluate_parameters():
    from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters

    root = Path(__file__).parents[2]
    declared = yaml.safe_load((root / "conf/base/parameters/evaluate.yml").read_text())["evaluate"]
    small = {"seed": 1, "calibration_bins": 5, "bootstrap_repeats": 100, "cases": 1}
    small["shortcuts"] = declared["shortcuts"] | {"folds": 3, "permutations": 100}
    small["lesions"] = declared["lesions"] | {"precision_repeats": 0}
    small["subgroups"] = declared["subgroups"] | {"small_class": 10}
    return EvaluateParameters.model_validate(declared | small)
