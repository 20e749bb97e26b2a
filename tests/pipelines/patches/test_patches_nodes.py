"""Room `patches`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.datasets.codec import encode_canvas
from mammo_pipeline.datasets.store import ImageStore, ImageStream, StoredImages
from mammo_pipeline.guard import GuardedFailure
from mammo_pipeline.mammo.patches.sampling import sample_patches
from mammo_pipeline.pipelines.patches import nodes
from mammo_pipeline.pipelines.patches.nodes import draw_patches
from mammo_pipeline.pipelines.patches.parameters import PatchesParameters
from mammo_pipeline.pipelines.patches.pipeline import create_pipeline
from mammo_pipeline.tracking.hooks import select_figures
from toy_study import CANVAS, make_sampling, make_study


def parameters(jobs: int = 1, **changes: Any) -> PatchesParameters:
    sampling = make_sampling(**changes)
    return PatchesParameters.model_validate(
        {
            "seed": sampling.seed,
            "size_px": sampling.size_px,
            "sampling": "toy",
            "samplings": {"toy": sampling.model_dump()["rules"]},
            "engine": {"kind": "local", "jobs": jobs},
            "limits": {"seconds": 60, "memory_mb": 4096},
        }
    )


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Work is done in this process, where a worker takes seconds to start; returns the tasks."""
    done: list[tuple[Any, ...]] = []

    def run(function: Any, tasks: Any, engine: Any, limits: Any) -> Iterator[tuple[int, Any]]:
        for number, task in enumerate(tasks):
            done.append(task)
            yield number, function(*task)

    monkeypatch.setattr(nodes, "run_tasks", run)
    return done


def keep_on_disk(folder: Path, store: StoredImages) -> StoredImages:
    """The toy study's images in a store as the pipeline has it."""

    def make(numbers: list[int]) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        return ((n, encode_canvas(store.pixels[n]), {"code": "accepted"}) for n in numbers)

    disk = ImageStore(filepath=str(folder / "store"))
    records = store.index[["image_id"]].to_dict("records")
    disk.save(ImageStream(CANVAS, store.index["key"].tolist(), records, make))
    return disk.load()


def test_one_worker_two_and_none_draw_the_same_patches(tmp_path):
    plain, cohort, lesions = make_study(breasts=12)
    stored = keep_on_disk(tmp_path, plain)
    one, other = (draw_patches(stored, cohort, lesions, parameters(jobs)) for jobs in (1, 2))
    here = sample_patches(plain.pixels, plain.index, cohort, lesions, make_sampling())
    for tables in (one, other):
        pd.testing.assert_frame_equal(tables[0], here[0])
        pd.testing.assert_frame_equal(tables[1], here[1])
    assert one[2] == other[2]


def test_a_place_in_the_store_travels_and_no_pixels(tmp_path, at_once):
    plain, cohort, lesions = make_study(breasts=12)
    stored = keep_on_disk(tmp_path, plain)
    patches, _, _ = draw_patches(stored, cohort, lesions, parameters())
    assert len(at_once) == cohort["side"].isin(["train", "tune"]).sum()
    for pixels, scene, _ in at_once:
        assert type(pixels) is type(stored.pixels) and pixels.shape == (1, *CANVAS)
        assert len(pixels.image_ids) == 1 and not isinstance(scene.position, np.ndarray)
        np.testing.assert_array_equal(pixels[0], plain.pixels[scene.position])
    assert len(patches)


def test_the_room_ends_with_classes_and_rules_in_figures(caplog, at_once):
    store, cohort, lesions = make_study()
    with caplog.at_level(logging.INFO):
        patches, draws, facts = draw_patches(store, cohort, lesions, parameters())
    assert "== patches, toy ==" in caplog.text
    for side, part in patches.groupby("side"):
        assert f"{len(part)} patches of {part['image_id'].nunique()} images" in caplog.text, side
    for rule, part in draws.groupby("rule"):
        told = rf"\n  {rule} +{part['found'].sum()} of {part['wanted'].sum()} wanted, in"
        assert re.search(told, caplog.text), rule
    figures = select_figures(facts)
    assert figures["train.rules.lesion.found"] == figures["train.rules.lesion.wanted"] > 0
    assert figures["tune.patches.classes.mass malignant"] > 0


def test_the_digest_of_the_sources_changes_with_each_of_them(at_once):
    store, cohort, lesions = make_study(breasts=12)
    moved = lesions.assign(row_max=lesions["row_max"] + 1)
    healed = cohort.assign(cancer=0)
    drawn = [
        draw_patches(store, cohort, lesions, parameters()),
        draw_patches(store, cohort, moved, parameters()),
        draw_patches(store, healed, lesions, parameters()),
        draw_patches(store, cohort, lesions, parameters(seed=8)),
        draw_patches(store, cohort, lesions, parameters(lesion={"per_lesion": 5})),
    ]
    assert len({facts["sampled_from"] for _, _, facts in drawn}) == len(drawn)
    again = draw_patches(store, cohort[::-1], lesions[::-1], parameters(jobs=2))
    assert again[2] == drawn[0][2]


def test_an_image_that_breaks_its_worker_stops_the_run_and_is_named(monkeypatch):
    store, cohort, lesions = make_study(breasts=12)
    failure = GuardedFailure("too_long", "more than 60 s")
    monkeypatch.setattr(nodes, "run_tasks", lambda *args: iter([(0, failure)]))
    with pytest.raises(RuntimeError, match=r"image image000 could not be sampled: too_long, more"):
        draw_patches(store, cohort, lesions, parameters())


def test_a_damaged_image_stops_the_run_with_what_the_store_says(tmp_path, at_once):
    plain, cohort, lesions = make_study(breasts=12)
    stored = keep_on_disk(tmp_path, plain)
    (pack,) = (tmp_path / "store/packs").iterdir()
    damaged = bytearray(pack.read_bytes())
    damaged[len(damaged) // 3 : len(damaged) // 3 + 400] = bytes(400)
    pack.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"Image image.* cannot be read from"):
        draw_patches(stored, cohort, lesions, parameters())


def test_parameters_are_checked_by_kedro_before_any_work():
    (node,) = create_pipeline().nodes
    assert get_type_hints(node.func)["parameters"] is PatchesParameters
    assert node.inputs[-1] == "params:patches"
    assert node.outputs == ["patches", "patches_draws", "patches_facts"]
