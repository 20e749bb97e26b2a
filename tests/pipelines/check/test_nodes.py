"""Room check: the contract's result is plain data, whatever columns a table brings."""

from __future__ import annotations

import json

from mammo_pipeline.pipelines.check import nodes
from mammo_pipeline.pipelines.check.pipeline import create_pipeline
from screening_study import (
    COUNTS,
    RULES,
    make_files,
    make_images,
    make_lesions,
    no_pairs,
    parameters,
)

OLDEST = [
    *("image_id", "exam_id", "patient_id", "laterality", "view", "device", "rows_px", "columns_px"),
    *("row_spacing_mm", "column_spacing_mm", "exam_offset_days", "age", "density", "cancer"),
]


def check(images, lesions, pairs=None):
    files = make_files(make_images(24))
    return nodes.check_contract(images, files, lesions, COUNTS, RULES, parameters(), pairs)


def test_the_result_is_the_same_twice_and_changes_nothing_that_was_given():
    images = make_images(12)
    before, lesions = images.copy(), make_lesions(images)
    once, again = (check(images, lesions, no_pairs()) for _ in range(2))
    assert json.dumps(once, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert images.equals(before)


def test_tables_with_few_columns_and_no_lesion_pass_with_much_unchecked():
    images = make_images(24)
    contract, _ = check(images[OLDEST], make_lesions(images).head(0))
    assert contract["passed"]
    assert contract["counts"]["unchecked"] > 20
    nodes.write_contract_page(contract, images[OLDEST])


def test_the_split_waits_for_the_page():
    pipeline = create_pipeline()
    waiting = {n.name for n in pipeline.nodes if "contract_page" in n.inputs}
    assert "draw_split" in waiting or "split_images" in waiting
