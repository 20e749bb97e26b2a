"""The main job as a user runs it: `kedro run --config kedro.yml`, then a folder is scored.

The demo runs once, in a copy of the project, and every test here looks at what it left.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pydicom
import pytest

ROOT = Path(__file__).parents[1]
KEDRO = Path(sys.executable).with_name("kedro")
REALDATA = Path(os.environ.get("MAMMO_REALDATA", ROOT / "../shared/realdata")).resolve()
FOLDERS = ("nyu_dicom", "medcognetics_dicom_utils_Apache", "openrem_MG_GPLv3")

needs_realdata = pytest.mark.skipif(
    not REALDATA.is_dir(), reason="real mammograms are not here; name them in MAMMO_REALDATA"
)


def load_figures():
    spec = importlib.util.spec_from_file_location("write_figures", ROOT / "docs/write_figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXPECTED = json.loads((ROOT / "docs/demo_figures.json").read_text())


def kedro(project: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    told = subprocess.run(
        [KEDRO, *arguments], cwd=project, capture_output=True, text=True, check=False
    )
    assert not check or told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    return told


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without its data, so that no run of the user's is touched."""
    root = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "kedro.yml", "dvc.yaml", ".telemetry"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "conf", root / "conf", ignore=shutil.ignore_patterns("local"))
    (root / "conf/local").mkdir()
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(scope="session")
def demo(project: Path) -> tuple[Path, str]:
    """The demo, run once: (the project, what the run printed)."""
    return project, kedro(project, "run", "--config", "kedro.yml").stdout


@pytest.fixture(scope="session")
def real_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("real")
    for name in FOLDERS:
        shutil.copytree(REALDATA / name, root / name)
    return root


def score(project: Path, folder: Path, more: str = "") -> tuple[Path, str]:
    arguments = ["run", "--env", "demo", "--pipelines", "score"]
    told = kedro(project, *arguments, "--params", f"score_folder={folder}{more}")
    return project / "data/demo/07_model_output/score", told.stdout


def test_the_readme_prints_the_expected_figures():
    readme = (ROOT / "README.md").read_text()
    assert load_figures().render_table(EXPECTED) in readme
    assert "_MINUTES" not in readme


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: row["figure"])
def test_the_demo_gives_the_figures_of_the_readme(demo, row):
    project, _ = demo
    found = load_figures().read_figure(project / "data/demo/08_reporting", row["where"])
    assert float(found) == pytest.approx(row["value"], abs=row["tolerance"] + 1e-3)


def test_the_run_ends_with_what_a_reader_needs(demo):
    block = demo[1].split("== ")[-1]
    for word in ("AUROC", "calibration", "device", "gate", "audit.html", "mlflow", "next"):
        assert word.lower() in block.lower(), word


def test_every_page_stands_alone(demo):
    pages = sorted((demo[0] / "data/demo/08_reporting").glob("*.html"))
    names = {page.name for page in pages}
    assert {"audit.html", "data_check.html", "standardization.html", "drift_report.html"} <= names
    for page in pages:
        text = page.read_text()
        assert "<script src" not in text and 'rel="stylesheet"' not in text
        assert page.with_suffix(".json").is_file()


def test_the_audit_of_devices_measured_every_image_and_failed_no_gate(demo):
    data = demo[0] / "data/demo"
    audit = json.loads((data / "08_reporting/device_audit.json").read_text())
    assert audit["failed"] == 0, [g for g in audit["gates"] if g["state"] == "fail"]
    assert audit["verdict"].endswith("not judged")
    features = pd.read_parquet(data / "03_primary/image_features.parquet")
    index = pd.read_parquet(data / "03_primary/store/index.parquet")
    stored = index.loc[index["position"] >= 0, "image_id"]
    assert audit["measured"] == audit["standardized"] == len(stored)
    assert set(features["image_id"]) == set(stored)
    twins = json.loads((data / "08_reporting/twins.json").read_text())
    assert audit["twins"] == twins and twins["lesions_kept"]
    maps = json.loads((data / "03_primary/device_maps.json").read_text())
    assert maps == {"targets": [], "devices": {}}


def test_no_identifier_left_the_ingest_room(demo):
    project, printed = demo
    raw = project / "data/demo/01_raw"
    labels = pd.read_csv(raw / "labels.csv", dtype=str)
    header = pydicom.dcmread(next(raw.glob("dicom/*/*/*.dcm")), stop_before_pixels=True)
    identifiers = {*labels["patient_id"], str(header.PatientName), str(header.SOPInstanceUID)}
    places = [project / "mlruns", *(project / "data/demo").glob("0[2-8]*")]
    files = [p for place in places for p in place.rglob("*") if p.is_file()]
    shared = [p for p in files if "private" not in p.parts and p.suffix != ".pack"]
    assert len(shared) > 30
    found = {name: where_found(name.encode(), shared) for name in identifiers}
    assert {name: where for name, where in found.items() if where or name in printed} == {}


def where_found(name: bytes, files: list[Path]) -> list[str]:
    """The files whose content or name holds the identifier; parquet is read as a table."""
    return [
        path.name for path in files if name in content_of(path) or name.decode() in path.as_posix()
    ]


@functools.cache
def content_of(path: Path) -> bytes:
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv().encode()
    return path.read_bytes()


def test_a_folder_of_phantoms_gets_a_score_a_breast_and_exam(demo):
    project, _ = demo
    out, printed = score(project, project / "data/demo/01_raw/current")
    breasts, exams = (pd.read_csv(out / f"{n}_scores.csv") for n in ("breast", "exam"))
    assert len(breasts) == 2 * len(exams) > 0
    assert breasts["probability"].between(0, 1).all()
    assert breasts["score"].between(1, 10).all()
    assert "== score ==" in printed


@needs_realdata
def test_real_mammograms_come_through_and_the_rest_is_refused_with_reasons(demo, real_folder):
    out, _ = score(demo[0], real_folder)
    files = pd.read_csv(out / "files.csv")
    counts = files.groupby("code").size().to_dict()
    assert counts["accepted"] == 4
    assert counts["no_spacing"] == 4
    assert counts["tomosynthesis"] == 1
    assert counts["dose_report"] == 5
    assert counts["stereo_view"] == counts["for_processing"] == 2
    assert counts["secondary_capture"] == 1
    assert len(pd.read_csv(out / "breast_scores.csv")) == 4


@needs_realdata
def test_a_stated_spacing_lets_the_silent_exam_through(demo, real_folder):
    stated = ",ingest.stated_spacing_mm.nyu_dicom/NYUDENSITY=0.09"
    out, _ = score(demo[0], real_folder, stated)
    assert len(pd.read_csv(out / "image_scores.csv").dropna(subset=["probability"])) == 8
    exams = pd.read_csv(out / "exam_scores.csv")
    assert sorted(exams["images"]) == [2, 2, 4]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ingest", "dicom_folder=nowhere"), "There is no folder"),
        (("ingest", "ingest.minimum_feld_mm=1"), "did you mean 'minimum_field_mm'"),
        (("ingest", "ingst.minimum_field_mm=1"), "did you mean 'ingest'"),
    ],
)
def test_a_bad_start_is_told_and_exits_with_an_error(project, arguments, told):
    room, parameter = arguments
    run = ("run", "--env", "demo", "--pipelines", room, "--params", parameter)
    result = kedro(project, *run, check=False)
    assert result.returncode != 0
    assert told in result.stdout + result.stderr
