"""Room ingest: every file of a folder is accounted for, and bad input is told."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pandas as pd
import pytest

from mammo_pipeline.datasets.atomic import AtomicFile
from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.mammo.labels import LabelError
from mammo_pipeline.pipelines.ingest import nodes, reading
from small_archive import draw_breast, ingest_rules, mammogram, write_folder

KEY = b"k" * 32
LABELS = "patient_id,laterality,cancer\nP1,L,1\nP1,R,0\n"
NAMES = ("images", "lesions", "files", "links", "private", "counts")


def archive() -> dict[str, bytes]:
    whole = mammogram(laterality="L")
    return {
        "P1/L-CC.dcm": whole,
        "P1/R-CC.dcm": mammogram(laterality="R", pixels=draw_breast(wall="right", seed=1)),
        "P1/copy.dcm": whole,
        "P1/cut.dcm": mammogram(view="MLO")[:60000],
        "P1/spot.dcm": mammogram(view="XCCL"),
        "notes.txt": b"nothing to see",
        ".hidden": b"counted too",
        "empty.dcm": b"",
    }


@pytest.fixture
def folder(tmp_path: Path) -> FolderOfFiles:
    return FolderOfFiles(write_folder(tmp_path / "in", archive()))


def ingest(folder, ledger, rules, labels: str = LABELS) -> dict:
    outputs = nodes.index_labelled_files(folder, {"labels.csv": labels}, ledger, KEY, rules)
    return dict(zip(NAMES, outputs, strict=True))


def fates(out: dict) -> dict[str, str]:
    names = out["private"].set_index("file_id")["name"]
    return dict(zip(out["files"]["file_id"].map(names), out["files"]["code"], strict=True))


def test_every_file_has_one_fate_and_found_is_their_sum(folder, ledger, rules):
    out = ingest(folder, ledger, rules)
    assert fates(out) == {
        "P1/L-CC.dcm": "accepted",
        "P1/R-CC.dcm": "accepted",
        "P1/copy.dcm": "duplicate",
        "P1/cut.dcm": "truncated",
        "P1/spot.dcm": "exaggerated_view",
        "notes.txt": "not_dicom",
        ".hidden": "not_dicom",
        "empty.dcm": "empty_file",
    }
    changes = nodes.compare_with_last(folder, ledger, out["private"])
    flow = nodes.close_ingest(folder, ledger, out["files"], out["private"], out["counts"], changes)
    assert flow["found"] == 8
    assert flow["found"] == sum(flow[n] for n in ("accepted", "quarantined", "duplicate", "other"))
    assert out["images"].set_index("laterality")["cancer"].to_dict() == {"L": 1, "R": 0}


def test_a_second_ingest_changes_no_row_and_opens_no_file(folder, ledger, rules, monkeypatch):
    first = ingest(folder, ledger, rules)
    monkeypatch.setattr(FolderOfFiles, "open", lambda *_: pytest.fail("a file was opened"))
    monkeypatch.setattr(reading, "run_guarded", lambda *_: pytest.fail("a file was decoded"))
    second = ingest(folder, ledger, rules)
    for name in NAMES[:5]:
        pd.testing.assert_frame_equal(first[name], second[name])
    assert first["counts"] == second["counts"]


def test_a_grown_folder_reads_only_what_is_new_and_says_so(folder, ledger, rules, monkeypatch):
    out = ingest(folder, ledger, rules)
    first = nodes.compare_with_last(folder, ledger, out["private"])
    assert first == {"new": 8, "changed": 0, "vanished": 0, "unchanged": 0}
    nodes.close_ingest(folder, ledger, out["files"], out["private"], out["counts"], first)
    (folder.root / "P1/R-MLO.dcm").write_bytes(
        mammogram(laterality="R", view="MLO", pixels=draw_breast(wall="right", seed=2))
    )
    (folder.root / "notes.txt").write_bytes(b"another note")
    (folder.root / ".hidden").unlink()
    opened = []
    plain = FolderOfFiles.open
    monkeypatch.setattr(
        FolderOfFiles, "open", lambda self, name: opened.append(name) or plain(self, name)
    )
    again = ingest(folder, ledger, rules)
    assert sorted(opened) == ["P1/R-MLO.dcm", "notes.txt"]
    assert len(again["images"]) == 3
    changes = nodes.compare_with_last(folder, ledger, again["private"])
    assert changes == {"new": 1, "changed": 1, "vanished": 1, "unchanged": 6}


def test_a_run_that_was_broken_off_goes_on_where_it_was(folder, ledger, rules, monkeypatch):
    whole = ingest(folder, ledger, rules)
    ledger.path.unlink()

    def break_off(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(nodes, "settle_duplicates", break_off)
        with pytest.raises(KeyboardInterrupt):
            ingest(folder, ledger, rules)
    monkeypatch.setattr(reading, "run_guarded", lambda *_: pytest.fail("decoded again"))
    resumed = ingest(folder, ledger, rules)
    for name in NAMES[:5]:
        pd.testing.assert_frame_equal(whole[name], resumed[name])


def test_only_the_private_table_holds_a_name(folder, ledger, rules):
    out = ingest(folder, ledger, rules)
    shared = "".join(out[name].to_csv() for name in NAMES[:4])
    assert "P1" not in shared
    assert "P1/L-CC.dcm" in out["private"].to_csv()


def test_pixels_and_files_are_recorded_by_their_sha256(folder, ledger, rules):
    out = ingest(folder, ledger, rules)
    private = out["private"].set_index("name")["file_sha256"]
    assert private["P1/L-CC.dcm"] == hashlib.sha256(archive()["P1/L-CC.dcm"]).hexdigest()
    assert out["images"]["pixel_sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert out["images"]["pixel_sha256"].is_unique


def test_a_file_that_is_not_the_listed_one_is_refused(folder, ledger, rules):
    listed = f"{'0' * 64}  P1/L-CC.dcm\n"
    (folder.root / "SHA256SUMS").write_text(listed)
    out = ingest(folder, ledger, rules)
    assert fates(out)["P1/L-CC.dcm"] == "changed_since_manifest"
    assert fates(out)["SHA256SUMS"] == "manifest"
    assert fates(out)["P1/copy.dcm"] == "accepted"
    assert out["counts"]["listed_and_changed"] == 1


def test_the_raw_manifest_names_no_file(folder, ledger, rules):
    text = nodes.write_raw_manifest(ingest(folder, ledger, rules)["private"], KEY)
    assert text.startswith("# raw folder | files 8 |")
    assert "dcm" not in text


def test_a_pipe_and_a_broken_link_have_a_fate(folder, ledger, rules):
    os.mkfifo(folder.root / "pipe.dcm")
    (folder.root / "gone.dcm").symlink_to("nowhere")
    found = fates(ingest(folder, ledger, rules))
    assert found["pipe.dcm"] == "special_file"
    assert found["gone.dcm"] == "unreadable_file"


def test_two_patients_with_one_picture_are_linked_and_counted_once(tmp_path, ledger, rules):
    picture = draw_breast()
    files = {f"{p}.dcm": mammogram(patient=p, pixels=picture) for p in ("P1", "P2")}
    folder = FolderOfFiles(write_folder(tmp_path / "in", files))
    labels = "patient_id,laterality,cancer\nP1,L,0\nP2,L,0\n"
    out = ingest(folder, ledger, rules, labels)
    assert fates(out) == {"P1.dcm": "accepted", "P2.dcm": "duplicate_pixels"}
    assert out["links"]["reason"].tolist() == ["pixels"]


def test_an_empty_folder_is_told(tmp_path, ledger, rules):
    (tmp_path / "in").mkdir()
    with pytest.raises(ValueError, match=r"is empty\. Expected DICOM files"):
        nodes.index_files(FolderOfFiles(tmp_path / "in"), ledger, KEY, rules)


def test_a_folder_without_a_mammogram_is_told_with_what_is_in_it(tmp_path, ledger, rules):
    files = {"a.txt": b"x" * 200, "b.dcm": mammogram(view="ML")}
    folder = FolderOfFiles(write_folder(tmp_path / "in", files))
    with pytest.raises(ValueError, match=r"no mammogram that can be used: .*not a DICOM file"):
        nodes.index_files(folder, ledger, KEY, rules)


def test_a_label_of_an_unknown_patient_stops_before_any_pixel_is_decoded(
    folder, ledger, rules, monkeypatch
):
    monkeypatch.setattr(reading, "read_pixels", lambda *_: pytest.fail("pixels were decoded"))
    with pytest.raises(LabelError, match="lines 4, 5 name a patient_id"):
        ingest(folder, ledger, rules, LABELS + "P9,L,1\nP9,R,0\n")


def test_a_bad_table_stops_before_any_file_is_opened(folder, ledger, rules, monkeypatch):
    monkeypatch.setattr(reading, "index_headers", lambda *_: pytest.fail("a file was opened"))
    with pytest.raises(LabelError):
        ingest(folder, ledger, rules, LABELS.replace("P1,L,1", "P1,L,maybe"))


def test_the_nearest_stated_spacing_counts():
    rules = ingest_rules(stated_spacing_mm={".": 0.1, "a/b": 0.09})
    assert rules.spacing_for("a/b/c.dcm") == 0.09
    assert rules.spacing_for("a/c.dcm") == 0.1
    assert ingest_rules().spacing_for("a/c.dcm") is None


def test_a_patient_whose_images_are_all_refused_is_no_stranger(folder, ledger, rules):
    (folder.root / "P2").mkdir()
    (folder.root / "P2/x.dcm").write_bytes(mammogram(patient="P2", view="XCCL"))
    out = ingest(folder, ledger, rules, LABELS + "P2,L,1\n")
    assert out["counts"]["labels_without_image"] == 1
    assert out["counts"]["cancers_without_image"] == 1


def test_a_cancer_whose_pixels_break_is_a_cancer_without_image(folder, ledger, rules):
    (folder.root / "P2").mkdir()
    (folder.root / "P2/x.dcm").write_bytes(mammogram(patient="P2")[:60000])
    out = ingest(folder, ledger, rules, LABELS + "P2,L,1\n")
    assert out["counts"]["cancers_without_image"] == 1


def test_names_that_break_tables_come_back_whole(folder, ledger, rules, tmp_path):
    for name in (b"Icon\r", b"caf\xe9" * 30, b"back\\slash", b"line\nfeed", b'quo"te,comma'):
        (folder.root / os.fsdecode(name)).write_bytes(b"x")
    private = ingest(folder, ledger, rules)["private"]
    csv = {"save_args": {"index": False, "quoting": 1}}
    csv["load_args"] = {"dtype": str, "keep_default_na": False}
    file = AtomicFile(
        filepath=str(tmp_path / "n.csv"), dataset={"type": "pandas.CSVDataset", **csv}
    )
    file.save(private)
    back = file.load()
    assert sorted(back["name"]) == sorted(private["name"])
    assert nodes.write_raw_manifest(back, KEY) == nodes.write_raw_manifest(private, KEY)


def test_a_date_of_no_calendar_day_costs_nothing(folder, ledger, rules):
    odd = mammogram(patient="P1", view="MLO", date="99991231", StudyInstanceUID="1.2.3")
    (folder.root / "odd.dcm").write_bytes(odd)
    out = ingest(
        folder,
        ledger,
        rules,
        LABELS.replace("cancer", "cancer,study_date")
        .replace(",1\n", ",1,20200101\n")
        .replace(",0\n", ",0,20200101\n"),
    )
    assert fates(out)["odd.dcm"] == "no_label"


def test_what_was_too_much_for_a_busy_machine_is_tried_again(folder, ledger, rules, monkeypatch):
    from mammo_pipeline.guard import GuardedFailure

    with monkeypatch.context() as busy:
        busy.setattr(
            reading,
            "run_guarded",
            lambda _, tasks, *__: (
                (n, GuardedFailure("too_long", "")) for n, _t in enumerate(tasks)
            ),
        )
        with pytest.raises(ValueError, match="took longer than allowed"):
            ingest(folder, ledger, rules)
    assert fates(ingest(folder, ledger, rules))["P1/L-CC.dcm"] == "accepted"
