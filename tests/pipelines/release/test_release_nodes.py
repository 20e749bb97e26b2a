"""A released model says what its members say, cannot be swapped, and passes the gate or not."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy.special import expit

from mammo_pipeline.mammo.digest import digest_arrays, digest_record
from mammo_pipeline.mammo.ensembling.score import score_images
from mammo_pipeline.mammo.standard import describe_standard
from mammo_pipeline.pipelines.release import bundle, gates, nodes
from mammo_pipeline.pipelines.release.parameters import GateRule, ReleaseParameters
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters
from mammo_pipeline.tracking import TrackingError, registry
from mammo_pipeline.tracking.released import load_released
from mammo_pipeline.tracking.runs import publish_run

NETWORK = {
    "block_widths": [2, 2, 2, 2],
    "head_widths": [4, 4],
    "image_widths": [3, 2],
    "image_shape": [288, 224],
}
PARAMETERS = ReleaseParameters.model_validate(
    {
        "seed": 7,
        "served_images": 2,
        "served_tolerance": 1e-4,
        "gates": [
            {"name": "evaluation.auroc.low", "direction": "at_least", "bound": 0.7, "why": "w"},
            {"name": "contract.passed", "direction": "at_least", "bound": 1, "why": "w"},
        ],
    }
)


LAYERS = ("base", "demo")


def read_standard() -> StandardizeParameters:
    """Returns the demo's parameters of `standardize`, as committed."""
    conf = Path(__file__).parents[3] / "conf"
    layers = [OmegaConf.load(conf / name / "parameters/standardize.yml") for name in LAYERS]
    [found] = OmegaConf.merge(*layers, {"standardize": {"seed": 7}}).values()
    return StandardizeParameters.model_validate(OmegaConf.to_container(found))


STANDARD = read_standard()
MAPS = {"targets": [0.1, 0.9], "devices": {"A": {"levels": [0.2, 0.8], "images": 3}}}
DESCRIBED = describe_standard(STANDARD.standard, MAPS)
PROBES = {
    "before": {"auc": 0.99, "low": 0.98, "high": 1.0, "images": 50},
    "after": {"auc": 0.6, "low": 0.5, "high": 0.7, "images": 50},
}
DEVICES = {
    "probes": {"geometry": None, "statistics": PROBES, "network": None},
    "failed": 0,
    "gates": [{"name": "statistics probe", "state": "pass"}],
}


def evaluation(low: float) -> dict:
    """Returns the part of evaluate's record that a release reads."""
    figure = {"value": 0.9, "low": low, "high": 0.95, "n": 40, "reason": None}
    return {
        "auroc": figure,
        "calibration_error": figure | {"value": 0.05, "low": 0.01},
        "flow": dict.fromkeys(["found", "accepted", "standardized", "train", "tune", "test"], 8),
        "data_version": "d1",
    }


@pytest.fixture(scope="module")
def members():
    """Two members with random weights, as the sweep leaves them."""
    from mammo_pipeline.mammo.networks.families import build_image_net, read_network

    def draw(seed: int) -> dict[str, np.ndarray]:
        model = build_image_net(read_network(NETWORK), seed, prevalence=0.3)
        arrays = {v.path: v.numpy() for v in model.weights}
        # The last layers start at zero, where every image would get the same answer.
        rng = np.random.default_rng(seed)
        last = ("image_output/kernel", "image_shortcut/kernel")
        return arrays | {p: rng.normal(size=arrays[p].shape).astype("float32") for p in last}

    return {"trial_1": draw(1), "trial_4": draw(4)}


@pytest.fixture(scope="module")
def ensemble(members):
    return {
        "aggregation": "mean",
        "members": [
            {"name": name, "weight": weight, "sha256": digest_arrays(members[name])}
            for name, weight in (("trial_4", 0.75), ("trial_1", 0.25))
        ],
        "combination": {"method": "greedy", "intercept": 0.0, "reference": None},
        "flips": ["none", "up_down"],
        "calibration": {
            "method": "platt",
            "scope": "by_device",
            "pooled": {"method": "platt", "slope": 3.0, "intercept": -0.5},
            "by_device": {"A": {"method": "temperature", "temperature": 2.0}},
        },
        "operating_point": {"rule": "target_sensitivity", "target": 0.87, "threshold": 0.2, "n": 9},
        "devices": ["A", "B"],
        "scale": {"edges": [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0], "n": 9},
        "network": NETWORK,
    }


@pytest.fixture
def release(tracked, members, ensemble):
    """A function that releases with a given lower end of the test AUROC."""

    def run(low: float) -> dict:
        readers = {name: lambda arrays=arrays: arrays for name, arrays in members.items()}
        record = evaluation(low) | {"ensemble_sha256": digest_record(ensemble)}
        verdicts = gates.judge_release(record, DEVICES, {"passed": True}, PARAMETERS)
        made = verdicts, MAPS, STANDARD, PARAMETERS
        return nodes.register_ensemble(ensemble, readers, record, *made)

    return run


def test_a_release_is_registered_served_equal_and_guarded(release, tracked, members, ensemble):
    import mlflow
    from mlflow.exceptions import MlflowException

    run, client = tracked
    client.set_tag(run.run_id, "git.sha", "abc")
    client.set_tag(run.run_id, "kedro.env", "demo")
    record = release(low=0.8)

    # The record, the version, the alias.
    assert (record["version"], record["alias"], record["refused_because"]) == ("1", "candidate", [])
    assert record["served_difference"] < 1e-4
    assert record["env"] == "demo"
    assert json.loads(json.dumps(record)) == record
    found = client.get_model_version_by_alias("tiny", "candidate")
    assert str(found.version) == "1"
    expected = {"gates": "passed", "git.sha": "abc", "data.version": "d1"}
    assert expected.items() <= found.tags.items()
    assert found.description.startswith("Test AUROC 0.900 (0.800 to 0.950), n = 40.")
    assert client.get_run(run.run_id).info.status == "RUNNING"

    # Served: the equation, on canvases in; float64 out.
    released = load_released()
    assert (released.alias, released.version) == ("candidate", "1")
    assert released.config["aggregation"] == "mean"
    assert released.config["standard"] == DESCRIBED
    assert DESCRIBED["shape_px"] == [288, 224]
    assert DESCRIBED["device_maps"] == digest_record(MAPS)
    served = released.model
    images = nodes.draw_canvases((288, 224), count=3, seed=0)
    probability = served.predict(images)
    logits = score_images(ensemble, members, images[..., 0], np.arange(3), 3)
    unflipped = score_images({**ensemble, "flips": ["none"]}, members, images[..., 0], [0, 1, 2], 3)
    assert np.abs(logits - unflipped).max() > 1e-3
    np.testing.assert_allclose(probability, expit(3.0 * logits - 0.5), rtol=1e-5)
    asked = {"output": "logit"}
    np.testing.assert_allclose(served.predict(images, params=asked), logits, rtol=1e-5)
    own, other = ({"device": device} for device in ("A", "never seen"))
    np.testing.assert_allclose(served.predict(images, params=own), expit(logits / 2), rtol=1e-5)
    np.testing.assert_array_equal(served.predict(images, params=other), probability)
    assert released.config["operating_point"]["threshold"] == 0.2
    assert released.config["scale"]["edges"] == ensemble["scale"]["edges"]
    assert probability.dtype == np.float64
    assert np.ptp(probability) > 0.001

    # The signature refuses what could hide a NaN, and other sizes.
    with pytest.raises(MlflowException, match="uint16"):
        served.predict(np.full((1, 288, 224, 1), np.nan))
    with pytest.raises(MlflowException, match="shape"):
        served.predict(images[:, :100])

    # Swapped weights load in MLflow without a word; here they do not.
    folder = Path(mlflow.artifacts.download_artifacts(record["model_uri"]))
    copy = folder.parent / "swapped"
    shutil.copytree(folder, copy)
    shutil.copy(copy / "artifacts/member_01.keras", copy / "artifacts/member_00.keras")
    with pytest.raises(ValueError, match="member_00 has SHA-256"):
        mlflow.pyfunc.load_model(str(copy))
    # No page: it shows patients' images, and a model goes where they may not.
    assert {p.name for p in (copy / "artifacts").iterdir()} == {
        "member_00.keras",
        "member_01.keras",
        "ensemble.json",
        "evaluation.json",
    }
    pinned = (copy / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in pinned) and any("keras==" in line for line in pinned)
    assert not list(copy.rglob("*.pkl"))


def test_a_refused_version_is_registered_with_its_reasons_and_no_alias(release, tracked):
    record = release(low=0.5)
    assert (record["passed"], record["alias"], record["version"]) == (False, None, "1")
    assert record["refused_because"] == ["evaluation.auroc.low is 0.5, expected >= 0.7"]
    tags = tracked[1].get_model_version("tiny", "1").tags
    assert tags[registry.REFUSED_TAG] == "evaluation.auroc.low is 0.5, expected >= 0.7"
    assert tracked[1].get_registered_model("tiny").aliases == {}


def test_a_figure_that_a_study_cannot_define_is_not_judged_where_the_rule_allows_it():
    rule = GateRule(name="p.auc", direction="at_most", bound=0.8, why="w", may_be_undefined=True)
    assert gates.judge_one(rule, {"p.auc": None})["passed"]
    assert "not judged" in gates.judge_one(rule, {"p.auc": None})["reason"]
    assert not gates.judge_one(rule, {})["passed"]
    assert not gates.judge_one(rule, {"p.auc": 0.9})["passed"]
    strict = rule.model_copy(update={"may_be_undefined": False})
    assert not gates.judge_one(strict, {"p.auc": None})["passed"]


def test_changed_weights_are_refused_before_anything_is_logged(members, ensemble):
    path = next(iter(members["trial_1"]))
    changed = {**members["trial_1"], path: members["trial_1"][path] + 1}
    readers = {"trial_1": lambda: changed, "trial_4": lambda: members["trial_4"]}
    with pytest.raises(ValueError, match="'trial_1' has digest"):
        bundle.build_members(ensemble, readers)


def test_a_network_for_another_canvas_is_refused(ensemble):
    other = {**DESCRIBED, "shape_px": [1152, 896]}
    with pytest.raises(ValueError, match=r"288.*1152"):
        bundle.describe_model(ensemble, other, {})


def test_a_model_that_serves_other_answers_is_not_registered(release, tracked, monkeypatch):
    monkeypatch.setattr(bundle, "compare_served", lambda *_: float("nan"))
    with pytest.raises(nodes.ServedDifferenceError, match="not registered"):
        release(low=0.9)
    assert tracked[1].search_registered_models() == []


def test_a_release_without_tracking_says_what_to_do(release):
    publish_run(None)
    with pytest.raises(TrackingError, match=r"conf/base/mlflow\.yml"):
        release(low=0.9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"calibration": {"pooled": {"method": "spline"}, "by_device": {}}}, "spline"),
        (
            {
                "calibration": {
                    "pooled": {"method": "platt"},
                    "by_device": {"A": {"method": "spline"}},
                }
            },
            "spline",
        ),
        ({"flips": ["none", "sideways"]}, "sideways"),
        ({"members": [{"name": "a", "weight": 0}]}, "positive weight"),
    ],
)
def test_an_ensemble_that_cannot_be_served_is_refused(ensemble, change, words):
    with pytest.raises(ValueError, match=words):
        bundle.describe_model({**ensemble, **change}, DESCRIBED, {})


def test_the_closing_block_shows_the_figures_with_intervals_and_the_next_command(caplog):
    record = {
        "model": "tiny",
        "version": "3",
        "env": "demo",
        "passed": True,
        "gates": [{}, {}],
        "links": {"run": "RUN", "version": "VERSION"},
        "server_command": "mlflow server",
    }
    with caplog.at_level(logging.INFO):
        nodes.close_study(record, evaluation(0.8), DEVICES, {"page": "audit.html"})
    for words in (
        "8 files, 8 accepted",
        "0.900 (0.800 to 0.950), n = 40 breasts",
        "0.990 (0.980 to 1.000) before",
        "all 2 gates passed",
        "audit.html",
        "mlflow server",
        "kedro promote --env demo --reason",
    ):
        assert words in caplog.text


def test_figures_of_another_ensemble_are_refused(ensemble):
    record = evaluation(0.8) | {
        "ensemble_sha256": digest_record({**ensemble, "aggregation": "max"})
    }
    with pytest.raises(ValueError, match="made on another ensemble"):
        nodes.refuse_other_figures(ensemble, record)
