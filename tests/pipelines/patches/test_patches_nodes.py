"""Room `patches`."""

from __future__ import annotations

import logging
from typing import get_type_hints

from mammo_pipeline.pipelines.patches.nodes import draw_patches
from mammo_pipeline.pipelines.patches.parameters import PatchesParameters
from mammo_pipeline.pipelines.patches.pipeline import create_pipeline
from toy_study import make_sampling, make_study


def test_the_room_ends_with_the_counts_of_every_class(caplog):
    store, cohort, lesions = make_study()
    parameters = PatchesParameters.model_validate(make_sampling().model_dump())
    with caplog.at_level(logging.INFO):
        patches = draw_patches(store, cohort, lesions, parameters)
    for side, part in patches.groupby("side"):
        assert f"{len(part)} patches of {part['image_id'].nunique()} images" in caplog.text, side
    assert "== patches ==" in caplog.text


def test_parameters_are_checked_by_kedro_before_any_work():
    (node,) = create_pipeline().nodes
    assert get_type_hints(node.func)["parameters"] is PatchesParameters
    assert node.inputs[-1] == "params:patches"
