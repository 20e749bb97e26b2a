"""What goes to MLflow is text that shows its type, and never a path."""

import pytest

from mammo_pipeline.tracking.names import as_text, clean_name, flatten


@pytest.mark.parametrize("path", ["C:\\exams", "/archive/JANE^DOE.dcm", "exams/one"])
def test_a_path_of_any_system_is_withheld(path):
    assert as_text(path) == "withheld: looks like a path"


def test_a_list_of_paths_is_withheld_too():
    assert as_text(["/archive/a", 1]) == "withheld: looks like a path"


def test_a_name_that_mlflow_would_refuse_is_made_acceptable():
    assert clean_name("sensitivity@A:50 to 59") == "sensitivity_A_50 to 59"
    assert len(clean_name("x" * 300)) == 250


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ({"DOE_JANE": 0.09}, "1 folder: 0.09"),
        ({"DOE_JANE": 0.1, "ROE": 0.09}, "2 folders: 0.09, 0.1"),
        ({"DOE": {"JANE": 0.09}}, "1 folder: 0.09"),
        ({"x": "DOE_JANE"}, "1 folder: not a number"),
        ("DOE_JANE", "1 folder: not a number"),
        ({}, "0 folders"),
    ],
)
def test_of_a_dict_with_keys_of_the_user_only_count_and_numbers_are_kept(stated, text):
    assert flatten({"ingest": {"stated_spacing_mm": stated, "n": 1}}) == {
        "ingest.stated_spacing_mm": text,
        "ingest.n": 1,
    }
