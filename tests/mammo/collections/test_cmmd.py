"""CMMD's published labels meet the headers of its 5,202 images."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from mammo_pipeline.mammo.collections import read_collection
from mammo_pipeline.mammo.labels import LabelError, join_labels, label_codes

TABLES = Path(os.environ.get("MAMMO_REALDATA", "../shared/realdata")) / "cmmd_labels_and_headers"
needs_tables = pytest.mark.skipif(
    not TABLES.is_dir(), reason=f"no CMMD tables at {TABLES}; set MAMMO_REALDATA"
)


@needs_tables
def test_each_image_of_a_diagnosed_breast_is_labelled_and_no_other():
    tables = {path.name: path.read_text() for path in TABLES.glob("*.csv")}
    labels = read_collection("cmmd", tables).labels
    assert (len(labels), labels["cancer"].sum()) == (1872, 1316)
    headers = pd.read_csv(TABLES / "cmmd_cleaned_label.csv", dtype=str)
    images = pd.DataFrame(
        {
            "patient": headers["__PatientID"],
            "exam": headers["__StudyDate"],
            "laterality": headers["laterality"],
            "theirs": headers["cancer"].astype(int),
        }
    )
    joined = join_labels(images, labels)
    codes = label_codes(joined)
    assert codes.value_counts().to_dict() == {"": 3744, "no_label": 1458}
    known = joined[codes == ""]
    assert (known["cancer"] == known["theirs"]).all()
    assert known["labelled_age"].between(17, 87).all()


def test_an_unknown_classification_is_told():
    text = "ID1,LeftRight,Age,classification\nD1-0001,R,44,Normal\n"
    with pytest.raises(
        LabelError, match=r"c\.csv line 2, classification: found a text.*one of BENIGN"
    ):
        read_collection("cmmd", {"c.csv": text})


def test_a_column_that_stands_twice_is_told_with_its_table():
    text = "ID1,LeftRight,Age,age,classification\nDOE,R,44,45,Benign\n"
    with pytest.raises(LabelError, match=r"c\.csv: the first line names age more than") as error:
        read_collection("cmmd", {"c.csv": text})
    assert "DOE" not in str(error.value)
