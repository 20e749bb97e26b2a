import json

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.pipelines.evaluate import page
from mammo_pipeline.reporting.page import render_page, twin

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
GATES = [
    {
        "name": "evaluation.auroc.low", "value": 0.8, "bound": 0.7, "direction": "at_least",
        "passed": True, "reason": "met", "why": "small sets cannot pass by luck",
    }
]  # fmt: skip


@pytest.fixture
def cases(measured, scores, ensemble, inputs, parameters, monkeypatch):
    """Cases without pictures: their nets need Keras, and are tried below."""
    monkeypatch.setattr(page, "draw_images", lambda *_: {})
    return page.draw_cases(
        scores, measured[2], ensemble, {}, None, inputs["canvas_test_lesions"], parameters
    )


@pytest.fixture
def write(measured, frozen, ensemble, cases, history, sign_offs, parameters):
    def write_page(**changes):
        records = {
            "evaluation": measured[0],
            "test_breasts": measured[2],
            "ensemble": ensemble,
            "release_gates": GATES,
            "cases": cases[0],
            "case_pictures": cases[1],
            "contract": CONTRACT,
            "device_audit": DEVICES,
            "split_record": {"digest": "5c3ec854d06f"},
            "ensemble_metrics": frozen[1],
            "train_metrics": {"patch_adam": {"loss": 0.5, "epochs": 3}},
            "evaluation_history": history,
            "sign_offs": sign_offs,
            "parameters": parameters,
        }
        return page.write_audit_page(**(records | changes))

    return write_page


def test_audit_page_holds_each_part_of_the_story(write, measured):
    report = write()
    shown = render_page(report)
    for text in (
        "1 of 1 gates met", "small sets cannot pass by luck", "Shortcut", "5c3ec854d06f",
        "BCSC", "0.858", "patch adam loss", "Cohort flow", "dose report", "3 pass, 0 fail",
        "geometry", "statistics", "network", "0.981", "a forest, out of fold", "Decision curve",
        "Reliability", "Subgroups", "Lesions", "Cases", "first evaluation", "sign-off",
        "For research use only", "flattering", measured[0]["data_version"],
        measured[0]["test_truth_version"],
    ):  # fmt: skip
        assert text in shown, text
    assert "http" not in shown.replace("http://www.w3.org/", "")
    assert "<script" not in shown
    json.dumps(twin(report), allow_nan=False)


def test_how_alike_the_members_err_is_on_the_page(write):
    assert any("iversity" in section["title"] for section in write()["sections"])


def test_the_verdict_comes_before_every_figure(write):
    failed = [GATES[0] | {"passed": False, "reason": "auroc is 0.6, expected >= 0.7"}]
    report = write(release_gates=failed)
    assert report["verdict"]["state"] == "failed"
    assert "expected >= 0.7" in report["verdict"]["text"]
    titles = [section["title"] for section in report["sections"]]
    assert titles[:3] == ["Verdict by gate", "Identity", "Cohort flow"]
    assert report["record"]["gates"] == failed


def test_no_full_name_of_a_patient_stands_on_the_page(write, scores):
    told = json.dumps(twin(write())) + render_page(write())
    for patient in scores["patient_id"].unique():
        assert f'"{patient}"' not in told
        assert f">{patient}<" not in told


def test_the_page_says_what_changed_since_the_evaluation_before(write, measured, ensemble, history):
    earlier = page.summarize(measured[0], ensemble, GATES, "2026-01-02T03:04:05+00:00")
    earlier["evaluation_sha256"] = "another"
    earlier["threshold"] = 0.123
    history.append(earlier)
    shown = render_page(write())
    assert "2026-01-02" in shown
    assert "0.123" in shown


def test_a_sign_off_of_this_ensemble_is_shown(write, measured, sign_offs):
    signed = {
        "when": "2026-02-03T04:05:06+00:00", "decision": "rejected", "name": "A. Reviewer",
        "reason": "too few cancers", "page_sha256": "0" * 64, "gates_passed": True,
        "ensemble_sha256": measured[0]["ensemble_sha256"],
    }  # fmt: skip
    sign_offs.append(signed)
    shown = render_page(write())
    assert "A. Reviewer" in shown
    assert "too few cancers" in shown


def test_audit_page_says_when_one_device_was_not_probed(write):
    blank = {"auc": None, "low": None, "high": None, "reason": "only one device"}
    probes = {name: {"before": blank, "after": blank} for name in FAMILIES}
    devices = {"probes": probes, "verdict": "0 pass, 0 fail, 3 not judged", "failed": 0}
    assert "only one device" in render_page(write(device_audit=devices))


def test_cases_are_the_extremes_and_hold_no_patient(cases, parameters):
    table = cases[0]
    assert set(table["kind"].value_counts()) == {parameters.cases}
    lowest = table[table["kind"].eq("lowest with cancer")]
    assert (lowest["cancer"] == 1).all()


def test_no_case_is_drawn_where_none_is_asked_for(measured, scores, ensemble, parameters):
    nobody = parameters.model_copy(update={"cases": 0})
    table, pictures = page.draw_cases(
        scores, measured[2], ensemble, {}, None, pd.DataFrame(), nobody
    )
    assert table.empty
    assert pictures == {}


def test_an_evaluation_of_one_class_still_makes_a_page(
    write, scores, ensemble, inputs, monkeypatch
):
    from mammo_pipeline.pipelines.evaluate import nodes

    healthy = inputs["test_truth"].assign(cancer=0)
    found, _, breasts = nodes.measure_test_scores(
        scores, ensemble=ensemble, **(inputs | {"test_truth": healthy})
    )
    report = write(evaluation=found, test_breasts=breasts)
    assert f"n = {found['count']['breasts']}" in render_page(report)
    assert np.isfinite(found["recall_rate"]["value"])


def test_a_page_says_how_many_ensembles_these_outcomes_were_shown_to(
    write, measured, ensemble, history
):
    assert "ensembles that were measured" not in write()["subtitle"]
    before = page.summarize(measured[0], ensemble, GATES, "2026-01-02T03:04:05+00:00")
    history.append(before | {"evaluation_sha256": "one", "ensemble_sha256": "another"})
    assert "one of 2 ensembles that were measured" in write()["subtitle"]
