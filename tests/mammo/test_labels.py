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
        (
            {"laterality": ["L", "both"]},
            "line 3, laterality: found a text of 4 characters, expected L or R",
        ),
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
        ({"truth": ["", "hearsay"]}, "line 3, truth: found a text of 7 characters, expected path"),
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


def test_a_column_that_stands_twice_is_named():
    twice = pd.concat([table(), pd.DataFrame({"cancer": ["DOE", "1"]})], axis="columns")
    with pytest.raises(LabelError, match="names cancer more than once") as error:
        read_labels(twice)
    assert "DOE" not in str(error.value)


def test_a_missing_column_is_named():
    with pytest.raises(LabelError, match="missing columns \\['cancer'\\]"):
        read_labels(table().drop(columns="cancer"))


def test_a_label_of_an_unknown_patient_stops_the_run():
    with pytest.raises(LabelError, match="line 3 name a patient_id that no file has"):
        join_labels(breasts(("a", "L", "20200101")), read_labels(table()))


def test_a_label_without_date_is_refused_where_the_patient_has_two_exams():
    images = breasts(("a", "L", "20200101"), ("a", "L", "20210101"), ("b", "R", "20200101"))
    with pytest.raises(LabelError, match="line 2 have no study_date"):
        join_labels(images, read_labels(table()))


def known(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["patient", "exam"])


def test_a_patient_whose_images_were_all_refused_is_known_and_counted():
    labels = read_labels(table())
    images = breasts(("a", "L", "20200101"))
    joined = join_labels(images, labels, known=known(("b", "20200101")))
    assert count_unused_labels(joined, labels)["cancers_without_image"] == 1
    with pytest.raises(LabelError, match="line 3 name a patient_id that no file has"):
        join_labels(images, labels, known=known(("c", "20200101")))


def test_an_undated_label_is_never_given_to_the_exam_that_refusals_left():
    images = breasts(("a", "L", "20200101"), ("b", "R", "20200101"))
    with pytest.raises(LabelError, match=r"line 2 have no study_date.* refused ones counted"):
        join_labels(images, read_labels(table()), known=known(("a", "20210101")))


def test_a_file_that_states_no_exam_makes_none():
    images = breasts(("a", "L", "20200101"), ("b", "R", "20200101"))
    seen = known(("a", ""), ("a", "20200101"))
    joined = join_labels(images, read_labels(table()), known=seen)
    assert joined["cancer"].tolist() == [0, 1]


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


@pytest.mark.parametrize("column", ["laterality", "cancer", "density", "birads", "truth", "age"])
@pytest.mark.parametrize("name", ["DOE^JANE", "Doe", "Li", "19800101", "٣٤"])
def test_no_cell_that_could_hold_a_name_or_a_birthday_is_shown(column, name):
    good = {"laterality": "R", "cancer": "1"}.get(column, "")
    with pytest.raises(LabelError) as error:
        read_labels(table(**{column: [name, good]}))
    told = f"Label table, line 2, {column}: found a text of {len(name)} characters, expected "
    assert str(error.value).startswith(told)
    assert f"{name.upper()}'" not in str(error.value).upper()


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


@pytest.mark.parametrize(
    "text",
    ["DOE^JANE", "Doe:Jane:19800101", "mass:Doe:19800101,1,2,3", "19800101", "12345:1,2,3,4"],
)
def test_a_name_in_the_place_of_a_box_is_not_shown(text):
    told = f"line 2, lesion_boxes: found a text of {len(text)} characters"
    with pytest.raises(LabelError, match=told) as error:
        read_labels(table(lesion_boxes=[text, ""]))
    for word in ("DOE", "Doe", "Jane", "1980", "12345"):
        assert word not in str(error.value)


def test_a_malformed_box_of_known_words_and_coordinates_is_shown():
    with pytest.raises(LabelError, match="found 'CC:mass:benign:10,20,30', expected VIEW:kind"):
        parse_boxes("CC:mass:benign:10,20,30", 7)
