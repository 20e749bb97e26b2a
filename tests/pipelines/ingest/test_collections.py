"""A collection's own tables and files go through the room and come out as images and lesions."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.pipelines.ingest import nodes
from small_archive import draw_breast, ingest_rules, mammogram, write_folder

KEY = b"k" * 32
NAMES = ("images", "lesions", "files", "links", "private", "counts")


@pytest.fixture
def ingest(tmp_path, ledger):
    def run(files: dict[str, bytes], tables: dict[str, str], **rules) -> dict:
        folder = FolderOfFiles(write_folder(tmp_path / "in", files))
        outputs = nodes.index_labelled_files(folder, tables, ledger, KEY, ingest_rules(**rules))
        return dict(zip(NAMES, outputs, strict=True))

    return run


def encode(pixels: np.ndarray, kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def boxes(out: dict) -> list[list]:
    columns = ["kind", "pathology", "row_min", "column_min", "row_max", "column_max"]
    return sorted(out["lesions"][columns].values.tolist())


def test_sixteen_bit_pngs_with_a_listing_become_images(ingest):
    files = {f"p{n}/a.png": encode(draw_breast(seed=n), "PNG") for n in (1, 2)}
    files["p3/unlisted.png"] = encode(draw_breast(seed=3), "PNG")
    tables = {
        "labels.csv": "patient_id,laterality,cancer\nP1,L,1\nP2,L,0\n",
        "listing.csv": "file,patient_id,exam,laterality,view,spacing_mm,lesion_boxes\n"
        'p1/a.png,P1,1,L,CC,0.6,"mass:malignant:100,20,140,60"\n'
        "p2/a.png,P2,1,L,MLO,0.6,\n",
    }
    out = ingest(files, tables)
    assert out["images"]["view"].tolist() == ["CC", "MLO"]
    assert out["images"]["cancer"].tolist() == [1, 0]
    assert out["images"]["row_spacing_mm"].tolist() == [0.6, 0.6]
    assert boxes(out) == [["mass", "malignant", 100, 20, 140, 60]]
    assert out["lesions"]["inside_share"].tolist() == [1.0]
    assert out["files"]["code"].value_counts()["unlisted_picture"] == 1


CBIS_HEAD = (
    "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,"
    "mass shape,mass margins,assessment,pathology,subtlety,image file path,"
    "cropped image file path,ROI mask file path\n"
)


def cbis_row(number: int, pathology: str) -> str:
    image = "Mass-Training_P_00001_LEFT_CC"
    mask = f"{image}_{number}/1.2/1.3/000001.dcm"
    return (
        f"P_00001,3,LEFT,CC,{number},mass,ROUND,SPICULATED,4,{pathology},4,"
        f'{image}/1.2/1.3/000000.dcm,{mask},"{mask}\n"\n'
    )


def cbis_file(patient: str, pixels: np.ndarray, bits: int = 12) -> bytes:
    return mammogram(
        patient=patient, pixels=pixels, BitsStored=bits, ImagerPixelSpacing=None, date="20160101",
        ManufacturerModelName=None, Manufacturer=None, SOPInstanceUID=f"1.2.{abs(hash(patient))}",
        ViewPosition=None, ImageLaterality=None,
    )  # fmt: skip


def test_masks_of_cbis_become_boxes_of_their_image(ingest):
    image = "Mass-Training_P_00001_LEFT_CC"
    mask = np.zeros((300, 240), np.uint8)
    mask[90:130, 20:60] = 255
    files = {
        "a/1-1.dcm": cbis_file(image, draw_breast()),
        "b/1-1.dcm": cbis_file(f"{image}_1", mask, 8),
        "b/1-2.dcm": cbis_file(f"{image}_1 ", draw_breast((40, 40)), 12),
    }
    out = ingest(
        files,
        {"mass_case_description_train_set.csv": CBIS_HEAD + cbis_row(1, "MALIGNANT")},
        collection="cbis_ddsm",
        stated_spacing_mm={".": 0.6},
    )
    assert out["files"]["code"].value_counts().to_dict() == {"lesion_mask": 2, "accepted": 1}
    assert out["images"]["cancer"].tolist() == [1]
    assert boxes(out) == [["mass", "malignant", 90, 20, 130, 60]]


@pytest.mark.parametrize(
    ("parameter", "lesions", "accepted"),
    [("benign", 1, 2), ("negative", 0, 2), ("leave_out", 0, 1)],
)
def test_benign_without_callback_counts_as_the_parameter_says(ingest, parameter, lesions, accepted):
    image = "Mass-Training_P_00001_LEFT_CC"
    other = image.replace("00001", "00002")
    mask = np.zeros((300, 240), np.uint8)
    mask[90:130, 20:60] = 255
    files = {
        "a.dcm": cbis_file(image, draw_breast()),
        "b.dcm": cbis_file(f"{image}_1", mask, 8),
        "c.dcm": cbis_file(other, draw_breast(seed=1)),
    }
    rows = cbis_row(1, "BENIGN_WITHOUT_CALLBACK")
    rows += cbis_row(1, "MALIGNANT").replace("P_00001", "P_00002")
    out = ingest(
        files,
        {"mass.csv": CBIS_HEAD + rows},
        collection="cbis_ddsm",
        stated_spacing_mm={".": 0.6},
        benign_without_callback=parameter,
    )
    assert (len(out["lesions"]), len(out["images"])) == (lesions, accepted)


def test_mini_mias_is_read_from_pgm_and_its_info(ingest):
    files = {}
    for number in (1, 2):
        pixels = np.zeros((1024, 1024), np.uint8)
        breast = draw_breast((1024, 700), wall="left" if number == 1 else "right", seed=number)
        left = 0 if number == 1 else 324
        pixels[:, left : left + 700] = (breast >> 4).astype(np.uint8)
        files[f"mdb00{number}.pgm"] = encode(pixels, "PPM")
    tables = {"Info.txt": "mdb001 G CIRC B 300 500 60\nmdb002 G NORM\n"}
    out = ingest(files, tables, collection="mini_mias")
    assert sorted(out["images"]["laterality"]) == ["L", "R"]
    assert out["images"]["patient_id"].nunique() == 1
    assert out["images"]["row_spacing_mm"].tolist() == [0.2, 0.2]
    assert boxes(out) == [["mass", "benign", 464, 240, 584, 360]]


def test_an_opinion_is_no_truth_unless_allowed(ingest):
    files = {
        f"{number}_aa_MG_{side}_CC_ANON.dcm": mammogram(
            patient="removed", laterality=side, pixels=draw_breast(wall=wall, seed=4)
        )
        for number, side, wall in ((1001, "L", "left"), (1002, "R", "right"))
    }
    tables = {
        "INbreast.csv": "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;"
        "Bi-Rads\nremoved;removed;L;CC;201001;1001;2;5\n"
    }
    found = ingest(files, tables, collection="inbreast", opinion_as_truth=True)
    assert found["images"]["truth"].tolist() == ["opinion"]
    assert found["images"]["cancer"].tolist() == [1]
