"""The ready ladders can be climbed as they are written, and say where they come from."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from mammo_pipeline.mammo.ladder.nets import (
    assign_state,
    build_net,
    capture_state,
    freeze_layers,
)
from mammo_pipeline.mammo.ladder.restore import restore_state, verify_restored
from mammo_pipeline.mammo.ladder.schedule import rate_at
from mammo_pipeline.mammo.ladder.space import Search, check_declared
from mammo_pipeline.mammo.ladder.stages import Ladder
from mammo_pipeline.mammo.networks.families import build_image_net, build_patch_net
from mammo_pipeline.pipelines.train.parameters import TrainParameters

CONF = Path(__file__).parents[3] / "conf"
TEXT = (CONF / "base/parameters/train.yml").read_text()
# The same nets with fewer filters: what is written of layers holds at any width.
NARROW = {
    "dreamnet": {"block_widths": [2] * 6, "head_widths": [4, 4], "image_widths": [2, 2]},
    "resnet50": {"width": 0.02, "image_widths": [2, 2]},
    "vgg16": {"width": 0.02, "image_widths": [2, 2]},
}


@lru_cache
def read_parameters(*layers: str) -> TrainParameters:
    texts = [OmegaConf.load(CONF / name / "parameters/train.yml") for name in layers]
    merged = OmegaConf.merge(*texts, {"train": {"seed": 7}})
    return TrainParameters.model_validate(OmegaConf.to_container(merged, resolve=True)["train"])


BASE = read_parameters("base")


def narrow(ladder: Ladder) -> Ladder:
    described = ladder.model_dump()
    described["network"] |= NARROW[ladder.network.family]
    return Ladder.model_validate(described)


def test_the_winners_ladder_and_li_shens_are_declared():
    assert list(BASE.ladders) == ["dream_winner", "shen_resnet50", "shen_vgg16"]
    assert BASE.choose() == BASE.read("dream_winner")
    for name in ("shen_resnet50", "shen_vgg16"):
        stages = BASE.read(name).stages.values()
        assert [stage.data for stage in stages] == ["patches"] * 3 + ["images"] * 2


@pytest.mark.parametrize("name", list(BASE.ladders))
def test_a_ladder_is_headed_by_source_cost_result_and_command(name):
    head = TEXT.split(f"\n    {name}:\n")[0].split("\n\n")[-1]
    assert all(line.startswith("    # ") for line in head.splitlines())
    for word in ("Source: ", "Cost: ", "Expect: ", f"train.ladder={name}"):
        assert word in head


# Building a net of 175 layers takes a second of CPU: seven of them are for the patient.
@pytest.mark.parametrize(
    "name",
    ["dream_winner", pytest.param("shen_resnet50", marks=pytest.mark.slow), "shen_vgg16"],
)
def test_every_stage_of_a_ready_ladder_starts_from_the_one_before(name):
    ladder = narrow(BASE.read(name))
    kept: dict[str, dict[str, np.ndarray]] = {}
    for stage in ladder.stages.values():
        net, fresh = build_net(ladder, stage, 0.5)
        source = kept.get(stage.start)
        start, rows = restore_state(fresh, source, stage)
        assign_state(net, start)
        rows = verify_restored(rows, capture_state(net), source)
        learned = {v.path for v in net.model.trainable_variables}
        kept[stage.name] = {path: v + 1 if path in learned else v for path, v in start.items()}
        weights = [row for row in rows if row["kind"] == "weight" and row["action"] != "dropped"]
        new = {row["layer"] for row in weights if row["action"] == "new"}
        turns = stage.name in ("image_adam", "image_top")  # the first that reads images
        if stage.start == "scratch":
            assert new == {row["layer"] for row in weights}
        elif turns:
            assert new and new == {r["layer"] for r in weights if r["layer"].startswith("image_")}
        else:
            assert not new


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("shen_resnet50", {f"conv5_block3_{n}_{kind}" for n in "123" for kind in ("conv", "bn")}),
        ("shen_vgg16", {f"block5_conv{n}" for n in "123"}),
    ],
)
def test_the_last_and_the_top_layers_are_those_of_the_paper(name, top):
    ladder = narrow(BASE.read(name))
    nets = {
        "patches": build_patch_net(ladder.network, 0),
        "images": build_image_net(ladder.network, 0, 0.5),
    }
    learning = {}
    for stage in ladder.stages.values():
        freeze_layers(nets[stage.data], stage.trainable, stage.normalization)
        learned = {v.path.rpartition("/")[0] for v in nets[stage.data].trainable_variables}
        learning[stage.name] = learned
    assert learning["patch_last"] == {"heatmap"}
    assert learning["patch_top"] == {*top, "heatmap"}
    assert learning["patch_all"] > learning["patch_top"]
    assert {layer.split("_")[0] for layer in learning["image_top"]} == {"image"}
    assert learning["image_all"] == learning["patch_all"] - {"heatmap"} | learning["image_top"]


def test_the_rates_of_the_paper_are_kept():
    rates = {name: s.learning_rate for name, s in BASE.read("shen_resnet50").stages.items()}
    assert list(rates.values()) == [1e-2, 1e-4, 1e-6, 1e-3, 1e-4]
    last = BASE.read("shen_resnet50").stages["image_all"]
    assert rate_at(last, last.epochs * 10 - 1, 10) == pytest.approx(1e-6)
    winner = {name: s.learning_rate for name, s in BASE.read("dream_winner").stages.items()}
    assert list(winner.values()) == [1e-3, 1e-4, 1e-4, 1e-4]


def test_the_winners_third_stage_hands_on_its_average():
    stages = BASE.read("dream_winner").stages
    assert stages["finetune_ema"].keep.weights == "ema"
    assert stages["finetune_ema"].ema is not None
    assert stages["finetune_sgd"].restore == ("weights",)


def test_the_demo_climbs_the_same_ladder_in_other_sizes():
    base, demo = BASE.choose().model_dump(), read_parameters("base", "demo").choose().model_dump()
    sizes = re.compile(r"_widths$|^image_shape$|^patch_px$|^epochs$|^batch$|^examples_per_epoch$")

    def forget_sizes(record):
        if not isinstance(record, dict):
            return record
        return {k: forget_sizes(v) for k, v in record.items() if not sizes.search(k)}

    assert demo != base
    assert forget_sizes(demo) == forget_sizes(base)


@pytest.mark.parametrize("layers", [("base",), ("base", "demo")])
def test_the_search_begins_at_the_declared_ladder(layers):
    texts = [OmegaConf.load(CONF / name / "parameters/sweep.yml") for name in layers]
    merged = OmegaConf.merge(*texts, {"sweep": {"seed": 7}})
    search = OmegaConf.to_container(merged, resolve=True)["sweep"]
    search.pop("score_batch")
    values = check_declared(read_parameters(*layers).choose(), Search.model_validate(search))
    assert values["stages.image_adam.balance.cancer_fraction"] == 0.5
