"""Room standardize: every image of the table is in the store or refused in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.datasets.ledger import Ledger
from mammo_pipeline.datasets.store import ImageStore, StoredImages
from mammo_pipeline.pipelines.ingest.nodes import index_files
from mammo_pipeline.pipelines.standardize import nodes
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters
from small_archive import draw_breast, ingest_rules, mammogram, write_folder

KEY = b"k" * 32
PARAMETERS = StandardizeParameters(
    spacing_mm=0.8,
    shape_px=(288, 224),
    bandwidth_mm=0.6,
    skin_mm=2.4,
    detail_ratios=(0.67, 0.64),
    jobs=1,
    seed=1,
    probe_folds=2,
    probe_draws=100,
    probe_images=1000,
)


@pytest.fixture
def study(tmp_path: Path) -> tuple[FolderOfFiles, pd.DataFrame]:
    other, changed = (mammogram(patient="P2", pixels=draw_breast(seed=s)) for s in (3, 4))
    files = {
        "a.dcm": mammogram(laterality="L"),
        "b.dcm": mammogram(laterality="R"),
        "c.dcm": other,
    }
    folder = FolderOfFiles(write_folder(tmp_path / "in", files))
    ledger = Ledger(tmp_path / "ledger.sqlite")
    images, _, _ = index_files(folder, ledger, KEY, ingest_rules())
    (folder.root / "c.dcm").write_bytes(changed)
    return folder, images


@pytest.fixture
def store(study, tmp_path: Path) -> StoredImages:
    folder, images = study
    dataset = ImageStore(filepath=str(tmp_path / "store"))
    dataset.save(nodes.standardize_images(images, folder, KEY, PARAMETERS))
    return dataset.load()


def test_every_image_is_stored_or_refused(study, store):
    _, images = study
    assert store.index["image_id"].tolist() == images["image_id"].tolist()
    assert store.index["position"].tolist() == [0, 1, -1]
    assert store.index["code"].tolist() == ["accepted", "accepted", "changed_since_ingest"]
    assert store.pixels.shape == (2, 288, 224)


def test_a_file_that_vanished_stops_the_room_with_its_pseudonym(study):
    folder, images = study
    (folder.root / "a.dcm").unlink()
    stream = nodes.standardize_images(images, folder, KEY, PARAMETERS)
    with pytest.raises(FileNotFoundError, match="1 of 3 files") as error:
        list(stream.images)
    assert "a.dcm" not in str(error.value)


def test_lesions_move_with_their_image(store):
    lesions = pd.DataFrame(
        {
            "image_id": [store.index.loc[0, "image_id"], store.index.loc[2, "image_id"]],
            "kind": "mass",
            "pathology": "malignant",
            "row_min": 140,
            "column_min": 60,
            "row_max": 160,
            "column_max": 80,
        }
    )
    moved = nodes.move_lesions(lesions, store, PARAMETERS)
    assert len(moved) == 1
    assert moved.loc[0, "row_max"] - moved.loc[0, "row_min"] == pytest.approx(20 * 0.75, abs=1)


def test_one_device_cannot_be_probed_and_says_so(study, store):
    probe = nodes.probe_standard(store, study[1], PARAMETERS)
    assert probe["before"]["auc"] is None
    assert probe["after"]["reason"] == "only one device"
    assert (probe["images"], probe["standardized"]) == (3, 2)
    assert probe["refused"] == {"changed_since_ingest": 1}
