"""The project's own tables are read strictly."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.collections import CollectionOptions, match_listing, read_collection
from mammo_pipeline.mammo.collections.matching import index_listing, state_values
from mammo_pipeline.mammo.labels import LabelError

LABELS = "patient_id,laterality,cancer\na,L,1\nb,R,0\n"
LISTING = """file,patient_id,exam,laterality,view,spacing_mm,photometric,device,age,lesion_boxes
p/a.png,a,1,left,mlo,0.05,MONOCHROME1,scanner,61,"mass:benign:1,2,3,4"
p/b.png,b,,R,CC,0.1,,,,
"""


def read(listing: str | None = LISTING, labels: str = LABELS, **options):
    tables = {"labels.csv": labels} | ({"files.csv": listing} if listing else {})
    return read_collection("generic", tables, CollectionOptions(**options))


def test_one_file_is_enough():
    collection = read(listing=None)
    assert collection.labels["cancer"].tolist() == [1, 0]
    assert collection.listing.empty
    assert collection.strict_patients


def test_a_picture_gets_what_the_listing_states():
    collection = read()
    rows, counts = match_listing(["p/a.png", "q/p/a.png"], [None, None], collection)
    assert rows == [0, -1]
    assert counts["found"] == 1
    stated = state_values(
        index_listing(collection), 0, {"PhotometricInterpretation": "MONOCHROME2"}
    )
    assert stated["PatientID"] == "a"
    assert stated["ImageLaterality"] == "L"
    assert stated["ViewPosition"] == "MLO"
    assert stated["PhotometricInterpretation"] == "MONOCHROME1"
    assert stated["spacing_mm"] == 0.05
    assert stated["lesion_boxes"] == "mass:benign:1,2,3,4"


def test_a_dicom_header_is_completed_and_never_contradicted():
    header = {"SOPClassUID": "1.2", "PatientID": "x", "StudyDate": "20200101", "ViewPosition": ""}
    stated = state_values(index_listing(read()), 0, header)
    assert "PatientID" not in stated
    assert "StudyDate" not in stated
    assert stated["ViewPosition"] == "MLO"


def test_an_exam_key_of_the_listing_meets_that_of_the_labels():
    labels = "patient_id,laterality,cancer,exam\na,L,1,1\na,L,0,2\n"
    collection = read(labels=labels)
    stated = state_values(index_listing(collection), 0, None)
    assert stated["StudyInstanceUID"] in set(collection.labels["exam"])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("mlo", "from above the left", "files.csv line 2, view"),
        ("0.05", "50", "files.csv line 2, spacing_mm"),
        ("left", "both", "laterality: found a text of 4 characters"),
        ("MONOCHROME1", "RGB", "photometric: found a text of 3 characters"),
        (",61,", ",601,", "files.csv line 2, age"),
        ("mass:benign", "lump:benign", "files.csv line 2, lesion_boxes"),
        ("p/b.png", "p/a.png", "files.csv line 2, files.csv line 3, file"),
        ("device", "doctor", "1 unknown columns"),
    ],
)
def test_each_fault_of_the_listing_is_told(old, new, told):
    with pytest.raises(LabelError, match=told):
        read(LISTING.replace(old, new))


def test_two_label_tables_are_one_too_many():
    with pytest.raises(LabelError, match="found 2 tables"):
        read_collection("generic", {"a.csv": LABELS, "b.csv": LABELS})


def test_a_bad_label_table_is_told_as_ever():
    with pytest.raises(LabelError, match="missing columns \\['cancer'\\]"):
        read(listing=None, labels="patient_id,laterality\na,L\n")


def test_a_table_of_a_german_excel_is_read():
    collection = read(listing=None, labels=LABELS.replace(",", ";"))
    assert collection.labels["patient"].tolist() == ["a", "b"]


def test_no_error_shows_what_could_be_a_name():
    with pytest.raises(LabelError) as error:
        read(LISTING.replace("left", "DOE^JANE").replace("mlo", "DOE^JANE"))
    assert "DOE" not in str(error.value)


def test_a_surplus_field_is_told_with_its_line_and_without_its_content():
    with pytest.raises(LabelError, match=r"labels\.csv, line 4: a row has more fields") as error:
        read(listing=None, labels=LABELS + "c,L,1,DOE^JANE\n")
    assert "DOE" not in str(error.value)


def test_a_quote_that_is_never_closed_is_told():
    long = "patient_id,laterality,cancer\n" + 'a,L,"1\n' + "b,R,0\n" * 3
    with pytest.raises(LabelError, match=r"labels\.csv, line \d: the row cannot be read"):
        read(listing=None, labels=long)


def test_an_opinion_is_read_as_such():
    labels = (
        "patient_id,laterality,cancer,birads,truth\na,L,,4a,\nb,R,0,1,follow_up\nc,L,1,5,opinion\n"
    )
    assert read(listing=None, labels=labels).labels["truth"].tolist() == [
        "opinion",
        "follow_up",
        "opinion",
    ]
    assert read(listing=None, labels=labels).labels["cancer"].isna().tolist() == [True, False, True]
    allowed = read(listing=None, labels=labels, opinion_as_truth=True).labels
    assert allowed["cancer"].tolist() == [1, 0, 1]


def test_an_unknown_collection_is_told_with_the_known_ones():
    with pytest.raises(LabelError, match="Expected one of generic, cbis_ddsm"):
        read_collection("ddsm", {})


def test_a_column_that_stands_twice_is_told():
    with pytest.raises(LabelError, match="names cancer more than once"):
        read(labels="patient_id,laterality,cancer,cancer\na,L,1,0\n")
    with pytest.raises(LabelError, match=r"files\.csv: the first line names view more than once"):
        read(listing="file,view,view\np/a.png,CC,MLO\n")
