"""A ladder that cannot be climbed is refused before any work."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.ladder.stages import Ladder, find_rungs
from toy_study import make_ladder

FILE = {"name": "resnet50.h5", "sha256": "0" * 64}
MINING = {"per_image": 2, "above": 0.5, "overlap_most": 0.1}


@pytest.mark.parametrize(
    ("stage", "change", "message"),
    [
        ("image_adam", {"start": "patch_adm"}, "from 'patch_adm', expected scratch, file or an"),
        ("image_adam", {"start": "finetune_ema"}, "earlier stage: patch_adam"),
        ("finetune_sgd", {"restore": ["weights", "optimizer"]}, "restore \\[weights\\] only"),
        ("image_adam", {"restore": []}, "from anywhere else at least its weights"),
        ("patch_adam", {"restore": ["weights"]}, "from scratch it restores nothing"),
        ("image_adam", {"restore": ["optimizer"]}, "restores more, but not its weights"),
        ("image_adam", {"restore": ["weights", "ema"]}, "restores an ema, but takes none along"),
        (
            "finetune_ema",
            {"restore": ["weights", "ema"]},
            "restores the ema of image_adam, which takes none",
        ),
        ("image_adam", {"keep": {"weights": "ema"}}, "keeps an ema, but takes none along"),
        ("patch_adam", {"balance": {"cancer_fraction": 0.5}}, "cancer_fraction is for images"),
        ("image_adam", {"balance": {"classes": True}}, "balance.classes is for patches"),
        ("image_adam", {"batch": 1}, "cancer_fraction needs both outcomes in each batch"),
        (
            "patch_adam",
            {"batch": 4, "balance": {"classes": True}},
            "balances 5 classes in a batch of 4: take a batch of 5",
        ),
        ("image_adam", {"learning_rat": 1.0}, "did you mean 'learning_rate'"),
        ("image_adam", {"loss": "softmax"}, "softmax is for the classes of patches"),
        ("image_adam", {"mine": MINING}, "only patches are mined"),
        ("patch_adam", {"mine": MINING}, "an untrained net cannot mine"),
        ("patch_adam", {"start": "file", "restore": ["weights"]}, "start: file needs `file`"),
        ("patch_adam", {"file": FILE}, "start: file needs `file`, and only it"),
        (
            "patch_adam",
            {"start": "file", "file": FILE, "restore": ["weights", "optimizer"]},
            "a file has weights only",
        ),
        ("patch_adam", {"batch": 8, "accumulate": 3}, "accumulate does not divide the batch"),
        ("finetune_sgd", {"iteration": "restarted"}, "but none is restored"),
        ("patch_adam", {"trainable": []}, "at least 1 item"),
        (
            "patch_adam",
            {"start": "file", "restore": ["weights"], "file": {**FILE, "name": "../x.h5"}},
            "file.name",
        ),
    ],
)
def test_a_contradiction_is_named(stage, change, message):
    with pytest.raises(ValueError, match=message):
        make_ladder(**{stage: change})


def test_hard_negatives_are_mined_by_a_patch_net_only():
    stages = make_ladder().model_dump()["stages"]
    second = {**stages["patch_adam"], "restore": ["weights"], "mine": MINING}
    for start, fine in (("patch_adam", True), ("image_adam", False)):
        described = {**make_ladder().model_dump()}
        described["stages"] = {**stages, "patch_mined": {**second, "start": start}}
        if fine:
            assert Ladder.model_validate(described).stages["patch_mined"].mine is not None
        else:
            with pytest.raises(ValueError, match="mines with image_adam, which learns images"):
                Ladder.model_validate(described)


def test_a_stage_may_start_from_a_file():
    ladder = make_ladder(patch_adam={"start": "file", "file": FILE, "restore": ["weights"]})
    assert [rung.name for rung in find_rungs(ladder, "image_adam")] == ["patch_adam", "image_adam"]


def test_a_stage_is_named_by_its_key():
    assert [stage.name for stage in make_ladder().stages.values()] == list(make_ladder().stages)


def test_rungs_lead_from_scratch_to_the_named_stage():
    rungs = find_rungs(make_ladder(), "finetune_ema")
    assert [rung.name for rung in rungs] == ["patch_adam", "image_adam", "finetune_ema"]


def test_a_wrong_stage_name_is_an_error_that_lists_the_stages():
    with pytest.raises(KeyError, match=r"no stage 'image_adm'.*patch_adam, image_adam"):
        find_rungs(make_ladder(), "image_adm")


@pytest.mark.parametrize("mode", ["python", "json"])
def test_a_ladder_survives_being_written_and_read(mode):
    ladder = make_ladder(execution={"precision": "bfloat16"})
    assert Ladder.model_validate(ladder.model_dump(mode=mode)) == ladder


@pytest.mark.parametrize(
    "schedule", [{"kind": "steps", "drop_after": [1, 3]}, {"warmup_epochs": 3.0}]
)
def test_a_schedule_beyond_the_stage_is_refused(schedule):
    make_ladder(image_adam={"epochs": 4, "schedule": schedule})
    with pytest.raises(ValueError, match=r"image_adam has 3 epochs.*must lie inside"):
        make_ladder(image_adam={"epochs": 3, "schedule": schedule})


@pytest.mark.parametrize(("accumulate", "xla"), [(2, False), (1, True)])
def test_statistics_shared_over_devices_go_with_whole_plain_batches(accumulate, xla):
    execution = {"devices": "mirrored", "norm": "synchronized"}
    make_ladder(execution=execution)
    with pytest.raises(ValueError, match=r"patch_adam: norm: synchronized .* per_replica"):
        make_ladder(execution={**execution, "xla": xla}, patch_adam={"accumulate": accumulate})
