"""A ladder that cannot be climbed is refused before any work."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.ladder.stages import find_rungs
from toy_study import make_ladder


@pytest.mark.parametrize(
    ("stage", "change", "message"),
    [
        ("image_adam", {"start": "patch_adm"}, "starts from 'patch_adm', expected scratch or an"),
        ("image_adam", {"start": "finetune_ema"}, "earlier stage: patch_adam"),
        ("finetune_sgd", {"restore": ["weights", "optimizer"]}, "restore \\[weights\\] only"),
        ("image_adam", {"restore": []}, "restores nothing, any other at least its weights"),
        ("image_adam", {"restore": ["optimizer"]}, "an optimizer without its weights"),
        ("patch_adam", {"cancer_fraction": 0.5}, "cancer_fraction is for images"),
        ("image_adam", {"augment": {"flip_horizontal": True}}, "chest wall"),
        ("image_adam", {"learning_rat": 1.0}, "did you mean 'learning_rate'"),
        ("patch_adam", {"momentum": 0.9}, "momentum belongs to sgd"),
    ],
)
def test_a_contradiction_is_named(stage, change, message):
    with pytest.raises(ValueError, match=message):
        make_ladder(**{stage: change})


def test_rungs_lead_from_scratch_to_the_named_stage():
    rungs = find_rungs(make_ladder(), "finetune_ema")
    assert [rung.name for rung in rungs] == ["patch_adam", "image_adam", "finetune_ema"]


def test_a_wrong_stage_name_is_an_error_that_lists_the_stages():
    with pytest.raises(KeyError, match=r"no stage 'image_adm'.*patch_adam, image_adam"):
        find_rungs(make_ladder(), "image_adm")
