"""The page of the room `train`, from a made-up climb: see `training_facts`."""

import json
import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import training_facts as made
from mammo_pipeline.pipelines.train import facts as room_facts
from mammo_pipeline.pipelines.train import page, stage_figures, stage_tables, wiring_tables
from mammo_pipeline.pipelines.train.facts import TrainingFacts
from mammo_pipeline.pipelines.train.parameters import TrainParameters
from mammo_pipeline.reporting.page import render_page, twin
from toy_study import make_ladder

SMALL = {"patch_adam": 12, "image_adam": 8}


def make_short(**changes: Any) -> TrainingFacts:
    """Two stages, quick to draw."""
    return made.make_facts(tuple(SMALL), **changes)


@cache
def write(kind: str = "sound") -> tuple[TrainingFacts, dict[str, Any], str]:
    facts = make_short()
    if kind == "troubled":
        rows = made.make_history("patch_adam", 12, feed_wait_share=0.4)
        facts = make_short(history=[*rows, *made.make_history("image_adam", 8)])
    elif kind == "bare":
        facts = make_short(wiring=[], views={}, tune={}, mined=[])
    report = page.write_page(facts)
    return facts, report, render_page(report)


def section(kind: str, title: str) -> dict[str, Any]:
    return next(s for s in write(kind)[1]["sections"] if s["title"] == title)


def tables(kind: str, title: str) -> dict[str, dict[str, Any]]:
    return {table["caption"]: table for table in section(kind, title)["table"]}


KINDS = ("sound", "troubled", "bare")


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_stands_alone_and_its_twin_is_json(kind):
    _, report, html = write(kind)
    assert "<script" not in html
    assert not re.search(r'(?:src|href)="(?!#|data:image/png)', html)
    assert not re.search(r"url\((?!#)", html)
    assert json.loads(json.dumps(twin(report), allow_nan=False))["title"] == "Training"
    assert "nan" not in re.sub(r'base64,[^"]+', "", html).split()


def test_a_sound_climb_passes_and_says_of_what_it_is_sure():
    verdict = write("sound")[1]["verdict"]
    assert verdict["state"] == "passed"
    assert "2 of 2 stages finished. Every net is well wired. No trouble" in verdict["text"]


def test_a_trouble_is_on_top_and_told_with_its_figures():
    _, report, html = write("troubled")
    assert report["verdict"]["state"] == "info"
    assert "patch_adam: feed-bound" in report["verdict"]["text"]
    rows = report["sections"][0]["table"]["rows"]
    assert rows[0][0] == "patch_adam: feed-bound" and "40 %" in rows[0][1]
    assert html.index("40 % of the time") < html.index(">Stages<")


def test_a_stage_that_did_not_finish_fails_the_page():
    facts = make_short(history=made.make_history("patch_adam", 5))
    told = page.state_verdict(facts)
    assert told["state"] == "failed"
    assert "patch_adam has 5 of 12 epochs; image_adam has 0 of 8" in told["text"]


def test_a_stage_that_stopped_by_its_rule_is_finished():
    facts = make_short(history=made.make_history("patch_adam", 5))
    stages = {name: {**stage, "stop": {"patience": 1}} for name, stage in facts.stages.items()}
    facts = make_short(history=facts.history, ladder={**facts.ladder, "stages": stages})
    assert page.list_unfinished(facts) == ["image_adam has 0 of 8 epochs"]


def test_a_net_that_was_not_checked_is_no_pass_and_one_that_cannot_learn_fails():
    report = write("bare")[1]
    assert report["verdict"]["state"] == "info"
    assert "not checked of patch_adam, image_adam" in report["verdict"]["text"]
    assert "Not checked" in section("bare", "Wiring")["text"]
    wiring = [row for name in SMALL for row in made.make_wiring(name)]
    told = page.state_verdict(
        make_short(wiring=[*wiring, {**wiring[-1], "verdict": "not learned"}])
    )
    assert told["state"] == "failed" and "not learned: image_adam" in told["text"]


def test_a_dead_layer_of_a_net_that_learns_is_told_and_is_no_pass():
    wiring = [*made.make_wiring("patch_adam", "dead"), *made.make_wiring("image_adam")]
    told = page.state_verdict(make_short(wiring=wiring))
    assert told["state"] == "info" and "dead in patch_adam" in told["text"]


def test_every_stage_is_told_as_it_was_declared_and_climbed():
    told = tables("sound", "The ladder")
    starts, steps = (
        {row[0]: row[1:] for row in table["rows"]} for table in list(told.values())[:2]
    )
    assert starts["image_adam"] == [
        *("images", "patch_adam", "weights, optimizer", 4, 2, 0),
        "100.0 %",
    ]
    assert steps["patch_adam"] == ["adam", "0.001", "12 of 12", "8", "weights of the last epoch"]


def test_settings_that_are_on_are_told_and_others_are_not():
    changes = {
        "epochs": 6,
        "optimizer": {"name": "nadam", "weight_decay": 0.01, "decay": "l2", "clip_norm": 1.0},
        "schedule": {"kind": "steps", "drop_after": [3, 5]},
        "balance": {"classes": True, "weights": True},
        "augment": {"flip_vertical": True, "zoom": 0.2},
        "accumulate": 2,
    }
    ladder = make_ladder(patch_adam=changes, image_adam={"restore": ["weights"]})
    stage = ladder.stages["patch_adam"].model_dump(mode="json")
    assert stage_tables.describe_optimizer(stage) == "nadam, l2 decay 0.01, clipped at 1"
    assert stage_tables.describe_rate(stage) == "0.001, x 0.1 after epoch 3, 5"
    assert stage_tables.describe_feed(stage)[1:3] == [
        "every class as often, classes weigh the same",
        "flip vertical, zoom 0.2",
    ]


def test_only_layers_that_learn_count_as_learning():
    wiring = made.make_wiring("patch_adam")
    wiring[1] |= {"gradient_norm": None}
    found = stage_tables.find_learning_share(make_short(wiring=wiring), "patch_adam")
    assert found == f"{100 * (45 + 124) / (36 + 45 + 124):.1f} %"
    assert stage_tables.find_learning_share(write("bare")[0], "patch_adam") == "*"


def test_every_area_has_its_interval_its_n_and_its_method():
    facts = write("sound")[0]
    table = tables("sound", "Results on tune")["Area under the ROC curve"]
    assert "bootstrap, 200 replicates, 95%" in table["note"]
    for name, figure, counted, malignant, groups, *_ in table["rows"]:
        assert figure["low"] < figure["value"] < figure["high"]
        unit, group = stage_tables.UNITS[facts.stages[name]["data"]]
        assert (counted, groups) == (f"60 {unit}", f"30 {group}")
        assert malignant == facts.tune[name]["positives"]
    assert "chart" in section("sound", "Results on tune")
    assert "chart" not in section("bare", "Results on tune")


def test_the_feed_is_told_without_the_epoch_that_warms_it_up():
    rows = made.make_history("patch_adam", 3)
    rows[0]["feed_wait_share"] = 0.9
    assert stage_tables._tell_cost(rows)[4] == 1.0


def test_a_seed_is_written_as_it_is_typed():
    facts = write("sound")[0]
    facts = make_short(ladder={**facts.ladder, "seed": 20260121})
    assert page.list_facts(facts)["seed"] == "20260121"


def test_every_layer_is_there_but_folded():
    found = [table for table in section("sound", "Wiring")["table"] if table.get("folded")]
    assert len(found) == 2
    assert [row[0] for row in found[0]["rows"]] == [name for name, _ in made.LAYERS]
    batch = tables("sound", "Wiring")["One batch learned by heart"]["rows"][0]
    assert batch[1:4] == ["20 steps", 1.2, 0.4]


def test_restored_variables_are_counted_by_kind_and_new_ones_named():
    told = tables("sound", "Restored from stage to stage")
    rows = {tuple(row[:2]): row[2:] for row in told["Variables by what became of them"]["rows"]}
    assert rows["image_adam", "weights"] == [2, 1, 0, 0, 0, 0.0]
    assert rows["patch_adam", "weights"] == [0, 3, 0, 0, 0, None]
    new = told["What image_adam did not take over, by layer"]
    assert [row[:2] for row in new["rows"]] == [["image_conv_1", "new"]] * 2
    assert len(wiring_tables._list_unrestored(write("sound")[0])) == 1, "scratch takes over nothing"


def test_mined_patches_are_counted_by_stage():
    assert section("sound", "Mined hard negatives")["text"] == "No stage of this ladder mines."
    facts = make_short()
    stages = {**facts.stages, "image_adam": {**facts.stages["image_adam"], "mine": {"above": 0.5}}}
    mined = [
        {"stage": "image_adam", "image_id": name, "probability": p}
        for name, p in (("a", 0.6), ("a", 0.7), ("b", 0.9))
    ]
    facts = make_short(ladder={**facts.ladder, "stages": stages}, mined=mined)
    assert stage_tables.show_mined(facts)["table"]["rows"] == [["image_adam", 3, 2, 0.7, 0.9]]


def test_six_curves_a_stage_name_the_stage():
    found = section("sound", "image_adam: curves")
    assert len(found["chart"]) == 6
    assert all("image_adam" in chart for chart in found["chart"])


def test_pictures_are_told_what_they_were_taught_to_be():
    facts = write("sound")[0]
    assert stage_figures.name_labels(facts, "patch_adam")[4] == "mass malignant"
    assert stage_figures.name_labels(facts, "image_adam") == ("no cancer", "cancer")
    assert section("sound", "patch_adam: what it saw")["image"].startswith("data:image/png")
    titles = {s["title"] for s in write("bare")[1]["sections"]}
    assert not {"patch_adam: what it saw", "patch_adam: where it looks"} & titles


def test_a_box_is_drawn_where_it_lies():
    drawn = stage_figures.outline_boxes(
        np.zeros((80, 40, 3), np.uint8), np.array([[5.0, 2.0, 10.0, 8.0]]), (40, 20)
    )
    blue = np.argwhere((drawn == stage_figures.LESION_COLOUR).all(axis=2))
    assert blue.min(axis=0).tolist() == [10, 4]
    assert blue.max(axis=0).tolist() == [19, 15]


def test_heat_lies_about_the_middle_of_its_window_and_nowhere_else():
    heat = np.full((2, 1), -9.0)
    heat[1, 0] = 9.0
    colours, known = stage_figures.spread_heat(heat, np.array([10.0, 0.0, 30.0]), (50, 40))
    rows, columns = np.nonzero(known[..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 29, 10, 19)
    bright = colours.sum(axis=2)
    assert bright[20:30, 10:20].min() > 400 > bright[10:20, 10:20].max()


def test_a_case_is_shown_with_and_without_its_heat():
    views = made.make_views("image_adam", 0)
    views["heatmaps/boxes"] = views["heatmaps/boxes"][:0]
    plain, heated = stage_figures.draw_case(views, 0)
    assert plain.shape == heated.shape and plain.shape[1] == stage_figures.CELL_PX
    assert (plain[..., 0] == plain[..., 2]).all()
    assert (heated[..., 0] != heated[..., 2]).any()
    rows = section("sound", "image_adam: where it looks")["table"]["rows"]
    assert [row[2] for row in rows] == ["cancer", "cancer", "no cancer", "no cancer"]


def test_the_rooms_outputs_as_files_hold_them_become_the_same_facts():
    facts = make_short()
    described = make_ladder(**{n: {"epochs": e} for n, e in SMALL.items()}).model_dump(mode="json")
    stages = {name: described["stages"][name] for name in SMALL}
    parameters = TrainParameters.model_validate(
        {
            "seed": 7,
            "ladder": "toy",
            "ladders": {"toy": {"network": described["network"], "stages": stages}},
            "execution": described["execution"],
            "wiring": described["wiring"],
        }
    )
    views = {name: (lambda own=own: own) for name, own in sorted(facts.views.items())}
    found = room_facts.gather_facts(
        *(pd.DataFrame(rows) for rows in (facts.history, facts.restore, facts.wiring)),
        *(pd.DataFrame(columns=["stage"]), views, {}, parameters),
    )
    assert found.wiring == facts.wiring, "what is missing in a file is None again"
    assert found.history == facts.history
    assert found.tune["patch_adam"]["value"] == facts.tune["patch_adam"]["value"]
    assert found.stages == facts.stages
    assert list(found.tune) == list(SMALL), "in the order of the ladder, not of the files"
    assert found.troubles == facts.troubles
