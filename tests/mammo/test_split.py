"""The split is by patient, balanced, and the same every time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.split import split_patients

SHARES = {"train": 0.5, "tune": 0.2, "test": 0.3}


def cohort(patients: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(patients)],
            "cancer": (rng.random(patients) < 0.3).astype(int),
            "device": rng.choice(["A", "B", "C"], patients),
        }
    )
    return pd.concat([rows, rows.assign(cancer=0)], ignore_index=True)


def split(images: pd.DataFrame, seed: int = 1) -> pd.Series:
    return split_patients(images, SHARES, np.random.default_rng(seed))


def test_no_patient_is_on_two_sides():
    images = cohort()
    assert images.assign(side=split(images)).groupby("patient_id")["side"].nunique().max() == 1


def test_shares_hold_overall_and_among_cancers():
    images = cohort().assign(side=lambda table: split(table))
    patients = images.groupby("patient_id").agg(side=("side", "first"), cancer=("cancer", "max"))
    for group in (patients, patients[patients["cancer"] == 1]):
        found = group["side"].value_counts(normalize=True)
        for side, share in SHARES.items():
            assert found[side] == pytest.approx(share, abs=0.05)


def test_cancers_are_dealt_by_their_share_to_within_two_patients():
    for seed in range(5):
        images = cohort().assign(side=lambda table, seed=seed: split(table, seed))
        cancers = images[images["cancer"] == 1].groupby("side")["patient_id"].nunique()
        for side, share in SHARES.items():
            assert abs(cancers[side] - share * cancers.sum()) < 2


def test_the_same_seed_splits_alike_whatever_the_pseudonyms():
    images = cohort()
    renamed = images.assign(patient_id=images["patient_id"].map(lambda name: f"x{hash(name)}"))
    assert split(images).tolist() == split(renamed).tolist()
    assert split(images, seed=2).tolist() != split(images).tolist()


def test_shares_must_add_up():
    with pytest.raises(ValueError, match="adding up to one"):
        split_patients(cohort(), {"train": 0.5, "tune": 0.2, "test": 0.2}, np.random.default_rng(0))
