"""The stored file stands alone, and no file can be changed, missing or added without notice."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from mammo_pipeline import serving
from mammo_pipeline.mammo.calibration import maps
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.calibration.scale import score_on_scale
from mammo_pipeline.mammo.ensembling import flips as flip_table
from mammo_pipeline.mammo.ensembling.combine import combine_logits
from mammo_pipeline.mammo.ensembling.flips import flip_images
from mammo_pipeline.serving.ensemble_model import FLIPS, MAPS, Ensemble, refuse_changed_files


@pytest.fixture
def files(tmp_path):
    """Two artifacts and their digests."""
    for name in ("member_00", "ensemble"):
        (tmp_path / name).write_bytes(name.encode())
    artifacts = {name: str(tmp_path / name) for name in ("member_00", "ensemble")}
    return artifacts, {n: hashlib.sha256(n.encode()).hexdigest() for n in artifacts}


def test_files_as_released_are_accepted(files):
    refuse_changed_files(*files)


def test_one_changed_byte_is_refused(files):
    artifacts, digests = files
    Path(artifacts["member_00"]).write_bytes(b"member_01")
    with pytest.raises(ValueError, match=r"member_00 has SHA-256 .* released with"):
        refuse_changed_files(artifacts, digests)


def test_a_missing_and_an_added_file_are_refused(files):
    artifacts, digests = files
    with pytest.raises(ValueError, match="released with"):
        refuse_changed_files({"ensemble": artifacts["ensemble"]}, digests)
    with pytest.raises(ValueError, match="released with"):
        refuse_changed_files({**artifacts, "more": artifacts["ensemble"]}, digests)


def test_the_file_imports_nothing_of_this_package():
    # MLflow stores the file alone: where it is served, this package is not installed.
    path = Path(serving.__file__).with_name("ensemble_model.py")
    imported = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    allowed = {
        "__future__",
        "collections",
        "hashlib",
        "keras",
        "mlflow",
        "numpy",
        "pathlib",
        "typing",
    }
    assert {name.split(".")[0] for name in imported} <= allowed


class Net:
    """A stand-in for a Keras model: brightness weighted by place, so that a flip changes it."""

    def __init__(self, seed: int):
        self.kernel = np.random.default_rng(seed).normal(size=(4, 3)) / 4

    def predict(self, pixels, batch_size, verbose):
        logits = np.einsum("nrc,rc->n", pixels[..., 0].astype(float) / 1000, self.kernel)
        return logits[:, None].astype(np.float32)


PIXELS = np.random.default_rng(3).integers(0, 60000, (40, 4, 3, 1), dtype=np.uint16)
NETS = [Net(1), Net(2), Net(3)]
KNOWN = {f"m{k}": np.sort(np.random.default_rng(k).normal(0, 20, 101)).tolist() for k in (2, 0, 1)}
COMBINATIONS = {
    "mean_logits": ((1 / 3, 1 / 3, 1 / 3), 0.0, None),
    "greedy": ((0.5, 0.3, 0.2), 0.0, None),
    "stacked": ((0.7, 0.1, 1.9), -1.25, None),
    "rank_mean": ((1 / 3, 1 / 3, 1 / 3), 0.0, KNOWN),
}
CALIBRATIONS = {
    "identity": {"method": "identity"},
    "platt": {"method": "platt", "slope": 0.7, "intercept": -2.0},
    "temperature": {"method": "temperature", "temperature": 1.7},
    "beta": {"method": "beta", "a": 0.4, "b": 1.3, "c": -0.5},
    "isotonic": {
        "method": "isotonic",
        "logits": [-9.0, -1.0, 0.5, 12.0],
        "calibrated": [-5.0, -2.0, -2.0, 3.0],
    },
}
SCALE = {"edges": np.linspace(-4, 2, 9).tolist()}


def configure(combination: str = "greedy", calibration: str = "platt", flips=("none",)) -> dict:
    """The part of the model config that a score needs."""
    weights, intercept, reference = COMBINATIONS[combination]
    own = {"B": {"method": "temperature", "temperature": 3.0}}
    return {
        "members": [{"name": f"m{k}", "weight": w} for k, w in enumerate(weights)],
        "combination": {"method": combination, "intercept": intercept, "reference": reference},
        "flips": list(flips),
        "calibration": {
            "scope": "by_device",
            "pooled": CALIBRATIONS[calibration],
            "by_device": own,
        },
        "scale": SCALE,
    }


def serve(config: dict) -> Ensemble:
    ensemble = Ensemble()
    ensemble.config, ensemble.members = config, NETS
    return ensemble


@pytest.mark.parametrize("flips", [("none",), ("none", "up_down"), tuple(FLIPS)])
@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("combination", COMBINATIONS)
def test_served_scores_are_those_of_the_package(combination, calibration, flips):
    config = configure(combination, calibration, flips)
    seen = [[net.predict(flip_images(PIXELS, f), 8, 0).ravel() for f in flips] for net in NETS]
    members = np.mean(np.array(seen, float), axis=1).T
    logits = combine_logits(members, config["members"], config["combination"])
    for device in ("", "B", "never seen"):
        calibrated = apply_calibration(config["calibration"], logits, [device] * len(logits))
        expected = {
            "logit": logits,
            "calibrated_logit": calibrated,
            "probability": expit(calibrated),
            "score": score_on_scale(calibrated, SCALE),
        }
        for output, values in expected.items():
            params = {"output": output, "device": device}
            found = serve(config).predict(None, PIXELS, params)
            assert found.dtype == np.float64
            np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-12)
    assert len(np.unique(logits)) > 20


def test_the_tables_of_the_stored_file_are_those_of_the_package():
    assert FLIPS == flip_table.FLIPS
    assert set(MAPS) == set(maps.MAPS)


def test_a_probability_is_what_is_given_when_nothing_is_asked_for():
    given = serve(configure()).predict(None, PIXELS)
    asked = serve(configure()).predict(None, PIXELS, {"output": "probability"})
    np.testing.assert_array_equal(given, asked)
    assert ((given > 0) & (given < 1)).all()


def test_an_unknown_output_is_refused():
    with pytest.raises(ValueError, match="'odds' is unknown"):
        serve(configure()).predict(None, PIXELS, {"output": "odds"})


def test_an_extreme_logit_gives_a_probability_without_overflow():
    ensemble = serve(configure(calibration="identity"))
    ensemble.combined_logits = lambda pixels: np.array([-800.0, 0.0, 800.0])
    with np.errstate(all="raise", under="ignore"):
        answer = ensemble.predict(None, np.zeros((3, 1, 1, 1), np.uint16))
    np.testing.assert_allclose(answer, [0, 0.5, 1])


def test_a_logit_on_an_edge_of_the_scale_takes_the_upper_score():
    ensemble = serve(configure(calibration="identity"))
    ensemble.combined_logits = lambda pixels: np.array(SCALE["edges"])
    found = ensemble.predict(None, np.zeros((9, 1, 1, 1), np.uint16), {"output": "score"})
    assert found.tolist() == list(range(2, 11))
