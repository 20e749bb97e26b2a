"""RSNA 2022, by a sample made after its published format."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.collections import match_listing, read_collection
from mammo_pipeline.mammo.collections.matching import index_listing, state_values
from mammo_pipeline.mammo.labels import LabelError

TRAIN = """site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,\
density,machine_id,difficult_negative_case
2,10006,462822612,L,CC,61.0,0,0,0,,0,,29,False
2,10006,1459541791,L,MLO,61.0,0,0,0,,0,,29,False
2,10006,1864590858,R,MLO,61.0,0,1,0,0.0,1,B,29,True
2,10011,220375232,L,CC,,1,1,1,0.0,0,C,21,False
1,10011,1048640113,R,AT,,0,0,0,1,0,,21,False
"""


def test_truth_is_pathology_where_there_was_a_biopsy():
    labels = read_collection("rsna", {"train.csv": TRAIN}).labels
    assert labels[["patient", "laterality", "cancer", "truth"]].values.tolist() == [
        ["10006", "L", 0, "follow_up"],
        ["10006", "R", 0, "pathology"],
        ["10011", "L", 1, "pathology"],
        ["10011", "R", 0, "follow_up"],
    ]
    assert labels["birads"].tolist() == ["", "0", "0", "1"]
    assert labels["density"].tolist() == ["", "B", "C", ""]


def test_what_the_files_do_not_say_is_stated():
    collection = read_collection("rsna", {"train.csv": TRAIN})
    header = {"PatientID": "10006", "SOPClassUID": "1.2", "StudyInstanceUID": "9.9"}
    names = ["train_images/10006/1864590858.dcm", "10011/1048640113.dcm", "other.dcm"]
    rows, counts = match_listing(names, [header] * 3, collection)
    assert rows == [2, 4, -1]
    assert (counts["found"], counts["missing"]) == (2, 3)
    stated = state_values(index_listing(collection), rows[0], header)
    assert stated["Manufacturer"] == "site 2"
    assert stated["InstitutionName"] == "site 2"
    assert stated["ManufacturerModelName"] == "machine 29"
    assert stated["BreastImplantPresent"] == "YES"
    assert stated["PatientAge"] == "061Y"
    assert stated["StudyInstanceUID"] == "10006 exam 1"


def test_a_header_keeps_what_the_listing_only_completes():
    collection = read_collection("rsna", {"train.csv": TRAIN})
    header = {"SOPClassUID": "1.2", "Manufacturer": "HOLOGIC", "ImageLaterality": "R"}
    stated = state_values(index_listing(collection), 0, header)
    assert "Manufacturer" not in stated
    assert stated["ImageLaterality"] == "L"


def test_a_table_without_outcome_is_not_the_one():
    test = "site_id,patient_id,image_id,laterality,view,age,implant,machine_id,prediction_id\n"
    with pytest.raises(LabelError, match=r"Expected train\.csv"):
        read_collection("rsna", {"test.csv": test})
