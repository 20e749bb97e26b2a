"""Images FOR PROCESSING: refused, or read where their view is not there FOR PRESENTATION."""

from __future__ import annotations

import pytest

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.pipelines.ingest import nodes
from small_archive import draw_breast, expose, ingest_rules, make_raw, mammogram, write_folder

KEY = b"k" * 32


def take_raw(view: str, photometric: str = "MONOCHROME1") -> bytes:
    pixels = expose(draw_breast(seed=len(view)))
    tags = {"BitsStored": 14, "PhotometricInterpretation": photometric}
    return make_raw(mammogram(view=view, pixels=pixels, **tags))


@pytest.fixture
def folder(tmp_path):
    files = {"both.dcm": mammogram(), "both_raw.dcm": take_raw("CC"), "raw.dcm": take_raw("MLO")}
    files["broken.dcm"] = mammogram(view="MLO")[:60000]
    return FolderOfFiles(write_folder(tmp_path / "in", files))


def index(folder, ledger, rule: str) -> tuple:
    images, files, private = nodes.index_files(
        folder, ledger, KEY, ingest_rules(for_processing=rule)
    )
    names = private.set_index("file_id")["name"]
    return images.assign(name=images["file_id"].map(names)).set_index("name"), dict(
        zip(files["file_id"].map(names), files["code"], strict=True)
    )


def test_raw_images_are_refused_unless_the_study_reads_them(folder, ledger):
    _, codes = index(folder, ledger, "refuse")
    assert codes == {
        "both.dcm": "accepted",
        "both_raw.dcm": "for_processing",
        "broken.dcm": "truncated",
        "raw.dcm": "for_processing",
    }


def test_no_view_counts_twice_and_a_raw_one_stands_in_for_a_broken_one(folder, ledger):
    index(folder, ledger, "refuse")
    images, codes = index(folder, ledger, "accept")
    assert codes == {
        "both.dcm": "accepted",
        "both_raw.dcm": "for_processing",
        "broken.dcm": "truncated",
        "raw.dcm": "accepted",
    }
    intents = images["presentation_intent"].to_dict()
    assert intents == {"both.dcm": "FOR PRESENTATION", "raw.dcm": "FOR PROCESSING"}


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_breast_is_found_in_a_raw_image(tmp_path, ledger, photometric):
    files = {"raw.dcm": take_raw("CC", photometric)}
    images, _ = index(FolderOfFiles(write_folder(tmp_path / "in", files)), ledger, "accept")
    assert images["picture_side"].tolist() == ["left"]


def test_every_image_says_what_its_pixels_and_its_display_are(folder, ledger):
    images, _ = index(folder, ledger, "accept")
    assert images["pixel_xxh3"].str.fullmatch("[0-9a-f]{32}").all()
    assert images["display_sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert images["display_sha256"].is_unique


def test_a_ledger_of_other_code_is_read_anew(folder, ledger, monkeypatch):
    from mammo_pipeline.pipelines.ingest import reading

    index(folder, ledger, "accept")
    monkeypatch.setattr(reading, "_reading_code", lambda: "of another version")
    told = []
    whole = reading.run_guarded
    monkeypatch.setattr(reading, "run_guarded", lambda *a: told.append(1) or whole(*a))
    images, _ = index(folder, ledger, "accept")
    assert told and images["pixel_xxh3"].ne("").all()


def test_the_code_that_shows_images_is_part_of_the_ledger_s_version():
    from pathlib import Path

    import mammo_pipeline
    from mammo_pipeline.imports import find_imports
    from mammo_pipeline.pipelines.ingest import worker

    package = Path(mammo_pipeline.__file__).parent
    names = {file.name for file in find_imports([Path(worker.__file__)], package)}
    assert {"presentation.py", "lookup.py", "display.py", "examine.py"} <= names
