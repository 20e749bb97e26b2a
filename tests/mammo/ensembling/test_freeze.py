import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.ensembling.combine import combine_table
from mammo_pipeline.mammo.ensembling.freeze import describe_combination, freeze_scores
from mammo_pipeline.mammo.ensembling.score import score_breasts
from member_scores import NAMES, make_images


@pytest.fixture
def record(images, settings):
    return freeze_scores(images, NAMES, settings)


def test_the_record_is_plain_json_and_scores_what_it_was_frozen_on(record, images):
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert set(record) == {
        *("members", "combination", "flips", "aggregation", "calibration", "operating_point"),
        *("scale", "selection", "diversity", "gains"),
    }
    breasts = score_breasts(images.assign(logit=combine_table(images, record)), record)
    assert breasts.loc[breasts["cancer"] == 1, "recalled"].mean() >= 0.8
    assert breasts["score"].between(1, 10).all()
    assert breasts["score"].nunique() == 10
    assert record["operating_point"]["n"] == len(breasts) == record["selection"]["n"]


def test_the_same_table_freezes_the_same_record(record, images, settings):
    kept = images.copy()
    assert freeze_scores(images, NAMES, settings) == record
    assert images.equals(kept)


def test_flipped_logits_are_frozen_with_and_the_record_says_so(images, settings):
    noise = 3 * np.random.default_rng(1).normal(size=len(images))
    worse = images.assign(**{name: images[name] + noise for name in NAMES})
    flipped = images[["image_id", *NAMES]].sample(frac=1, random_state=2)
    record = freeze_scores(worse, NAMES, settings, flipped)
    assert record["flips"] == ["none", "up_down"]
    plain = freeze_scores(images, NAMES, replace(settings, flips=("none",)))
    assert record["calibration"]["pooled"] == plain["calibration"]["pooled"]


def test_each_device_may_have_its_own_map(images, settings):
    images = images.assign(**{n: images[n] + 3 * (images["device"] == "B") for n in NAMES})
    asked = replace(settings, calibration_scopes=("pooled", "by_device"), min_positives=5)
    record = freeze_scores(images, NAMES, asked)
    assert record["calibration"]["scope"] == "by_device"
    assert set(record["calibration"]["by_device"]) == {"A", "B"}
    without = freeze_scores(images.drop(columns="device"), NAMES, asked)
    assert without["calibration"]["scope"] == "pooled"


@pytest.mark.parametrize("aggregation", ["mean", "max", "noisy_or"])
@pytest.mark.parametrize("method", ["rank_mean", "stacked"])
def test_every_aggregation_and_way_can_be_frozen(images, settings, aggregation, method):
    asked = replace(settings, aggregation=aggregation, methods=(method,))
    record = freeze_scores(images, NAMES, asked)
    breasts = score_breasts(images.assign(logit=combine_table(images, record)), record)
    assert np.isfinite(breasts["calibrated_logit"]).all()
    assert record["combination"]["method"] == method


def test_the_threshold_of_a_cost_is_weighed_at_the_screening_prevalence(images, settings):
    record = freeze_scores(images, NAMES, replace(settings, rule="cost", target=100.0))
    assert record["operating_point"]["prevalence"] == 0.005
    assert 0 < record["operating_point"]["threshold"] < 1


def test_members_no_better_than_chance_are_refused(settings):
    images = make_images(100, 3, (-2.0, -2.0, -2.0, -2.0))
    with pytest.raises(ValueError, match=r"no better than chance \(AUROC 0\.[0-4]"):
        freeze_scores(images, NAMES, settings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(m1=np.where(t.index == 7, np.nan, t["m1"])), "'m1' for i0007"),
        (lambda t: t.assign(m1=np.where(t.index == 7, np.inf, t["m1"])), "not finite"),
        (lambda t: t.drop(columns="patient_id"), r"no column \['patient_id'\]"),
        (lambda t: t.drop(columns="m3"), r"no column \['m3'\]"),
        (lambda t: t.assign(cancer=0), "no positive among 400"),
        (lambda t: t.assign(cancer=t["cancer"].astype(float).where(t.index > 3)), "needs an outc"),
        (lambda t: t[:0], "0 breasts"),
        (lambda t: t[:12], "n = 3 patients"),
    ],
)
def test_a_bad_table_is_refused_with_the_reason(images, settings, change, words):
    with pytest.raises(ValueError, match=words):
        freeze_scores(change(images), NAMES, settings)


def test_an_image_without_flipped_logits_is_refused(images, settings):
    with pytest.raises(ValueError, match="not finite"):
        freeze_scores(images, NAMES, settings, images[["image_id", *NAMES]][1:])


def test_no_member_is_refused(images, settings):
    with pytest.raises(ValueError, match="no member is named"):
        freeze_scores(images, [], settings)


def test_the_words_of_a_combination_name_flips_and_aggregation(record):
    words = describe_combination(record | {"flips": ["none", "up_down"], "aggregation": "max"})
    assert "flips none, up down" in words and words.endswith("max of the images of a breast")


def test_probabilities_are_near_the_share_with_cancer(record, images):
    breasts = score_breasts(images.assign(logit=combine_table(images, record)), record)
    assert expit(breasts["calibrated_logit"]).mean() == pytest.approx(0.1, abs=0.02)
