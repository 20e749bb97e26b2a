"""What the ladder is compared with differs from it where it says so, and nowhere else."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import yaml

from mammo_pipeline.mammo.ladder.stages import Ladder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def proof():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(ROOT / "benchmarks"))
        yield import_module("ladder_proof")


@pytest.fixture(scope="module")
def full():
    ladders = {}
    for env in ("base", "demo"):
        text = (ROOT / f"conf/{env}/parameters/train.yml").read_text()
        ladders[env] = yaml.safe_load(text.replace("${globals:seed}", "1"))["train"]["ladders"]
    ladder, small = ladders["base"]["dream_winner"], ladders["demo"]["dream_winner"]
    ladder["network"] |= small["network"]
    for name, sizes in small["stages"].items():
        ladder["stages"][name] |= sizes
    return Ladder.model_validate({"seed": 1, **ladder})


def differences(full: Ladder, other: Ladder) -> set[str]:
    one, two = full.model_dump(mode="json"), other.model_dump(mode="json")
    stages = one.pop("stages"), two.pop("stages")
    assert one == two
    gone = {f"{name} is gone" for name in stages[0].keys() - stages[1]}
    changed = {
        f"{name}.{key}"
        for name, stage in stages[1].items()
        for key, value in stage.items()
        if stages[0][name][key] != value
    }
    return gone | changed


SCRATCH = {"patch_adam is gone", "image_adam.start", "image_adam.restore"}
SCRATCH |= {"image_adam.normalization"}
EXPECTED = {
    "full ladder": set(),
    "images from scratch": SCRATCH,
    "optimizer not restored": {"image_adam.restore", "finetune_ema.restore"},
    "no EMA stage": {"finetune_ema is gone", "finetune_sgd.start"},
    "no EMA, same steps": {"finetune_ema.ema", "finetune_ema.keep"},
    "SGD at a tenth of its rate": {"finetune_sgd.learning_rate"},
    "images from scratch, equal computing": SCRATCH
    | {"image_adam.learning_rate", "image_adam.epochs"},
}


def test_a_variant_differs_only_where_it_says(proof, full):
    found = {name: differences(full, proof.vary(full, name, 1, 16)) for name in proof.VARIANTS}
    assert found == EXPECTED


def test_equal_computing_counts_pixels(proof, full):
    # Patches: 10 epochs of 8,255 of 56x56 px; images: 320 of 288x224 px an epoch, 3 epochs.
    assert proof.equal_epochs(full, 8255) == 3 + round(10 * 8255 * 56**2 / (320 * 288 * 224)) == 16


def test_only_image_stages_are_made_longer(proof, full):
    longer = proof.lengthen(full, 2)
    assert {name: stage.epochs for name, stage in longer.stages.items()} == {
        "patch_adam": 10,
        "image_adam": 6,
        "finetune_ema": 4,
        "finetune_sgd": 2,
    }


def test_a_verdict_goes_by_the_interval_over_women_and_seeds(proof):
    draws = np.random.default_rng(0).normal(0, 0.02, 2000)

    def judge(*values: float) -> str:
        return proof.Line([np.concatenate([[v], v + draws]) for v in values], 0.95).judge()

    assert judge(0.1, 0.2, 0.3).startswith("helps: +0.200")
    assert judge(-0.1, -0.2, -0.3).startswith("harms: -0.200")
    assert judge(0.01, 0.01, 0.01).startswith("does not help: +0.010")
    # One seed alone carries this difference; drawn women alone would not tell.
    assert judge(0.0, 0.0, 0.3).startswith("does not help: +0.100")
    assert judge(0.1, -0.1).endswith("above 0 in 1 of 2 seeds")
