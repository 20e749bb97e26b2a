"""Room standardize: every image of the table is in the store or refused in it, and made once."""

from __future__ import annotations

import json
import logging
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.datasets.store import ImageStore, StoredImages
from mammo_pipeline.guard import GuardedFailure
from mammo_pipeline.mammo.exam import BOX_COLUMNS, LESION_COLUMNS
from mammo_pipeline.mammo.pseudonym import pseudonym
from mammo_pipeline.mammo.standard import Standard
from mammo_pipeline.pipelines.standardize import nodes
from mammo_pipeline.pipelines.standardize.nodes import DeviceLeakError
from small_archive import draw_breast, mammogram, standardize_rules

KEY = b"k" * 32
RULES = standardize_rules()
NO_MAPS = {"targets": [], "devices": {}}


def fill(study, store: Path, maps=None, rules=RULES) -> StoredImages:
    """Runs the room once, as Kedro does, and returns what it left."""
    folder, images = study
    dataset = ImageStore(filepath=str(store))
    dataset.save(nodes.standardize_images(images, folder, KEY, maps, rules))
    return dataset.load()


def find_file(study, name: str) -> int:
    """Returns the row of a file."""
    return study[1]["file_id"].tolist().index(pseudonym(KEY, "file", name))


def change_file(study, name: str) -> bytes:
    """Puts other pixels into a file that was ingested; returns what it held."""
    path = study[0].root / name
    before = path.read_bytes()
    path.write_bytes(mammogram(pixels=draw_breast(seed=99)))
    return before


def test_every_image_is_stored_or_refused_in_the_table_s_order(study, at_once, tmp_path):
    change_file(study, "c.dcm")
    index = fill(study, tmp_path / "store").index
    expected = ["accepted"] * 4
    expected[find_file(study, "c.dcm")] = "changed_since_ingest"
    assert index["image_id"].tolist() == study[1]["image_id"].tolist()
    assert index["code"].tolist() == expected
    counted = iter(range(3))
    assert index["position"].tolist() == [
        next(counted) if code == "accepted" else -1 for code in expected
    ]


def test_each_canvas_is_that_of_its_own_image(study, at_once, tmp_path):
    store = fill(study, tmp_path / "store")
    assert store.pixels.shape == (4, *RULES.shape_px)
    for number, image in enumerate(study[1].to_dict("records")):
        path = nodes.find_paths(study[1].iloc[[number]], study[0], KEY)[0]
        canvas, _ = nodes.trade.standardize_file(Path(path).read_bytes(), image, RULES.standard)
        assert np.array_equal(store.pixels[number], canvas)


def test_a_second_run_makes_nothing(study, at_once, tmp_path):
    first = fill(study, tmp_path / "store")
    assert len(at_once) == 4
    again = fill(study, tmp_path / "store")
    assert len(at_once) == 4
    pd.testing.assert_frame_equal(again.index, first.index)


@pytest.mark.parametrize(
    ("change", "made"),
    [
        ({"skin_mm": 3.0}, 4),
        ({"show": {**RULES.show.model_dump(), "prefer": ("SHARP",)}}, 4),
        ({"seed": 2, "engine": {"kind": "local", "jobs": 2}, "device_map_images": 3}, 0),
        ({"limits": {"seconds": 9, "memory_mb": 2048}}, 0),
        ({"audit": {**RULES.audit.model_dump(), "draws": 200}}, 0),
    ],
    ids=["size", "window", "engine", "limits", "audit"],
)
def test_a_parameter_that_shapes_images_makes_all_anew_and_another_none(
    study, at_once, tmp_path, change, made
):
    fill(study, tmp_path / "store")
    fill(study, tmp_path / "store", rules=standardize_rules(**change))
    assert len(at_once) - 4 == made


def test_an_image_that_changed_in_the_table_is_made_anew_alone(study, at_once, tmp_path):
    fill(study, tmp_path / "store")
    study[1].loc[2, "row_spacing_mm"] = 0.61
    fill(study, tmp_path / "store")
    assert [task[1]["image_id"] for task in at_once[4:]] == [study[1].loc[2, "image_id"]]


IMAGE = {
    "image_id": "i", "file_id": "f", "age": 50.0, "device": "A", "laterality": "L", "view": "CC",
    "row_spacing_mm": 0.1, "column_spacing_mm": 0.1, "photometric": "MONOCHROME2",
    "pixel_sha256": "s", "display_sha256": "d", "stored_min": 0, "stored_max": 9,
}  # fmt: skip
MAPS = {
    "targets": [0.2, 0.8],
    "devices": {name: {"levels": [0.1, 0.9], "images": 3} for name in "AB"},
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pixel_sha256", "other"),
        ("display_sha256", "other"),
        ("photometric", "MONOCHROME1"),
        ("row_spacing_mm", 0.2),
        ("column_spacing_mm", 0.2),
        ("laterality", "R"),
        ("view", "MLO"),
    ],
)
def test_the_key_holds_all_of_a_row_that_shapes_the_canvas(name, value):
    changed = nodes.make_key({**IMAGE, name: value}, RULES, NO_MAPS)
    assert changed != nodes.make_key(IMAGE, RULES, NO_MAPS)


def test_the_key_holds_nothing_else_of_a_row():
    other = {**IMAGE, "image_id": "j", "file_id": "g", "age": 60.0, "device": "Z"}
    assert nodes.make_key(other, RULES, NO_MAPS) == nodes.make_key(IMAGE, RULES, NO_MAPS)


STANDARD_CHANGES = {
    "spacing_mm": 0.9,
    "shape_px": (288, 225),
    "field_mm": (216, 167),
    "bandwidth_mm": 0.7,
    "skin_mm": 2.5,
    "detail_ratios": (1.15, 0.68, 0.64),
    "grey_quantiles": 127,
    "show": {**RULES.show.model_dump(), "order": "window_first"},
}


def test_the_key_holds_every_field_of_the_standard():
    assert set(STANDARD_CHANGES) == {field.name for field in fields(Standard)}
    keys = {
        nodes.make_key(IMAGE, standardize_rules(**{name: value}), NO_MAPS)
        for name, value in STANDARD_CHANGES.items()
    }
    assert len(keys | {nodes.make_key(IMAGE, RULES, NO_MAPS)}) == len(STANDARD_CHANGES) + 1


def test_the_key_holds_the_map_of_the_image_s_own_device_alone():
    def change(name: str) -> dict:
        changed = {"levels": [0.3, 0.9], "images": 3}
        return {**MAPS, "devices": {**MAPS["devices"], name: changed}}

    key = nodes.make_key(IMAGE, RULES, MAPS)
    assert nodes.make_key(IMAGE, RULES, change("A")) != key
    assert nodes.make_key(IMAGE, RULES, change("B")) == key
    assert nodes.make_key(IMAGE, RULES, {**MAPS, "targets": [0.3, 0.8]}) != key
    unknown = {**IMAGE, "device": "C"}
    assert nodes.make_key(unknown, RULES, MAPS) == nodes.make_key(unknown, RULES, NO_MAPS)


def test_the_key_holds_the_code_of_the_trade(monkeypatch):
    key = nodes.make_key(IMAGE, RULES, NO_MAPS)
    monkeypatch.setattr(nodes, "_digest_trade", lambda: "other code")
    assert nodes.make_key(IMAGE, RULES, NO_MAPS) != key


def test_a_file_that_vanished_stops_the_room_with_its_pseudonym_alone(study, at_once, tmp_path):
    (study[0].root / "a.dcm").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 4 files") as error:
        fill(study, tmp_path / "store")
    told = str(error.value)
    assert study[1].loc[find_file(study, "a.dcm"), "file_id"] in told
    assert "a.dcm" not in told and str(study[0].root) not in told
    assert at_once == []


def test_a_file_that_vanished_after_it_was_stored_is_not_missed(study, at_once, tmp_path):
    fill(study, tmp_path / "store")
    (study[0].root / "a.dcm").unlink()
    assert len(fill(study, tmp_path / "store").pixels) == 4


def test_a_file_that_changed_since_ingest_is_tried_again_by_the_next_run(study, at_once, tmp_path):
    original, row = change_file(study, "c.dcm"), find_file(study, "c.dcm")
    refused = fill(study, tmp_path / "store").index.loc[row]
    assert (refused["code"], refused["position"]) == ("changed_since_ingest", -1)
    (study[0].root / "c.dcm").write_bytes(original)
    again = fill(study, tmp_path / "store")
    assert [task[1]["image_id"] for task in at_once[4:]] == [study[1].loc[row, "image_id"]]
    assert again.index["code"].eq("accepted").all()
    assert again.index["position"].tolist() == [0, 1, 2, 3]


def test_a_worker_that_failed_refuses_its_image_and_it_is_tried_again(
    study, at_once, tmp_path, monkeypatch
):
    run, broken = nodes.run_tasks, True

    def fail_first(function, tasks, engine, limits):
        for number, outcome in run(function, tasks, engine, limits):
            lost = broken and number == 0
            yield number, GuardedFailure("too_long", "60 s") if lost else outcome

    monkeypatch.setattr(nodes, "run_tasks", fail_first)
    index = fill(study, tmp_path / "store").index
    assert index.loc[0, ["code", "found", "position"]].tolist() == ["decoding_too_long", "60 s", -1]
    broken = False
    assert fill(study, tmp_path / "store").index["code"].eq("accepted").all()
    assert len(at_once) == 5


def test_an_image_without_a_breast_is_refused_for_good(study, at_once, tmp_path):
    rules = standardize_rules(skin_mm=500.0)
    store = fill(study, tmp_path / "store", rules=rules)
    assert store.index["code"].tolist() == ["no_breast"] * 4
    assert len(store.pixels) == 0
    fill(study, tmp_path / "store", rules=rules)
    assert len(at_once) == 4


def test_one_worker_and_two_leave_the_same_bytes(study, tmp_path):
    change_file(study, "c.dcm")
    left = []
    for jobs in (1, 2):
        rules = standardize_rules(engine={"kind": "local", "jobs": jobs})
        root = tmp_path / f"store{jobs}"
        fill(study, root, rules=rules)
        left.append({p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()})
    assert {"index.parquet"} < {path.name for path in left[0]}
    assert left[0] == left[1]


def mark_lesion(image_id: str, *box: int) -> dict:
    pairs = zip(BOX_COLUMNS, box, strict=True)
    return {"image_id": image_id, "kind": "mass", "pathology": "malignant", **dict(pairs)}


def test_lesions_move_with_their_image(study, at_once, tmp_path):
    store = fill(study, tmp_path / "store")
    names = {"a.dcm": (140, 60, 160, 80), "b.dcm": (140, 160, 160, 180)}
    ids = [store.index.loc[find_file(study, name), "image_id"] for name in names]
    table = pd.DataFrame([mark_lesion(i, *box) for i, box in zip(ids, names.values(), strict=True)])
    moved = nodes.move_lesions(table, store, RULES)
    assert moved["image_id"].tolist() == ids
    for name, lesion in zip(names, moved.to_dict("records"), strict=True):
        top, left, bottom, right = (lesion[column] for column in BOX_COLUMNS)
        # 20 pixels of 0.6 mm are 15 of 0.8 mm; whole pixels outward.
        assert 15 <= bottom - top <= 17 and 15 <= right - left <= 17
        canvas = store.pixels[find_file(study, name)]
        inside = canvas[top:bottom, left:right].mean()
        around = canvas[top - 20 : bottom + 20, left - 20 : right + 20].mean()
        assert inside > 1.2 * around


def test_lesions_of_refused_images_are_left_out_and_boxes_end_at_the_canvas(
    study, at_once, tmp_path, caplog
):
    change_file(study, "c.dcm")
    store = fill(study, tmp_path / "store")
    kept = store.index.loc[find_file(study, "a.dcm"), "image_id"]
    refused = store.index.loc[find_file(study, "c.dcm"), "image_id"]
    boxes = [(0, 0, 300, 240), (0, 900, 10, 950)]
    rows = [mark_lesion(kept, *box) for box in boxes] + [mark_lesion(refused, *boxes[0])]
    moved = nodes.move_lesions(pd.DataFrame(rows), store, RULES)
    assert moved["image_id"].tolist() == [kept]
    # 300 rows of 0.6 mm are 225 of 0.8 mm, 31 below the top; 240 columns are 180.
    assert moved.loc[0, BOX_COLUMNS].tolist() == [31, 0, 257, 180]
    assert "1 of 2 lesion boxes lie off the canvas" in caplog.text


def test_a_study_without_lesions_keeps_the_columns(study, at_once, tmp_path):
    moved = nodes.move_lesions(
        pd.DataFrame(columns=LESION_COLUMNS), fill(study, tmp_path / "store"), RULES
    )
    assert moved.columns.tolist() == LESION_COLUMNS
    assert moved[BOX_COLUMNS].dtypes.eq("int64").all()


MAPPED = standardize_rules(device_map_images=5)


def test_there_are_no_device_maps_unless_the_parameters_ask(study, at_once):
    assert nodes.fit_device_maps(study[1], study[0], KEY, RULES) == NO_MAPS
    assert at_once == []


def test_device_maps_are_fitted_on_train_alone_and_are_plain_json(study, at_once):
    folder, images = study
    maps = nodes.fit_device_maps(images, folder, KEY, MAPPED)
    train = images[images["side"] == "train"]
    assert {task[1]["image_id"] for task in at_once} == set(train["image_id"])
    assert json.loads(json.dumps(maps, allow_nan=False)) == maps
    counts = {name: record["images"] for name, record in maps["devices"].items()}
    assert counts == train["device"].value_counts().to_dict()
    assert len(maps["targets"]) == MAPPED.grey_quantiles


def test_what_a_tune_image_holds_moves_no_device_map(study, at_once):
    folder, images = study
    maps = nodes.fit_device_maps(images, folder, KEY, MAPPED)
    for path in nodes.find_paths(images[images["side"] != "train"], folder, KEY):
        Path(path).write_bytes(b"")
    assert nodes.fit_device_maps(images, folder, KEY, MAPPED) == maps


def test_an_image_that_changed_is_no_part_of_a_device_map(study, at_once):
    folder, images = study
    everything = images.assign(side="train")
    change_file(study, "a.dcm")
    maps = nodes.fit_device_maps(everything, folder, KEY, MAPPED)
    assert sorted(record["images"] for record in maps["devices"].values()) == [1, 2]
    for name in ("b.dcm", "c.dcm", "d.dcm"):
        change_file(study, name)
    assert nodes.fit_device_maps(everything, folder, KEY, MAPPED) == NO_MAPS


def test_a_device_map_is_laid_on_its_own_device_and_leaves_others_as_they_are(
    study, at_once, tmp_path
):
    devices = study[1]["device"]
    assert devices.nunique() == 2
    known = devices[0]
    maps = {"targets": [0.4, 0.8], "devices": {known: {"levels": [0.3, 0.7], "images": 3}}}
    plain = fill(study, tmp_path / "plain")
    mapped = fill(study, tmp_path / "mapped", maps)
    for number, device in enumerate(devices):
        same = np.array_equal(plain.pixels[number], mapped.pixels[number])
        assert same == (device != known)
        assert np.array_equal(plain.pixels[number] > 0, mapped.pixels[number] > 0)


def test_a_sample_is_even_over_devices_seeded_and_in_the_table_s_order():
    images = pd.DataFrame({"device": ["A"] * 30 + ["B"] * 10 + ["C"] * 2})
    chosen = nodes.sample_by_device(images, 5, 1)
    assert chosen["device"].value_counts().to_dict() == {"A": 5, "B": 5, "C": 2}
    assert chosen.index.is_monotonic_increasing
    assert nodes.sample_by_device(images, 5, 1).equals(chosen)
    assert not nodes.sample_by_device(images, 5, 2).equals(chosen)
    assert nodes.sample_by_device(images, 0, 1).empty
    assert nodes.sample_by_device(images, 30, 1).equals(images)


def audited(*states: str) -> dict:
    figure = {"auc": 0.6, "low": 0.5, "high": 0.7}
    blank = {"auc": None, "low": None, "high": None, "reason": "only one device"}
    return {
        "images": 9,
        "standardized": 8,
        "refused": {"no_breast": 1},
        "images_with_tissue_lost": 2,
        "verdict": "as told",
        "failed": states.count("fail"),
        "probes": {
            "geometry": {"before": figure | {"auc": 0.95}, "after": figure},
            "network": {"before": blank, "after": blank},
        },
        "gates": [
            {"name": f"gate {n}", "state": state, "reason": f"reason {n}"}
            for n, state in enumerate(states)
        ],
    }


def test_a_failed_gate_fails_the_run_and_is_named_with_the_page(caplog):
    record = audited("pass", "fail", "not judged", "fail")
    with caplog.at_level(logging.INFO), pytest.raises(DeviceLeakError) as error:
        nodes.close_standardize(record, {"page": "data/standardization.html"})
    told = str(error.value)
    for words in ("2 gates", "gate 1: reason 1", "gate 3: reason 3", "data/standardization.html"):
        assert words in told
    assert "gate 0" not in told and "gate 2" not in told
    assert "standardize" in caplog.text and "kedro run --pipelines patches" not in caplog.text


def test_the_closing_block_gives_each_probe_before_and_after(caplog):
    with caplog.at_level(logging.INFO):
        nodes.close_standardize(audited("pass", "not judged"), {"page": "data/page.html"})
    for words in (
        "8 of 9 standardized",
        "AUC 0.950 (0.500 to 0.700) before, 0.600 (0.500 to 0.700) after",
        "not probed: only one device",
        "2 images lose tissue",
        "as told",
        "data/page.html",
        "kedro run --pipelines patches",
    ):
        assert words in caplog.text, words
