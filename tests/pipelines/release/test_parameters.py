"""The committed gate is valid, and names only figures that a room writes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from mammo_pipeline.mammo.evaluation import HOW
from mammo_pipeline.pipelines.release.gates import judge_one
from mammo_pipeline.pipelines.release.parameters import ReleaseParameters

CONF = Path(__file__).parents[3] / "conf/base/parameters/release.yml"


@pytest.fixture
def written() -> dict:
    return {**yaml.safe_load(CONF.read_text())["release"], "seed": 1}


def test_every_rule_names_a_figure_that_exists(written):
    bounds = ("value", "low", "high")
    known = {f"evaluation.{name}.{bound}" for name in HOW for bound in bounds}
    known |= {"contract.passed", "evaluation.subgroups.lowest_auroc", "device_audit.failed"}
    names = {rule.name for rule in ReleaseParameters.model_validate(written).gates}
    assert names <= known
    assert {"contract.passed", "evaluation.auroc.low", "device_audit.failed"} <= names


def test_one_failed_gate_of_the_device_audit_refuses_the_model(written):
    [rule] = [r for r in ReleaseParameters.model_validate(written).gates if "device" in r.name]
    assert judge_one(rule, {"device_audit.failed": 0.0})["passed"]
    assert not judge_one(rule, {"device_audit.failed": 1.0})["passed"]
    assert not judge_one(rule, {})["passed"]


@pytest.mark.parametrize("change", [{"gates": []}, {"gate": []}, {"served_tolerance": 0}])
def test_an_empty_gate_and_unknown_names_are_refused(written, change):
    with pytest.raises(ValidationError):
        ReleaseParameters.model_validate({**written, **change})
