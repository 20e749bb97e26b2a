"""The audit measures what is there, finds a planted leak, and says what it could not judge."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.datasets.store import ImageStore, StoredImages
from mammo_pipeline.guard import GuardedFailure
from mammo_pipeline.mammo.audit.features import FRAME, describe_frame
from mammo_pipeline.mammo.audit.planted import plant_corner_mark
from mammo_pipeline.mammo.phantom import devices as phantom_devices
from mammo_pipeline.pipelines.standardize import audit, nodes, worker
from small_archive import draw_breast, mammogram, standardize_rules

KEY = b"k" * 32
RULES = standardize_rules()
WOMEN = 40
STATES = ("pass", "fail", "not judged")
FAMILIES = ("geometry", "statistics", "network")


@pytest.fixture
def store(study, at_once, tmp_path) -> StoredImages:
    folder, images = study
    dataset = ImageStore(filepath=str(tmp_path / "store"))
    dataset.save(nodes.standardize_images(images, folder, KEY, None, RULES))
    at_once.clear()
    return dataset.load()


def measure(study, store: StoredImages, **changes: Any) -> pd.DataFrame:
    audit_rules = RULES.audit.model_dump() | changes
    rules = standardize_rules(audit=audit_rules)
    return audit.measure_images(study[1], study[0], KEY, store, rules)


def test_every_standardized_image_is_measured_on_its_own_canvas(study, store, at_once):
    measured = measure(study, store)
    assert measured["image_id"].tolist() == study[1]["image_id"].tolist()
    assert "code" not in measured
    for task, canvas in zip(at_once, store.pixels, strict=True):
        assert np.array_equal(task[2], canvas)
    numbers = measured.select_dtypes("number")
    assert len(numbers.columns) > 80 and np.isfinite(numbers.to_numpy()).all()


def test_refused_and_changed_images_are_not_measured(study, store):
    index = store.index.copy()
    index.loc[0, "position"] = -1
    index.loc[1:, "position"] -= 1
    path = nodes.find_paths(study[1].iloc[[1]], study[0], KEY)[0]
    Path(path).write_bytes(mammogram(pixels=draw_breast(seed=99)))
    measured = measure(study, StoredImages(store.pixels[1:], index))
    assert measured["image_id"].tolist() == study[1]["image_id"].tolist()[2:]


def test_an_image_that_broke_its_worker_is_not_measured(study, store, at_once, monkeypatch):
    def lose_first(function, tasks, engine, limits):
        for number, task in enumerate(tasks):
            yield number, function(*task) if number else GuardedFailure("crashed", "9")

    monkeypatch.setattr(nodes, "run_tasks", lose_first)
    assert measure(study, store)["image_id"].tolist() == study[1]["image_id"].tolist()[1:]


def test_a_study_without_a_standardized_image_has_an_empty_table(study, store):
    index = store.index.assign(position=-1)
    measured = measure(study, StoredImages(store.pixels[:0], index))
    assert measured.columns.tolist() == ["image_id"] and measured.empty


class Canvases:
    """Any canvas that is asked for, without one."""

    def __getitem__(self, place: int) -> int:
        return place


@pytest.fixture
def drawn(monkeypatch):
    """A function that says which devices are measured: of 36 images of A and 4 of B, so many."""

    def draw(images: int) -> dict[str, int]:
        table = pd.DataFrame({"image_id": range(40), "device": ["A"] * 36 + ["B"] * 4})
        index = table[["image_id"]].assign(position=range(40))
        monkeypatch.setattr(audit, "find_paths", lambda chosen, folder, key: [""] * len(chosen))
        monkeypatch.setattr(
            audit, "run_in_workers", lambda *_: [{"code": "accepted"}] * len(list(_[1]))
        )
        rules = standardize_rules(audit=RULES.audit.model_dump() | {"images": images})
        found = audit.measure_images(table, None, KEY, StoredImages(Canvases(), index), rules)
        return table.merge(found)["device"].value_counts().to_dict()

    return draw


def test_a_small_study_is_measured_whole_and_a_large_one_evenly(drawn):
    assert drawn(40) == {"A": 36, "B": 4}
    assert drawn(20) == {"A": 10, "B": 4}
    assert drawn(39)["B"] == 4


def test_no_twin_is_drawn_where_none_is_asked_for(at_once):
    assert audit.draw_twins(RULES) == {}
    assert at_once == []


TWINS = standardize_rules(
    audit=RULES.audit.model_dump() | {"twins": {"breasts": 2, "binning": 8.0}}
)


def test_twins_are_told_by_pair_of_devices_and_by_lesion(at_once, monkeypatch):
    two = dict(list(phantom_devices.DEVICES.items())[:2])
    monkeypatch.setattr(phantom_devices, "DEVICES", two)
    found = audit.draw_twins(TWINS)
    assert [task[0] for task in at_once] == [0, 1]
    assert found["binning"] == 8 and found["lesions_kept"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_twins_that_all_broke_their_workers_leave_nothing(monkeypatch):
    monkeypatch.setattr(
        audit,
        "run_tasks",
        lambda function, tasks, *_: ((n, GuardedFailure("crashed", "9")) for n in range(2)),
    )
    assert audit.draw_twins(TWINS) == {}


@cache
def draw_canvas(number: int) -> np.ndarray:
    """Half an ellipse of grey with some noise, its size by chance."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:96, :72]
    height, width = rng.normal(34, 3), rng.normal(45, 4)
    inside = ((rows - 48) / height) ** 2 + (columns / width) ** 2 < 1
    grey = rng.normal(32000, 6000, inside.shape)
    return np.where(inside, np.clip(grey, 1, 65535), 0).astype(np.uint16)


def make_study(
    devices: tuple[str, ...], plant: str = ""
) -> tuple[pd.DataFrame, StoredImages, pd.DataFrame]:
    """Returns cohort, store and features: two images a woman, each woman on one of the devices.

    Args:
        devices: In turn, by woman.
        plant: The device whose canvases carry a faint mark in a corner.
    """
    rng = np.random.default_rng(3)
    images, rows = [], []
    for number in range(2 * WOMEN):
        device = devices[number // 2 % len(devices)]
        image = {"image_id": f"i{number}", "patient_id": f"p{number // 2}", "device": device}
        image |= {"laterality": "LR"[number % 2], "view": "CC", "density": "B"}
        images.append(image | {"age": float(rng.integers(40, 70)), "code": "accepted"})
        canvas = draw_canvas(number)
        if device == plant:
            canvas = plant_corner_mark(canvas, 655, 3)
        spacing_mm = 0.1 + 0.02 * devices.index(device)
        frame = {"rows_px": 96, "columns_px": 72}
        frame |= {"row_spacing_mm": spacing_mm, "column_spacing_mm": spacing_mm}
        known = {f"before_{name}": value for name, value in describe_frame(frame).items()}
        before = worker._describe("before", draw_canvas(1000 + number), 0, (0.1, 0.1))
        after = worker._describe("after", canvas, 0, (0.8, 0.8))
        rows.append({"image_id": image["image_id"], **known, **before, **after})
    cohort = pd.DataFrame(images)
    return cohort, describe_store(cohort), pd.DataFrame(rows)


def describe_store(cohort: pd.DataFrame, refused: int = 0) -> StoredImages:
    """Returns a store whose last images are refused, with the facts that an audit reads."""
    kept = len(cohort) - refused
    index = cohort[["image_id"]].assign(
        code=["accepted"] * kept + ["no_breast"] * refused,
        position=[*range(kept), *[-1] * refused],
        meaning="NORMAL window",
        breast_mm2=1000.0,
        breast_height_mm=50.0,
        breast_width_mm=30.0,
        beyond_field_mm2=[250.0] + [0.0] * (len(cohort) - 1),
        lost_mm2=[3.0, 5.0] + [0.0] * (len(cohort) - 2),
    )
    return StoredImages(np.empty((kept, 2, 2), np.uint16), index)


def judge(record: dict[str, Any]) -> dict[str, str]:
    return {gate["name"]: gate["state"] for gate in record["gates"]}


@pytest.fixture(scope="module")
def clean() -> dict[str, Any]:
    """The audit of two devices that left nothing."""
    return audit.audit_devices(*make_study(("A", "B")), {}, RULES)


@pytest.fixture(scope="module")
def leaking() -> dict[str, Any]:
    """The same, with a mark of a hundredth of white in the corner of one device's images."""
    return audit.audit_devices(*make_study(("A", "B"), plant="B"), {}, RULES)


def test_devices_that_left_nothing_fail_no_gate(clean):
    assert set(clean["probes"]) == set(FAMILIES)
    for name in FAMILIES:
        after = clean["probes"][name]["after"]
        assert after["low"] < 0.5 < after["high"], name
        assert after["images"] == 2 * WOMEN
    assert clean["failed"] == 0
    assert "fail" not in judge(clean).values()


def test_the_frame_is_seen_before_and_is_gone_after(clean):
    geometry = clean["probes"]["geometry"]
    assert geometry["before"]["auc"] > 0.95
    assert geometry["after"]["auc"] < 0.7


def test_geometry_looks_at_the_frame_before_alone():
    table = make_study(("A", "B"))[2]
    before, after = (audit.collect_families(table, when) for when in ("before", "after"))
    assert before["geometry"].shape[1] == after["geometry"].shape[1] + len(FRAME)
    assert before["statistics"].shape == after["statistics"].shape
    assert after["network"].shape == (2 * WOMEN, 144)


def test_a_planted_mark_fails_gates_and_is_named_but_the_audit_does_not_stop(leaking):
    states = judge(leaking)
    assert states["geometry probe"] == "fail"
    assert leaking["probes"]["geometry"]["after"]["low"] > 0.95
    assert ("after_corner_top", 1.0) in {(row["feature"], row["auc"]) for row in leaking["leading"]}
    counts = {word: list(states.values()).count(word) for word in STATES}
    assert leaking["failed"] == counts["fail"] >= 1
    assert leaking["verdict"] == ", ".join(f"{counts[word]} {word}" for word in STATES)


def test_the_leak_stops_the_room_when_it_closes(leaking):
    with pytest.raises(nodes.DeviceLeakError, match=r"geometry probe: .*page\.html"):
        nodes.close_standardize(leaking, {"page": "page.html"})


def test_the_record_is_plain_json_and_holds_the_standard(clean):
    assert json.loads(json.dumps(clean, allow_nan=False))["standard"]["skin_mm"] == 2.4


def test_the_record_counts_images_and_what_they_lost(clean):
    assert (clean["images"], clean["standardized"], clean["measured"]) == (80, 80, 80)
    assert clean["meanings"] == {"NORMAL window": 80}
    assert (clean["lost_mm2_median"], clean["images_with_tissue_lost"]) == (0.0, 2)
    assert clean["images_beyond_field"] == 1
    assert clean["beyond_field_share"] == pytest.approx(250 / (250 + 80 * 1000))


def test_modes_are_counted_before_and_after(clean):
    assert set(clean["modes"]) == set(clean["modes_before"]) == set(audit.MODE_FEATURES)
    assert all(f"modes of {name}" in judge(clean) for name in audit.MODE_FEATURES)
    # Two spacings, and the canvas has one.
    assert clean["modes_before"]["pixel_mm"]["modes"] > 1
    assert clean["modes"]["pixel_mm"]["modes"] == clean["modes"]["aspect"]["modes"] == 1


def test_a_canvas_of_two_sizes_of_breast_fails_the_gate_of_modes():
    cohort, store, features = make_study(("A", "B"))
    grown = np.where(cohort["device"] == "B", 2.0, 1.0)
    features["after_tissue_share"] *= grown
    record = audit.audit_devices(cohort, store, features, {}, RULES)
    assert judge(record)["modes of tissue_share"] == "fail"


def test_scales_that_no_woman_tells_are_not_judged(clean):
    states = judge(clean)
    assert states["scale of A by breast_mm2"] == "not judged"
    assert clean["scales"]["breast_mm2"]["B"]["women"] == 0


def test_a_device_that_draws_the_same_women_larger_fails_the_gate_of_scale():
    cohort, store, features = make_study(("A", "B"))
    cohort = cohort.assign(
        patient_id=[f"p{number // 4}" for number in range(2 * WOMEN)],
        laterality=["L", "R"] * WOMEN,
    )
    larger = np.where(cohort["device"] == "B", 1.1, 1.0)
    chance = 1 + 0.001 * np.random.default_rng(0).normal(size=2 * WOMEN)
    store.index["breast_mm2"] *= larger * chance
    record = audit.audit_devices(cohort, store, features, {}, RULES)
    assert judge(record)["scale of B by breast_mm2"] == "fail"
    assert judge(record)["scale of B by breast_height_mm"] != "fail"
    assert record["failed"] >= 1


def test_one_device_is_not_probed_says_so_and_fails_nothing():
    record = audit.audit_devices(*make_study(("A",)), {}, RULES)
    states = judge(record)
    for name in FAMILIES:
        assert record["probes"][name]["after"]["auc"] is None
        assert record["probes"][name]["after"]["reason"] == "only one device"
        assert states[f"{name} probe"] == "not judged"
    assert record["failed"] == 0
    nodes.close_standardize(record, {"page": "page.html"})


def test_a_study_whose_images_were_all_refused_is_still_told():
    cohort, _, _ = make_study(("A", "B"))
    empty = pd.DataFrame({"image_id": pd.Series(dtype="str")})
    record = audit.audit_devices(cohort, describe_store(cohort, len(cohort)), empty, {}, RULES)
    assert record["refused"] == {"no_breast": 80}
    assert (record["standardized"], record["measured"], record["failed"]) == (0, 0, 0)
    assert record["probes"]["network"]["after"]["reason"] == "no image was measured"
    json.dumps(record, allow_nan=False)
    nodes.close_standardize(record, {"page": "page.html"})


def test_what_the_twins_showed_is_part_of_the_record():
    cohort, store, features = make_study(("A",))
    record = audit.audit_devices(cohort, store, features, {"binning": 8}, RULES)
    assert record["twins"] == {"binning": 8}


def test_a_device_of_few_women_is_named_and_the_others_are_probed():
    cohort, _, features = make_study(("A", "B"))
    rare = cohort["patient_id"] == "p0"
    cohort["device"] = cohort["device"].where(~rare, "C")
    record = audit.audit_devices(cohort, describe_store(cohort), features, {}, RULES)
    assert record["devices_not_probed"] == {"C": 1}
    assert set(record["probes"]["statistics"]["after"]["by_device"]) == {"A", "B"}
