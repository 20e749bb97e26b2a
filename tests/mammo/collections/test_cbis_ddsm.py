"""CBIS-DDSM's published tables become labels and a listing, nothing lost."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from mammo_pipeline.mammo.collections import (
    CollectionOptions,
    match_listing,
    read_collection,
)
from mammo_pipeline.mammo.collections.matching import index_listing, state_values
from mammo_pipeline.mammo.labels import LabelError, join_labels

TABLES = Path(os.environ.get("MAMMO_REALDATA", "../shared/realdata")) / "cbis_ddsm_tables"
needs_tables = pytest.mark.skipif(
    not TABLES.is_dir(), reason=f"no CBIS-DDSM tables at {TABLES}; set MAMMO_REALDATA"
)
HEADER = (
    "patient_id,breast density,left or right breast,image view,abnormality id,abnormality type,"
    "assessment,pathology,image file path,ROI mask file path"
)


@pytest.fixture(scope="module")
def published():
    return {path.name: path.read_text() for path in TABLES.glob("*.csv")}


def finding(pathology: str, number: int = 1, view: str = "CC") -> str:
    name = f"Mass-Training_P_00001_LEFT_{view}"
    return (
        f"P_00001,3,LEFT,{view},{number},mass,4,{pathology},{name}/1.2/1.3/000000.dcm,"
        f'"{name}_{number}/1.4/1.5/000001.dcm\n"'
    )


def read(*findings: str, **options: str):
    return read_collection(
        "cbis_ddsm", {"t.csv": "\n".join([HEADER, *findings])}, CollectionOptions(**options)
    )


@needs_tables
def test_every_published_row_is_an_image_a_mask_and_a_breast(published):
    collection = read_collection("cbis_ddsm", published)
    assert collection.listing["role"].value_counts().to_dict() == {"mask": 3568, "image": 3103}
    assert len(collection.labels) == 1708
    assert collection.labels["patient"].nunique() == 1566
    assert collection.labels["cancer"].sum() == 741 + 17 + 3
    assert not collection.listing["key"].duplicated().any()
    assert not collection.listing["key"].str.contains(r"\s").any()


@needs_tables
def test_both_spellings_of_the_density_are_read(published):
    density = read_collection("cbis_ddsm", published).labels["density"]
    assert set(density) == {"", "A", "B", "C", "D"}
    assert (density == "").sum() == 1


@needs_tables
def test_every_image_is_labelled_and_every_label_has_an_image(published):
    collection = read_collection("cbis_ddsm", published)
    images = collection.listing[collection.listing["role"] == "image"]
    renamed = {"PatientID": "patient", "StudyInstanceUID": "exam", "ImageLaterality": "laterality"}
    joined = join_labels(images[list(renamed)].rename(columns=renamed), collection.labels)
    assert joined["cancer"].notna().all()
    assert set(joined["line"]) == set(collection.labels["line"])


@needs_tables
@pytest.mark.parametrize(
    ("option", "lesions", "left_out"),
    [("benign", 3568, 0), ("negative", 2886, 0), ("leave_out", 2886, 210)],
)
def test_benign_without_callback_counts_as_asked(published, option, lesions, left_out):
    collection = read_collection(
        "cbis_ddsm", published, CollectionOptions(benign_without_callback=option)
    )
    masks = collection.listing[collection.listing["role"] == "mask"]
    assert (masks["pathology"] != "").sum() == lesions
    assert collection.labels["left_out"].sum() == left_out
    # Cancer is never a question of the option.
    assert collection.labels["cancer"].sum() == 761


def test_a_breast_with_a_diagnosis_stays_where_another_finding_is_left_out():
    findings = finding("BENIGN_WITHOUT_CALLBACK"), finding("MALIGNANT", 2)
    row = read(*findings, benign_without_callback="leave_out").labels.iloc[0]
    assert not row["left_out"]
    assert (row["cancer"], row["truth"]) == (1, "pathology")


def test_what_was_not_called_back_is_known_by_follow_up():
    row = read(finding("BENIGN_WITHOUT_CALLBACK")).labels.iloc[0]
    assert (row["cancer"], row["truth"]) == (0, "follow_up")


def test_the_listing_turns_the_name_of_an_image_into_a_patient_with_one_exam():
    collection = read(finding("BENIGN"), finding("BENIGN", view="MLO"))
    names = ["renamed/1-1.dcm", "renamed/1-2.dcm"]
    header = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "StudyDate": "20160720"}
    headers = [
        {**header, "PatientID": f"Mass-Training_P_00001_LEFT_{view}", "StudyInstanceUID": view}
        for view in ("CC", "MLO")
    ]
    rows, counts = match_listing(names, headers, collection)
    assert counts == {"listed": 4, "found": 2, "missing": 2, "repeated": 0, "ambiguous": 0}
    index = index_listing(collection)
    stated = [state_values(index, row, h) for row, h in zip(rows, headers, strict=True)]
    assert [s["ViewPosition"] for s in stated] == ["CC", "MLO"]
    assert {s["PatientID"] for s in stated} == {"P_00001"}
    assert len({s["StudyInstanceUID"] for s in stated}) == 1
    assert {s["StudyDate"] for s in stated} == {""}


def test_crop_and_mask_share_a_row_and_are_not_taken_for_repeated():
    header = {"PatientID": "Mass-Training_P_00001_LEFT_CC_1"}
    rows, counts = match_listing(["a", "b"], [header] * 2, read(finding("BENIGN")))
    assert rows[0] == rows[1] != -1
    assert counts["repeated"] == 0
    _, more = match_listing(["a", "b", "c"], [header] * 3, read(finding("BENIGN")))
    assert more["repeated"] == 1


def test_a_finding_without_a_mask_is_not_met_by_files_without_a_patient():
    row = finding("MALIGNANT").rsplit(',"', 1)[0] + ","
    collection = read(row)
    rows, counts = match_listing(["a.dcm", "b.dcm"], [{}, {"PatientID": ""}], collection)
    assert rows == [-1, -1]
    assert (counts["listed"], counts["repeated"]) == (1, 0)
    assert collection.labels["cancer"].tolist() == [1]


def test_a_mask_without_an_image_is_a_lesion_of_none():
    row = finding("MALIGNANT").replace("Mass-Training_P_00001_LEFT_CC/1.2/1.3/000000.dcm", "")
    listing = read(row).listing
    assert listing[["role", "of", "pathology"]].values.tolist() == [["mask", "", ""]]


def test_an_unknown_pathology_is_told_with_its_line():
    with pytest.raises(
        LabelError, match=r"t.csv line 4, pathology: found a text of 8 .* one of BENIGN"
    ):
        read(finding("BENIGN"), finding("UNPROVEN", 2))


def test_missing_tables_are_told_with_what_to_download():
    with pytest.raises(LabelError, match=r"mass_case_description_train_set\.csv.*globals\.yml"):
        read_collection("cbis_ddsm", {"other.csv": "a,b\n1,2\n"})


def test_a_table_read_before_is_as_good_as_its_text():
    table = pd.DataFrame([row.split(",") for row in [finding("BENIGN")]], columns=HEADER.split(","))
    table["ROI mask file path"] = table["ROI mask file path"].str.strip('"')
    assert read_collection("cbis_ddsm", {"t": table}).listing["key"].tolist() == [
        "Mass-Training_P_00001_LEFT_CC",
        "Mass-Training_P_00001_LEFT_CC_1",
    ]
