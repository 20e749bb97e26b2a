"""Every file has one fate, every image its exam, and no identifier is left."""

from __future__ import annotations

import pandas as pd

from mammo_pipeline.mammo import exam
from mammo_pipeline.mammo.labels import read_labels

KEY = b"k" * 32


def record(name: str, patient: str = "Ann", uid: str | None = None, date: str = "20200101") -> dict:
    image = {
        "laterality": "L", "view": "CC", "device": "GE X", "rows_px": 10, "columns_px": 10,
        "row_spacing_mm": 0.1, "column_spacing_mm": 0.1, "spacing_source": "header",
        "photometric": "MONOCHROME2", "presentation_intent": "FOR PRESENTATION", "bits_stored": 12,
        "transfer_syntax": "Explicit", "age": 50.0, "size_bytes": 9,
    }  # fmt: skip
    identity = {"patient": patient, "study_date": date, "sop_instance": uid or name}
    return {"name": name, "code": "accepted", "found": "", **identity, **image}


def refused(name: str) -> dict:
    return {"name": name, "code": "truncated", "found": "9 bytes"}


def index(records: list[dict], labels: pd.DataFrame | None = None) -> pd.DataFrame:
    return exam.pseudonymize(exam.label_images(exam.mark_duplicates(records), labels), KEY)


def test_every_file_is_counted_once():
    named = index([record("a"), record("b", uid="a"), refused("c")])
    flow = exam.count_flow(exam.table_of_files(named))
    assert flow == {"found": 3, "accepted": 1, "quarantined": 1, "duplicate": 1, "other": 0}


def test_a_duplicate_names_the_first_file_by_its_pseudonym():
    files = exam.table_of_files(index([record("a"), record("b", uid="a")]))
    assert files.loc[1, "found"] == files.loc[0, "file_id"]


def test_no_identifier_is_left_in_any_table():
    named = index([record("Ann/20200101.dcm", uid="1.2.3"), refused("Ann/x.dcm")])
    tables = [exam.table_of_files(named), exam.table_of_images(named), exam.table_of_lesions(named)]
    text = "".join(table.to_csv() for table in tables)
    for identifier in ("Ann", "20200101", "1.2.3"):
        assert identifier not in text


def test_two_dates_of_a_patient_are_two_exams_with_offsets():
    images = exam.table_of_images(index([record("a"), record("b", date="20210101")]))
    assert images["exam_id"].nunique() == 2
    assert images["exam_offset_days"].tolist() == [0, 366]


def test_an_unlabelled_breast_is_quarantined_with_its_reason():
    labels = read_labels(
        pd.DataFrame({"patient_id": ["Bea"], "laterality": ["L"], "cancer": ["1"]})
    )
    files = exam.table_of_files(index([record("a"), record("b", patient="Bea")], labels))
    assert files["fate"].tolist() == ["quarantined", "accepted"]
    assert "no row for this breast" in files.loc[0, "reason"]


def test_boxes_follow_their_view():
    labels = read_labels(
        pd.DataFrame(
            {
                "patient_id": ["Ann"],
                "laterality": ["L"],
                "cancer": ["1"],
                "lesion_boxes": ["CC:mass:malignant:1,2,3,4;MLO:mass:malignant:5,6,7,8"],
            }
        )
    )
    lesions = exam.table_of_lesions(index([record("a")], labels))
    assert lesions[exam.BOX_COLUMNS].to_numpy().tolist() == [[1, 2, 3, 4]]
