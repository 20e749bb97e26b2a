"""A bad label table never becomes a model."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from mammo_pipeline.mammo.boxes import parse_image_boxes
from mammo_pipeline.mammo.labels import (
    LabelError,
    count_unused_labels,
    join_labels,
    label_codes,
    parse_boxes,
    read_labels,
)


def table(**columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"patient_id": ["a", "b"], "laterality": ["L", "R"], "cancer": ["0", "1"], **columns}
    )


def breasts(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["patient", "laterality", "exam"])


def test_good_labels_come_back_typed():
    labels = read_labels(table(age=["50", ""], density=["2", "D"]))
    assert labels["cancer"].tolist() == [0, 1]
    assert labels["density"].tolist() == ["B", "D"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"cancer": ["0", "2"]}, "line 3, cancer: found '2', expected 0 or 1"),
        ({"cancer": ["", "1"]}, "line 2, cancer"),
        ({"laterality": ["L", "both"]}, "line 3, laterality: found 'BOTH', expected L or R"),
        ({"study_date": ["01.02.2020", ""]}, "YYYYMMDD"),
        ({"age": ["500", ""]}, "line 2, age"),
        ({"density": ["E", ""]}, "line 2, density"),
        ({"patient_id": ["a", ""]}, "line 3, patient_id"),
        (
            {"patient_id": ["a", "a"], "laterality": ["L", "L"]},
            "lines 2, 3 speak of the same breast",
        ),
        ({"race": ["1", "2"]}, "1 unknown ones"),
        ({"birads": ["7", ""]}, "line 2, birads: found '7'"),
        ({"truth": ["", "hearsay"]}, "line 3, truth: expected pathology, follow_up, opinion"),
        ({"exam": ["1", ""], "study_date": ["20200101", ""]}, "line 2, exam"),
        ({"lesion_boxes": ["", "CC:mass:benign:1,2,3"]}, "line 3, lesion_boxes"),
    ],
)
def test_each_fault_is_told_with_its_line(columns, told):
    with pytest.raises(LabelError, match=told):
        read_labels(table(**columns))


def test_an_error_never_names_the_patient():
    with pytest.raises(LabelError) as error:
        read_labels(table(patient_id=["MRN77", "MRN77"], laterality=["L", "L"]))
    assert "MRN77" not in str(error.value)


def test_a_missing_column_is_named():
    with pytest.raises(LabelError, match="missing columns \\['cancer'\\]"):
        read_labels(table().drop(columns="cancer"))


def test_a_label_of_an_unknown_patient_stops_the_run():
    with pytest.raises(LabelError, match="line 3 name a patient_id that no accepted image has"):
        join_labels(breasts(("a", "L", "20200101")), read_labels(table()))


def test_a_label_without_date_is_refused_where_the_patient_has_two_exams():
    images = breasts(("a", "L", "20200101"), ("a", "L", "20210101"), ("b", "R", "20200101"))
    with pytest.raises(LabelError, match="line 2 have no study_date"):
        join_labels(images, read_labels(table()))


def test_a_dated_label_speaks_of_its_exam_alone():
    images = breasts(("a", "L", "20200101"), ("a", "L", "20210101"), ("b", "R", "20200101"))
    joined = join_labels(images, read_labels(table(study_date=["20210101", "20200101"])))
    assert joined["cancer"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize(
    "text",
    [
        "CC:mass:benign:1,2,3",
        "CC:lump:benign:1,2,3,4",
        "CC:mass:benign:5,5,5,9",
        "mass:benign:1,2,3,4",
    ],
)
def test_a_malformed_box_is_told(text):
    with pytest.raises(LabelError, match="line 7, lesion_boxes"):
        parse_boxes(text, 7)


def test_a_box_of_an_image_has_no_view():
    assert "view" not in parse_image_boxes("mass:benign:1,2,3,4", "a.csv line 2")[0]
    with pytest.raises(LabelError, match=r"a\.csv line 2, lesion_boxes: found 'CC:mass"):
        parse_image_boxes("CC:mass:benign:1,2,3,4", "a.csv line 2")


def test_the_example_of_the_readme_is_a_good_table():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    block = readme.split("```\n   patient_id,")[1].split("```")[0]
    text = "patient_id," + "\n".join(line.strip() for line in block.splitlines())
    labels = read_labels(pd.read_csv(StringIO(text), dtype=str, keep_default_na=False))
    assert labels["cancer"].tolist() == [1, 0]
    assert len(parse_boxes(labels.loc[0, "lesion_boxes"], 2)) == 2


def test_a_row_with_more_fields_than_the_header_is_told():
    text = "patient_id,laterality,cancer\nDOE^JANE,L,1,surplus\n"
    with pytest.raises(LabelError, match="more fields than the header") as error:
        read_labels(pd.read_csv(StringIO(text), dtype=str, keep_default_na=False))
    assert "DOE" not in str(error.value)


def test_no_cell_that_could_hold_a_name_is_shown():
    shifted = table(laterality=["DOE^JANE", "R"])
    with pytest.raises(LabelError, match="line 2, laterality") as error:
        read_labels(shifted)
    assert "DOE" not in str(error.value)


def test_a_dated_and_an_undated_row_of_one_breast_are_told_apart_without_names():
    labels = table(patient_id=["DOE", "DOE"], laterality=["L", "L"], study_date=["20200101", ""])
    with pytest.raises(LabelError, match="lines 2, 3 speak of the same breast") as error:
        join_labels(breasts(("DOE", "L", "20200101")), read_labels(labels))
    assert "DOE" not in str(error.value)


def test_rows_that_met_no_image_are_counted_with_their_cancers():
    labels = read_labels(table(patient_id=["a", "a"]))
    joined = join_labels(breasts(("a", "L", "20200101")), labels)
    assert count_unused_labels(joined, labels) == {
        "labels": 2,
        "labels_without_image": 1,
        "cancers_without_image": 1,
    }


def test_what_is_told_without_a_word_of_truth_is_pathology():
    assert read_labels(table())["truth"].tolist() == ["pathology", "pathology"]


def test_birads_alone_is_an_opinion_and_no_outcome():
    labels = read_labels(table(cancer=["", "1"], birads=["5", ""]))
    assert labels["cancer"].isna().tolist() == [True, False]
    assert labels["truth"].tolist() == ["opinion", "pathology"]
    allowed = read_labels(table(cancer=["", "1"], birads=["5", ""]), opinion_as_truth=True)
    assert allowed["cancer"].tolist() == [1, 1]


def test_a_stated_opinion_is_no_outcome_either():
    labels = read_labels(table(truth=["opinion", ""]))
    assert labels["cancer"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("columns", "codes"),
    [
        ({}, ["", "", "no_label"]),
        ({"cancer": ["", "1"], "birads": ["2", ""]}, ["no_truth", "", "no_label"]),
    ],
)
def test_each_image_gets_the_fate_that_its_label_gives_it(columns, codes):
    images = breasts(("a", "L", "20200101"), ("b", "R", "20200101"), ("b", "L", "20200101"))
    assert label_codes(join_labels(images, read_labels(table(**columns)))).tolist() == codes


def test_a_breast_left_out_says_so_before_it_says_that_nothing_is_known():
    labels = read_labels(table(cancer=["", "1"], birads=["2", ""])).assign(left_out=True)
    images = breasts(("a", "L", "20200101"), ("b", "L", "20200101"))
    assert label_codes(join_labels(images, labels)).tolist() == ["left_out", "no_label"]


def test_a_label_without_image_is_counted_where_a_collection_was_downloaded_in_part():
    labels = read_labels(table())
    joined = join_labels(breasts(("a", "L", "20200101")), labels, strict_patients=False)
    assert joined["cancer"].tolist() == [0]
    assert count_unused_labels(joined, labels)["cancers_without_image"] == 1


def test_what_an_image_says_of_itself_does_not_shadow_its_label():
    images = breasts(("a", "L", "20200101")).assign(density="D", truth="", birads="")
    joined = join_labels(images, read_labels(table(density=["2", ""])), strict_patients=False)
    assert joined["density"].tolist() == ["B"]


def test_an_image_keeps_its_own_age_beside_the_labelled_one():
    images = breasts(("a", "L", "20200101")).assign(age=49.0)
    joined = join_labels(images, read_labels(table(age=["50", ""])), strict_patients=False)
    assert joined[["age", "labelled_age"]].values.tolist() == [[49.0, 50.0]]


def test_a_name_in_the_place_of_a_box_is_not_shown():
    with pytest.raises(LabelError, match="line 2, lesion_boxes") as error:
        read_labels(table(lesion_boxes=["DOE^JANE", ""]))
    assert "DOE" not in str(error.value)
