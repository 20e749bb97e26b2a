"""mini-MIAS, by a sample made after its published format."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.collections import match_listing, read_collection
from mammo_pipeline.mammo.collections.matching import index_listing, state_values
from mammo_pipeline.mammo.labels import LabelError, parse_boxes

INFO = """INFORMATION:
This file lists the films in the MIAS database
1st column: MIAS database reference number.

REFNUM BG CLASS SEVERITY X Y RADIUS
mdb001 G CIRC B 535 425 197
mdb002 G CIRC B 522 280 69
mdb003 D NORM
mdb005 F CIRC B 477 133 30
mdb005 F CIRC M 500 168 26
mdb059 F CIRC B *NOTE 3*
mdb216 D CALC M *NOTE 3*
"""


def read(text: str = INFO):
    return read_collection("mini_mias", {"Info.txt": text})


def test_pairs_of_numbers_are_a_patient_odd_is_left():
    labels = read().labels
    assert labels[["patient", "laterality", "cancer", "truth"]].values.tolist() == [
        ["mias 001", "L", 0, "pathology"],
        ["mias 001", "R", 0, "pathology"],
        ["mias 002", "L", 0, "follow_up"],
        ["mias 003", "L", 1, "pathology"],
        ["mias 030", "L", 0, "pathology"],
        ["mias 108", "R", 1, "pathology"],
    ]


def test_the_origin_is_the_bottom_left_corner_and_several_lesions_are_kept():
    listing = read().listing.set_index("key")
    assert listing.loc["mdb001", "lesion_boxes"] == "mass:benign:402,338,796,732"
    assert listing.loc["mdb005", "lesion_boxes"].split(";") == [
        "mass:benign:861,447,921,507",
        "mass:malignant:830,474,882,526",
    ]
    boxes = parse_boxes("MLO:" + listing.loc["mdb002", "lesion_boxes"], 1)
    assert boxes[0]["row_max"] == 1024 - 280 + 69


def test_scattered_calcifications_have_an_outcome_and_no_box():
    listing = read().listing.set_index("key")
    assert listing.loc[["mdb003", "mdb059", "mdb216"], "lesion_boxes"].tolist() == [""] * 3


def test_a_picture_gets_all_that_it_does_not_say():
    collection = read()
    rows, _ = match_listing(["all-mias/mdb002.pgm"], [None], collection)
    stated = state_values(index_listing(collection), rows[0], None)
    assert (stated["ImageLaterality"], stated["ViewPosition"]) == ("R", "MLO")
    assert stated["spacing_mm"] == 0.2
    assert stated["PhotometricInterpretation"] == "MONOCHROME2"


@pytest.mark.parametrize("row", ["mdb007 G LUMP B 1 2 3", "mdb007 G CIRC", "mdb007 G CIRC B 5 6"])
def test_a_row_that_cannot_be_read_is_told_with_its_line(row):
    with pytest.raises(LabelError, match=r"Info\.txt line 13"):
        read(INFO + row + "\n")


def test_a_missing_table_is_told():
    with pytest.raises(LabelError, match=r"Expected Info\.txt of mini-MIAS"):
        read("nothing\n")
