from types import SimpleNamespace

import numpy as np
import pytest

from mammo_pipeline.mammo.calibration.maps import apply_map
from mammo_pipeline.pipelines.evaluate import earlier, nodes, page, suspects
from mammo_pipeline.tracking.promotion import PromotionError

STANDARD = {"shape_px": [2, 2]}


@pytest.fixture
def released(ensemble):
    """A champion that answers half the brightness, and keeps a threshold and a map of its own."""

    def predict(canvases, params):
        assert params == {"output": "logit"}
        return canvases.astype(float).mean((1, 2, 3)) / 2000 - 2

    config = {"standard": STANDARD, "aggregation": "mean", "calibration": ensemble["calibration"]}
    config["operating_point"] = {"rule": "target_sensitivity", "target": 0.8, "threshold": 0.3}
    return SimpleNamespace(
        name="m", version="3", alias="champion", config=config,
        model=SimpleNamespace(predict=predict),
    )  # fmt: skip


@pytest.fixture
def ask(scores, study, standardize, parameters, monkeypatch):
    monkeypatch.setattr(earlier, "describe_standard", lambda *_: STANDARD)

    def score(load, chosen="champion"):
        monkeypatch.setattr("mammo_pipeline.tracking.released.load_released", load)
        asked = parameters.model_copy(update={"earlier_model": chosen})
        plain = standardize.model_copy(update={})
        object.__setattr__(plain, "__dict__", {"spacing_mm": 0.4})
        monkeypatch.setattr(type(plain), "standard", property(lambda _: None), raising=False)
        return earlier.score_with_earlier(scores, study["store"], None, plain, asked)

    return score


def test_the_model_in_use_scores_every_test_image(ask, released, scores):
    table, record = ask(lambda: released)
    assert table["image_id"].tolist() == scores["image_id"].tolist()
    assert np.isfinite(table["logit"]).all()
    assert (record["version"], record["alias"]) == ("3", "champion")


def test_no_released_model_is_a_reason_and_no_error(ask):
    def nobody():
        raise PromotionError("No version of 'm' is champion. Run the study.")

    table, record = ask(nobody)
    assert table.empty
    assert record == {"reason": "no model is released: No version of 'm' is champion"}


def test_nobody_is_asked_where_the_parameters_say_so(ask):
    table, record = ask(lambda: pytest.fail("asked"), "nobody")
    assert table.empty
    assert record["reason"] == earlier.NOBODY


@pytest.mark.parametrize(
    ("change", "said"),
    [({"standard": {"shape_px": [9, 9]}}, "another standard"), (None, "before thresholds")],
)
def test_a_model_that_does_not_compare_is_named_with_the_reason(ask, released, change, said):
    if change is None:
        del released.config["operating_point"]
    released.config |= change or {}
    table, record = ask(lambda: released)
    assert table.empty
    assert said in record["reason"]
    assert "m version 3" in record["reason"]


def test_the_comparison_is_paired_by_breast_and_uses_each_ones_threshold(
    ask, released, scores, ensemble, inputs
):
    table, record = ask(lambda: released)
    taken = inputs | {"earlier_scores": table, "earlier_model": record}
    evaluation, *_ = nodes.measure_test_scores(scores, ensemble=ensemble, **taken)
    compared = evaluation["comparison"]
    beside = page.show_beside(compared)
    assert beside["title"] == "Beside the earlier model"
    told = beside["text"]
    assert told.startswith(
        "The earlier model is {name} version {version}, the {alias}. ".format(**record)
    )
    assert compared["count"]["breasts"] == evaluation["count"]["breasts"]
    first, second = (compared["auroc"][side]["value"] for side in ("first", "second"))
    assert first == pytest.approx(evaluation["auroc"]["value"])
    assert compared["auroc"]["difference"]["value"] == pytest.approx(first - second)
    assert compared["thresholds"][suspects.EARLIER] == pytest.approx(np.log(0.3 / 0.7))
    assert compared["operating"]["sensitivity"]["first"]["value"] == pytest.approx(
        evaluation["sensitivity"]["value"]
    )
    assert "gain" in evaluation["shortcuts"]["injection"]["added"]


@pytest.mark.parametrize(("devices", "is_new"), [(None, False), (["alpha"], True)])
def test_a_device_that_the_earlier_model_never_saw_is_told(
    ask, released, scores, ensemble, inputs, monkeypatch, devices, is_new
):
    asked = []
    measure = suspects.measure_injection
    monkeypatch.setattr(
        suspects, "measure_injection", lambda *a: asked.append(a[-1]) or measure(*a)
    )
    released.config["devices"] = devices
    table, record = ask(lambda: released)
    taken = inputs | {"earlier_scores": table, "earlier_model": record}
    nodes.measure_test_scores(scores, ensemble=ensemble, **taken)
    assert asked == [is_new]


def test_an_earlier_models_breast_is_calibrated_by_its_own_map(
    ask, released, scores, ensemble, inputs
):
    table, record = ask(lambda: released)
    images = nodes.gather_images(
        scores.merge(inputs["test_truth"], on="image_id"), inputs["cohort"]
    )
    breasts = suspects.score_earlier(images, table, record)
    mean = images[["exam_id", "laterality", "image_id"]].merge(table, on="image_id")
    mean = mean.groupby(["exam_id", "laterality"])["logit"].mean()
    expected = apply_map(record["calibration"]["pooled"], mean.to_numpy())
    assert np.allclose(breasts["logit"], expected)
