"""Copies are named by pseudonyms, written whole, and never over what is not theirs."""

from __future__ import annotations

import os
import shutil
from io import BytesIO
from pathlib import Path

import pandas as pd
import pydicom
import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from mammo_pipeline import deidentified
from mammo_pipeline.cli import cli
from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.deidentified import (
    MARK,
    REMOVED,
    THERE,
    WRITTEN,
    CopyError,
    describe,
    write_copies,
)
from mammo_pipeline.mammo.dicom.examine import digest_pixels
from mammo_pipeline.mammo.pseudonym import pseudonym
from small_archive import draw_breast, mammogram, write_folder

ROOT = Path(__file__).parents[1]
KEY = bytes(range(32))
PIXELS = draw_breast((40, 33))
NAMES = ["P1", "P2", "P3"]


def row(patient: str, name: str) -> dict[str, str]:
    return {
        "image_id": pseudonym(KEY, "image", name),
        "file_id": pseudonym(KEY, "file", name),
        "exam_id": pseudonym(KEY, "exam", patient, "20200101"),
        "patient_id": pseudonym(KEY, "patient", patient),
    }


@pytest.fixture
def raw(tmp_path: Path) -> FolderOfFiles:
    files = {f"{p}^Doe/{p}.dcm": mammogram(p, pixels=PIXELS) for p in NAMES}
    files["P4^Doe/scan.png"] = b"\x89PNG\r\n\x1a\n" + b"Doe" * 99
    return FolderOfFiles(write_folder(tmp_path / "raw", files))


@pytest.fixture
def images(raw: FolderOfFiles) -> pd.DataFrame:
    return pd.DataFrame([row(name.split("^")[0], name) for name in raw.names()])


def copies(target: Path) -> list[str]:
    return sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file())


def test_every_accepted_image_with_a_header_has_a_copy_under_its_pseudonyms(raw, images, tmp_path):
    target = tmp_path / "out"
    counts = write_copies(images, raw, KEY, target)
    assert counts == {WRITTEN: 3, "not_dicom": 1, REMOVED: 0}
    wanted = [f"{r.patient_id}/{r.exam_id}/{r.image_id}.dcm" for r in images.itertuples()][:3]
    assert copies(target) == sorted([MARK, *wanted])
    for name, path in zip(NAMES, wanted, strict=True):
        content = (target / path).read_bytes()
        assert b"Doe" not in content
        copy = pydicom.dcmread(BytesIO(content))
        assert copy.PatientID == path.split("/")[0] == pseudonym(KEY, "patient", name)
        assert (copy.pixel_array == PIXELS).all()


def test_the_study_s_name_of_the_woman_stands_in_the_copy(raw, images, tmp_path):
    one = images.head(1).assign(patient_id="00000000deadbeef")
    write_copies(one, raw, KEY, tmp_path / "out")
    [path] = (tmp_path / "out").glob("00000000deadbeef/*/*.dcm")
    assert pydicom.dcmread(path).PatientID == "00000000deadbeef"


def test_a_rerun_goes_on_where_the_killed_run_stopped(raw, images, tmp_path, monkeypatch):
    target = tmp_path / "out"
    calls = []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    real = deidentified._write_one
    monkeypatch.setattr(deidentified, "_write_one", killed)
    with pytest.raises(KeyboardInterrupt):
        write_copies(images, raw, KEY, target)
    monkeypatch.undo()
    [whole] = target.glob("*/*/*.dcm")
    before = whole.stat().st_mtime_ns
    half = whole.with_name(f".{whole.stem}.{os.getpid()}.part.dcm")
    half.write_bytes(b"half")
    counts = write_copies(images, raw, KEY, target)
    assert counts == {WRITTEN: 2, THERE: 1, "not_dicom": 1, REMOVED: 0}
    assert whole.stat().st_mtime_ns == before
    assert not half.exists()


def test_a_copy_of_an_image_that_left_the_study_is_removed(raw, images, tmp_path):
    target = tmp_path / "out"
    write_copies(images, raw, KEY, target)
    (target / "notes.txt").write_text("mine")
    counts = write_copies(images.iloc[1:], raw, KEY, target)
    assert (counts[REMOVED], counts[THERE]) == (1, 2)
    assert len(list(target.glob("*/*/*.dcm"))) == 2
    assert (target / "notes.txt").exists()


@pytest.mark.parametrize("place", [".", "..", "below", "link"])
def test_nothing_is_written_into_the_raw_folder(raw, images, tmp_path, place):
    target = raw.root / place
    if place == "link":
        target = tmp_path / "link"
        target.symlink_to(raw.root)
    before = copies(raw.root)
    with pytest.raises(CopyError, match="raw folder"):
        write_copies(images, raw, KEY, target)
    assert copies(raw.root) == before


def test_nothing_is_written_where_others_files_lie(raw, images, tmp_path):
    target = write_folder(tmp_path / "out", {"thesis.txt": b"mine"})
    with pytest.raises(CopyError, match="did not make"):
        write_copies(images, raw, KEY, target)
    with pytest.raises(CopyError, match="no folder"):
        write_copies(images, raw, KEY, target / "thesis.txt")
    assert copies(target) == ["thesis.txt"]


def test_copies_by_two_keys_or_two_sets_of_rules_never_mix(raw, images, tmp_path, monkeypatch):
    from mammo_pipeline.mammo.dicom.deidentify import profile

    write_copies(images, raw, KEY, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="key is another"):
        write_copies(images, raw, KEY[::-1], tmp_path / "out")
    monkeypatch.setattr(profile, "TABLE", {})
    with pytest.raises(CopyError, match="other rules"):
        write_copies(images, raw, KEY, tmp_path / "out")


def test_a_file_that_is_gone_stops_the_command_before_it_writes(raw, images, tmp_path):
    (raw.root / "P2^Doe/P2.dcm").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 4 files") as error:
        write_copies(images, raw, KEY, tmp_path / "out")
    assert "Doe" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_copied_is_counted_and_the_rest_is_written(raw, images, tmp_path):
    name = raw.root / "P1^Doe/P1.dcm"
    name.write_bytes(name.read_bytes()[:1500])
    counts = write_copies(images, raw, KEY, tmp_path / "out")
    assert counts[WRITTEN] == 2
    assert "Doe" not in describe(counts, tmp_path / "out")
    assert "left out" in describe(counts, tmp_path / "out")


def change(raw: FolderOfFiles, name: str, **tags: object) -> None:
    (raw.root / f"{name}^Doe/{name}.dcm").write_bytes(mammogram(name, **{"pixels": PIXELS, **tags}))


def test_a_file_with_other_pixels_than_ingest_accepted_has_no_copy(raw, images, tmp_path):
    target, vouched = tmp_path / "out", images.assign(pixel_sha256=digest_pixels(PIXELS))
    assert write_copies(vouched, raw, KEY, target)[WRITTEN] == 3
    change(raw, "P2", pixels=PIXELS + 1)
    counts = write_copies(vouched, raw, KEY, target)
    assert counts == {THERE: 2, "changed_since_ingest": 1, "not_dicom": 1, REMOVED: 0}
    one = images["image_id"][NAMES.index("P2")]
    assert not list(target.rglob(f"{one}.dcm"))
    assert "no longer those" in describe(counts, target)
    silent = vouched.assign(pixel_sha256="")
    assert write_copies(silent, raw, KEY, target)[WRITTEN] == 1


def test_a_copy_is_made_again_when_its_file_changed(raw, images, tmp_path):
    target, vouched = tmp_path / "out", images.assign(pixel_sha256=digest_pixels(PIXELS))
    write_copies(vouched, raw, KEY, target)
    change(raw, "P2", ViewPosition="MLO")
    counts = write_copies(vouched, raw, KEY, target)
    assert (counts[WRITTEN], counts[THERE]) == (1, 2)
    one = images["image_id"][NAMES.index("P2")]
    [path] = target.rglob(f"{one}.dcm")
    assert pydicom.dcmread(path).ViewPosition == "MLO"


def test_a_copy_that_was_damaged_is_made_again(raw, images, tmp_path):
    target = tmp_path / "out"
    write_copies(images, raw, KEY, target)
    path = next(target.glob("*/*/*.dcm"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-2])
    assert write_copies(images, raw, KEY, target)[WRITTEN] == 1
    assert path.read_bytes() == whole


def test_a_copy_that_can_no_longer_be_made_is_removed(raw, images, tmp_path):
    target = tmp_path / "out"
    write_copies(images, raw, KEY, target)
    (raw.root / "P1^Doe/P1.dcm").write_bytes(b"no image")
    counts = write_copies(images, raw, KEY, target)
    assert (counts["not_dicom"], counts[THERE]) == (2, 2)
    assert len(list(target.glob("*/*/*.dcm"))) == 2


@pytest.fixture
def project(tmp_path: Path, raw: FolderOfFiles, images: pd.DataFrame) -> Path:
    """A project folder of its own, whose `ingest` has run."""
    home = tmp_path / "project"
    shutil.copytree(ROOT / "conf/base", home / "conf/base")
    shutil.copy(ROOT / "pyproject.toml", home)
    write_folder(home, {"conf/local/pseudonym.key": f"{KEY.hex()}\n".encode()})
    write_folder(home, {"conf/tiny/globals.yml": f"dicom_folder: {raw.root}\n".encode()})
    (home / "data/02_intermediate").mkdir(parents=True)
    (home / "src").mkdir()
    images.to_parquet(home / "data/02_intermediate/images.parquet")
    return home


def test_the_command_writes_and_says_what_it_did(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("MAMMO_PIPELINE_ENV", "")  # The command sets it, and this puts it back.
    metadata = bootstrap_project(ROOT)._replace(project_path=project)
    arguments = ["deidentify", "--env", "tiny", "--to", str(tmp_path / "out")]
    told = CliRunner().invoke(cli, arguments, obj=metadata)
    assert told.exit_code == 0, told.output
    assert "written" in told.output and "no copy" in told.output and "Doe" not in told.output
    assert len(list((tmp_path / "out").glob("*/*/*.dcm"))) == 3
    refused = CliRunner().invoke(cli, [*arguments[:-1], str(tmp_path / "raw")], obj=metadata)
    assert refused.exit_code == 1 and "raw folder" in refused.output


def test_the_command_without_ingest_says_what_is_missing(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("MAMMO_PIPELINE_ENV", "")  # The command sets it, and this puts it back.
    (project / "data/02_intermediate/images.parquet").unlink()
    metadata = bootstrap_project(ROOT)._replace(project_path=project)
    arguments = ["deidentify", "--env", "tiny", "--to", str(tmp_path / "out")]
    told = CliRunner().invoke(cli, arguments, obj=metadata)
    assert told.exit_code == 1
    assert "images" in told.output
