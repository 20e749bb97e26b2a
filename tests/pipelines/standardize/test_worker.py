"""What a worker returns of one image: numbers and bytes, never an error of the file's making."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from canvases import STANDARD, describe_file
from mammo_pipeline.datasets.codec import decode_canvas
from mammo_pipeline.mammo.audit.features import FRAME, GEOMETRY, STATISTICS, describe_image
from mammo_pipeline.mammo.audit.network import extract_features
from mammo_pipeline.mammo.intensity import WHITE, fit_device_maps, list_targets
from mammo_pipeline.mammo.standard import standardize_file
from mammo_pipeline.pipelines.standardize import worker
from small_archive import draw_breast, mammogram

# Deeper than any breast of the tests.
ALL_SKIN = replace(STANDARD, skin_mm=500.0)


@pytest.fixture
def file(tmp_path):
    """(path, row of `images`) of one mammogram."""
    content = mammogram()
    (tmp_path / "DOE_JANE.dcm").write_bytes(content)
    frame = {"rows_px": 300, "columns_px": 240}
    return str(tmp_path / "DOE_JANE.dcm"), describe_file(content, **frame)


@pytest.fixture
def changed(file):
    """The same, with other pixels than its row tells of."""
    Path(file[0]).write_bytes(mammogram(pixels=draw_breast(seed=9)))
    return file


def test_a_canvas_travels_as_the_store_keeps_it(file):
    payload, facts = worker.standardize_path(*file, STANDARD, None)
    canvas, expected = standardize_file(mammogram(), file[1], STANDARD)
    assert np.array_equal(decode_canvas(payload), canvas)
    assert facts == expected
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_the_device_s_map_is_laid_on(file):
    maps = {"targets": [0.6], "devices": {file[1]["device"]: {"levels": [0.4], "images": 1}}}
    plain, mapped = (worker.standardize_path(*file, STANDARD, m)[0] for m in (None, maps))
    assert np.median(decode_canvas(mapped)) >= np.median(decode_canvas(plain))
    assert mapped != plain


def test_a_file_that_cannot_be_opened_is_told_without_its_name(file):
    payload, facts = worker.standardize_path("/nowhere/DOE_JANE.dcm", file[1], STANDARD, None)
    assert payload is None
    assert facts == {"code": "unreadable_file", "found": "FileNotFoundError"}


def test_a_refused_image_has_no_canvas(file, changed):
    assert worker.standardize_path(*file, ALL_SKIN, None)[0] is None
    payload, facts = worker.standardize_path(*changed, STANDARD, None)
    assert payload is None and facts["code"] == "changed_since_ingest"


def test_levels_are_those_of_the_canvas_s_tissue(file):
    levels = worker.read_levels(*file, STANDARD)
    assert np.allclose(levels, list_targets(129), atol=0.01)
    assert fit_device_maps(levels[None], np.array(["A"]))["devices"]["A"]["images"] == 1


def test_levels_of_a_refused_image_are_none(changed):
    assert worker.read_levels(*changed, STANDARD) is None


def test_an_image_is_measured_before_and_after(file):
    canvas, _ = standardize_file(mammogram(), file[1], STANDARD)
    told = worker.measure_path(*file, canvas, STANDARD)
    families = {"before": (*FRAME, *GEOMETRY, *STATISTICS), "after": (*GEOMETRY, *STATISTICS)}
    curves = ("histogram", "spectrum", "net")
    expected = {f"{when}_{n}" for when, names in families.items() for n in (*names, *curves)}
    assert set(told) == {"code", *expected}
    assert told["code"] == "accepted"
    assert told["before_row_spacing_mm"] == 0.6 and told["before_field_width_mm"] == 144
    after = describe_image(canvas, 0, (0.8, 0.8))
    assert {name: told[f"after_{name}"] for name in after.features} == after.features
    assert told["after_net"] == extract_features(canvas, 0).tolist()
    assert told["after_histogram"] == after.histogram.tolist()


def test_before_is_the_whole_frame_stretched_to_the_canvas(file):
    canvas = np.full(STANDARD.shape_px, WHITE, np.uint16)
    told = worker.measure_path(*file, canvas, STANDARD)
    # The breast is 80 % of the frame's height and 70 % of its width, whatever the canvas shows.
    assert told["before_height_share"] == pytest.approx(0.8, abs=0.02)
    assert told["before_width_share"] == pytest.approx(0.7, abs=0.02)
    assert told["after_height_share"] == 1


def test_an_image_that_can_no_longer_be_read_returns_its_code_alone(changed):
    canvas = np.zeros(STANDARD.shape_px, np.uint16)
    assert worker.measure_path(*changed, canvas, STANDARD) == {"code": "changed_since_ingest"}
    gone = worker.measure_path("/nowhere", changed[1], canvas, STANDARD)
    assert gone == {"code": "unreadable_file"}


def test_a_made_up_breast_is_compared_on_every_pair_of_devices():
    devices = ["hologic_dimensions", "ge_essential"]
    pairs, lesions = worker.measure_twin(1, 0, devices, 8, STANDARD)
    assert {(row["one"], row["other"]) for row in pairs} == {
        ("hologic_dimensions", "hologic_dimensions"),
        ("hologic_dimensions", "ge_essential"),
        ("ge_essential", "ge_essential"),
    }
    assert {row["twin"] for row in [*pairs, *lesions]} == {1}
    assert {row["device"] for row in lesions} == set(devices)
    assert all(row["code"] == "accepted" for row in pairs)
    other, _ = worker.measure_twin(0, 0, devices[:1], 8, STANDARD)
    assert other[0]["nrmse"] != pairs[0]["nrmse"]
