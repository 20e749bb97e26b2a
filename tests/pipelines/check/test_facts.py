"""The tables of facts: what nobody wrote is missing, what a person should look at is counted."""

from __future__ import annotations

import pandas as pd

from mammo_pipeline.mammo.contract.summary import count_classes
from mammo_pipeline.pipelines.check.facts import complete_columns, count_rest, gather_facts
from screening_study import COUNTS, make_files, make_images, make_lesions, parameters


def test_pairs_without_a_verdict_are_counted():
    images = make_images(12)
    classes = count_classes(make_lesions(images), images)
    pairs = pd.DataFrame({"verdict": ["", "same", "different", ""]})
    assert count_rest(classes, 1, pairs)["near_duplicates"]["value"] == 2
    assert count_rest(classes, 1, None)["near_duplicates"]["reason"] == "not looked for"


def test_a_study_without_lesions_has_no_rarest_class():
    images = make_images(12)
    classes = count_classes(make_lesions(images).head(0), images)
    found = count_rest(classes, 0, None)["smallest_patch_class"]
    assert found["value"] is None and found["reason"] == "no lesion is drawn"


def test_an_empty_text_is_missing_and_a_number_stays_one():
    table = complete_columns(pd.DataFrame({"a": ["x", ""], "n": [1, 0]}), ["a", "b", "n"])
    assert table["a"].isna().tolist() == [False, True]
    assert table["b"].isna().all() and table["n"].tolist() == [1, 0]


def test_every_figure_is_a_column_with_its_ends():
    images = make_images(12)
    facts = gather_facts(images, make_files(images), make_lesions(images), COUNTS, parameters())
    ends = {f"{name}{end}" for name in facts.figures for end in ("", "_low", "_high")}
    assert set(facts.tables["study"].columns) == ends and len(facts.tables["study"]) == 1


def test_a_sites_own_detector_is_on_the_list():
    images = make_images(12).assign(device="Acme One")
    own = {"words": ["acme"], "matrices": [[3328, 2560]], "spacing_mm": [0.07, 0.07]}
    known = parameters(detectors=[own | {"closed": True}])
    facts = gather_facts(images, make_files(images), make_lesions(images), COUNTS, known)
    assert facts.tables["devices"]["listed"].tolist() == ["yes"]
    assert set(facts.tables["images"]["matrix_listed"]) == {"yes", "no"}
