"""The small study as the room `evaluate` meets it: scored, looked at closer, with a history."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.datasets.appended import Appended
from mammo_pipeline.mammo.exam import BOX_COLUMNS
from mammo_pipeline.mammo.shortcuts.masking import CONDITIONS
from mammo_pipeline.pipelines.evaluate import nodes
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters
from toy_study import NETWORK

FAMILIES = ("geometry", "statistics", "network")
TOLD = {"low": 0.55, "high": 0.99, "images": 9, "patients": 3, "how": "a forest, out of fold"}
DEVICES = {
    "probes": {
        name: {"before": TOLD | {"auc": 0.981}, "after": TOLD | {"auc": 0.6}} for name in FAMILIES
    },
    "verdict": "3 pass, 0 fail, 1 not judged",
    "failed": 0,
}
RULE = {"rule": "A breast is left or right.", "severity": "critical", "held": True, "n": 9}
CONTRACT = {"passed": True, "rules": [RULE | {"found": "0 images"}]}
NOBODY = {"reason": "no model is released"}


@pytest.fixture
def parameters(evaluate_parameters):
    return evaluate_parameters


@pytest.fixture
def standardize():
    return StandardizeParameters.model_construct(spacing_mm=0.4)


@pytest.fixture
def ensemble(frozen):
    """The frozen ensemble, its network described as one that can be built."""
    return frozen[0] | {"network": NETWORK | {"image_shape": [68, 48]}}


@pytest.fixture
def scores(ensemble, study, members, parameters):
    return nodes.score_test_images(ensemble, members, study["store"], study["cohort"], parameters)


@pytest.fixture
def inputs(study, scores, standardize, parameters):
    """What `measure_test_scores` takes beside scores and ensemble, by argument."""
    ids, rng = scores["image_id"].to_numpy(), np.random.default_rng(2)
    lesions = study["canvas_test_lesions"].drop(columns=BOX_COLUMNS, errors="ignore")
    boxes = dict(zip(BOX_COLUMNS, [10, 10, 40, 30], strict=True))
    marks = {"score": rng.uniform(0.1, 0.9, len(ids)), "row_px": 25.0, "column_px": 20.0}
    return {
        "test_truth": study["test_truth"],
        "cohort": study["cohort"],
        "store": study["store"],
        "canvas_test_lesions": lesions.assign(**boxes),
        "test_marks": pd.DataFrame({"image_id": ids, **marks, **boxes}),
        "test_embeddings": pd.DataFrame(rng.normal(size=(len(ids), 4))).assign(image_id=ids),
        "test_masked_scores": pd.DataFrame(
            {"image_id": ids} | {name: rng.normal(size=len(ids)) for name in CONDITIONS}
        ),
        "earlier_scores": pd.DataFrame({"image_id": [], "logit": []}),
        "earlier_model": NOBODY,
        "files": study["files"],
        "standardize": standardize,
        "parameters": parameters,
    }


@pytest.fixture
def measured(scores, ensemble, inputs):
    return nodes.measure_test_scores(scores, ensemble=ensemble, **inputs)


@pytest.fixture
def history(tmp_path):
    return Appended(tmp_path / "evaluations.jsonl", ("evaluation_sha256",))


@pytest.fixture
def sign_offs(tmp_path):
    return Appended(tmp_path / "sign_offs.jsonl")
