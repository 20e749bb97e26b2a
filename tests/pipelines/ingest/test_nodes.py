"""Room ingest: every file of a folder is accounted for, and bad input is told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.mammo.labels import LabelError
from mammo_pipeline.pipelines.ingest import nodes
from mammo_pipeline.pipelines.ingest.parameters import IngestParameters
from small_archive import mammogram, write_folder

KEY = b"k" * 32
RULES = IngestParameters(minimum_field_mm=50, stated_spacing_mm={})
LABELS = pd.DataFrame(
    {"patient_id": ["P1", "P1"], "laterality": ["L", "R"], "cancer": ["1", "0"]}, dtype=str
)


@pytest.fixture
def folder(tmp_path: Path) -> FolderOfFiles:
    whole = mammogram(laterality="L")
    files = {
        "P1/L-CC.dcm": whole,
        "P1/R-CC.dcm": mammogram(laterality="R"),
        "P1/copy.dcm": whole,
        "P1/cut.dcm": mammogram(view="MLO")[:60000],
        "notes.txt": b"nothing to see",
        ".hidden": b"counted too",
    }
    return FolderOfFiles(write_folder(tmp_path / "in", files))


def test_found_is_the_sum_of_all_fates(folder):
    images, _, files, _, counts = nodes.index_labelled_files(folder, LABELS, KEY, RULES)
    flow = nodes.report_ingest(files, counts)
    fates = {"found": 6, "accepted": 2, "quarantined": 1, "duplicate": 1, "other": 2}
    assert flow == fates | {"labels": 2, "labels_without_image": 0, "cancers_without_image": 0}
    assert len(images) == 2
    assert images.set_index("laterality")["cancer"].to_dict() == {"L": 1, "R": 0}


def test_a_second_reading_changes_nothing(folder):
    first = nodes.index_labelled_files(folder, LABELS, KEY, RULES)
    second = nodes.index_labelled_files(folder, LABELS, KEY, RULES)
    for one, two in zip(first[:4], second[:4], strict=True):
        pd.testing.assert_frame_equal(one, two)
    assert first[4] == second[4]


def test_only_the_private_table_holds_a_name(folder):
    images, lesions, files, private, _ = nodes.index_labelled_files(folder, LABELS, KEY, RULES)
    shared = images.to_csv() + lesions.to_csv() + files.to_csv()
    assert "P1" not in shared
    assert "P1/L-CC.dcm" in private.to_csv()


def test_an_empty_folder_is_told(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(ValueError, match=r"is empty\. Expected DICOM files"):
        nodes.index_files(FolderOfFiles(tmp_path / "in"), KEY, RULES)


def test_a_folder_without_a_mammogram_is_told_with_what_is_in_it(tmp_path):
    root = write_folder(tmp_path / "in", {"a.txt": b"x" * 200, "b.dcm": mammogram()[:60000]})
    with pytest.raises(ValueError, match="no mammogram that can be used: 1 x not a DICOM file"):
        nodes.index_files(FolderOfFiles(root), KEY, RULES)


def test_a_label_of_an_unknown_patient_stops_the_room(folder):
    labels = pd.concat([LABELS, LABELS.assign(patient_id="P9")], ignore_index=True)
    with pytest.raises(LabelError, match="lines 4, 5 name a patient_id"):
        nodes.index_labelled_files(folder, labels, KEY, RULES)


def test_a_bad_table_stops_before_any_file_is_opened(folder, monkeypatch):
    monkeypatch.setattr(nodes, "_read_file", lambda *_: pytest.fail("a file was opened"))
    with pytest.raises(LabelError):
        nodes.index_labelled_files(folder, LABELS.assign(cancer="maybe"), KEY, RULES)


def test_the_nearest_stated_spacing_counts():
    rules = IngestParameters(minimum_field_mm=0, stated_spacing_mm={".": 0.1, "a/b": 0.09})
    assert rules.spacing_for("a/b/c.dcm") == 0.09
    assert rules.spacing_for("a/c.dcm") == 0.1
    assert RULES.spacing_for("a/c.dcm") is None
