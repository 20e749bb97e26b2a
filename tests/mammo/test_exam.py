"""Every file has one fate, every image its exam, and no identifier is left."""

from __future__ import annotations

import pandas as pd
import pytest

from mammo_pipeline.mammo import exam
from mammo_pipeline.mammo.duplicates import settle_duplicates, settle_raw

KEY = b"k" * 32


def record(name: str, **changes: object) -> dict:
    image = {
        "laterality": "L", "view": "CC", "device": "GE X", "rows_px": 10, "columns_px": 10,
        "row_spacing_mm": 0.1, "column_spacing_mm": 0.1, "bits_stored": 12, "age": 50.0,
        "pixel_sha256": f"pixels of {name}", "unit": "serial 7",
        "site": "sankt olav",
    }  # fmt: skip
    identity = {
        "patient": "Ann", "study_date": "20200101", "exam": "20200101",
        "study_uid": "1.2", "sop_instance": name,
    }  # fmt: skip
    return {"name": name, "code": "accepted", "found": "", **identity, **image, **changes}


def refused(name: str, code: str = "truncated") -> dict:
    return {"name": name, "code": code, "found": "9 bytes"}


def settle(*records: dict, cancers: dict[str, int] | None = None) -> pd.DataFrame:
    labelled = exam.label_images(exam.table_of_found(list(records)), None)
    if cancers:
        labelled["cancer"] = labelled["patient"].map(cancers).astype("Int8")
    return settle_duplicates(labelled)


def index(*records: dict) -> pd.DataFrame:
    return exam.pseudonymize(settle(*records), KEY)


def test_every_file_is_counted_once():
    files = exam.table_of_files(
        index(record("a"), record("b", sop_instance="a", pixel_sha256="pixels of a"), refused("c"))
    )
    flow = exam.count_flow(files)
    assert flow == {"found": 3, "accepted": 1, "quarantined": 1, "duplicate": 1, "other": 0}


def test_a_duplicate_names_the_first_file_by_its_pseudonym():
    again = record("b", sop_instance="a", pixel_sha256="pixels of a")
    files = exam.table_of_files(index(record("a"), again))
    assert files.loc[1, "found"] == files.loc[0, "file_id"]


def test_the_same_picture_under_another_identifier_is_a_duplicate():
    files = settle(record("a"), record("b", pixel_sha256="pixels of a"))
    assert files["code"].tolist() == ["accepted", "duplicate_pixels"]


def test_one_identifier_with_two_pictures_refuses_both():
    files = settle(record("a"), record("b", sop_instance="a"))
    assert files["code"].tolist() == ["two_images_one_uid"] * 2


@pytest.mark.parametrize("said", [{"laterality": "R"}, {"view": "MLO"}])
def test_one_picture_of_which_two_things_are_said_refuses_both(said):
    files = settle(record("a"), record("b", pixel_sha256="pixels of a", **said))
    assert files["code"].tolist() == ["contradicting_labels"] * 2


def test_one_picture_of_two_patients_with_two_outcomes_refuses_both():
    twin = record("b", pixel_sha256="pixels of a", patient="Bea")
    files = settle(record("a"), twin, cancers={"Ann": 1, "Bea": 0})
    assert files["code"].tolist() == ["contradicting_labels"] * 2
    agreed = settle(record("a"), twin, cancers={"Ann": 1, "Bea": 1})
    assert agreed["code"].tolist() == ["accepted", "duplicate_pixels"]


def test_a_refused_copy_takes_no_place_from_a_sound_one():
    broken = {**record("a"), "code": "truncated", "pixel_sha256": ""}
    assert settle(broken, record("b", sop_instance="a"))["code"].tolist() == [
        "truncated",
        "accepted",
    ]


def test_who_shares_a_picture_is_told_with_the_duplicates():
    twin = record("b", pixel_sha256="pixels of a", patient="Bea")
    sharers = exam.table_of_sharers(index(record("a"), twin, refused("c")))
    assert sharers["patient_id"].nunique() == 2
    assert len(sharers) == 2
    assert set(sharers["pixel_sha256"]) == {"pixels of a"}


def test_no_identifier_is_left_in_any_table():
    image = record("Ann/20200101.dcm", sop_instance="1.2.3", pixel_sha256="ff")
    named = index(image, refused("Ann/x.dcm"))
    tables = [exam.table_of_files(named), exam.table_of_images(named), exam.table_of_lesions(named)]
    text = "".join(table.to_csv() for table in [*tables, exam.table_of_sharers(named)])
    for identifier in ("Ann", "20200101", "1.2.3", "serial 7", "sankt olav"):
        assert identifier not in text


def test_a_site_has_one_pseudonym_for_all_its_women_and_none_where_it_is_not_stated():
    records = record("a"), record("b", patient="Bea"), record("c", patient="Cleo", site="elsewhere")
    images = exam.table_of_images(index(*records, record("d", patient="Dora", site="")))
    sites = images["site_id"].tolist()
    assert sites[0] == sites[1] != sites[2] and sites[3] == ""
    other = exam.pseudonymize(settle(record("a")), b"j" * 32)["site_id"].tolist()
    assert other != sites[:1]


def test_two_dates_of_a_patient_are_two_exams_with_offsets():
    later = record("b", study_date="20210101", exam="20210101")
    images = exam.table_of_images(index(record("a"), later))
    assert images["exam_id"].nunique() == 2
    assert images["exam_offset_days"].tolist() == [0, 366]


def test_a_raw_image_goes_where_its_view_is_there_for_presentation():
    raw = {"presentation_intent": "FOR PROCESSING"}
    files = settle(
        record("a", **raw),
        record("b"),
        record("c", **raw, view="MLO"),
        {**record("d", view="MLO"), "code": "truncated"},
        record("e", **raw, exam="20210101"),
        record("f", **raw, patient="Bea"),
        record("g", **raw, laterality="R"),
        record("h", **raw, pixel_sha256="pixels of a"),
    )
    settled = settle_raw(files)
    assert settled["code"].tolist() == [
        *("for_processing", "accepted", "accepted", "truncated"),
        *("accepted", "accepted", "accepted", "for_processing"),
    ]
    assert files["code"].tolist().count("accepted") == 6


def test_an_exam_without_a_date_is_its_study():
    undated = {"study_date": "", "exam": "1.2"}
    images = exam.table_of_images(index(record("a", **undated), record("b", **undated)))
    assert len(set(images["exam_id"])) == 1
    assert images["exam_offset_days"].isna().all()


def test_the_table_of_images_has_the_same_types_whatever_is_in_it():
    one, none = (
        exam.table_of_images(index(record("a"))),
        exam.table_of_images(index(refused("a"))),
    )
    assert one.dtypes.to_dict() == none.dtypes.to_dict()
    assert list(one.columns) == list(exam.IMAGE_COLUMNS)


def test_files_are_compared_with_the_last_ingest():
    changes = exam.compare_files({"a": "1", "b": "2"}, {"b": "3", "c": "4", "d": "5"})
    assert changes == {"new": 2, "changed": 1, "vanished": 1, "unchanged": 0}


def test_a_chain_of_duplicates_names_the_accepted_file_and_keeps_its_lesions():
    box = {"image_boxes": "mass:malignant:1,2,3,4", "listing_line": "line 2"}
    one = {"pixel_sha256": "ff"}
    files = settle(
        record("a", **one),
        record("b", sop_instance="x", **one),
        record("c", sop_instance="x", **one, **box),
    )
    assert files["code"].tolist() == ["accepted", "duplicate_pixels", "duplicate"]
    assert files["found"].tolist() == ["", "a", "a"]
    assert len(exam.table_of_lesions(exam.pseudonymize(files, KEY))) == 1


def test_a_duplicate_of_a_refused_image_shares_its_refusal():
    one = {"pixel_sha256": "ff"}
    files = settle(
        record("a", view="MLO", **one),
        record("b", sop_instance="x", **one),
        record("c", sop_instance="x", **one),
    )
    assert files["code"].tolist() == ["contradicting_labels"] * 3
