"""INbreast, by a sample made after its published format."""

from __future__ import annotations

import plistlib

import pandas as pd
import pytest

from mammo_pipeline.mammo.collections import CollectionOptions, match_listing, read_collection
from mammo_pipeline.mammo.collections.matching import index_listing, state_values
from mammo_pipeline.mammo.labels import LabelError, join_labels, label_codes

HEADER = "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"
ROWS = [
    "removed;removed;R;CC;201001;22678622;4;1",
    "removed;removed;R;MLO;201001;22678646;4;2",
    "removed;removed;L;CC;201001;22678670;4;4a",
    "removed;removed;L;CC;201202;50997515;     ;5",
]
NAMES = [
    "AllDICOMs/22678622_61b13c59bcba149e_MG_R_CC_ANON.dcm",
    "AllDICOMs/22678646_61b13c59bcba149e_MG_R_ML_ANON.dcm",
    "AllDICOMs/22678670_61b13c59bcba149e_MG_L_CC_ANON.dcm",
    "AllDICOMs/50997515_8d0b9620c53c0268_MG_L_CC_ANON.dcm",
]


def contours(*regions: tuple[str, list[str]]) -> str:
    rois = [{"Name": name, "Point_px": points} for name, points in regions]
    return plistlib.dumps({"Images": [{"ImageIndex": 0, "ROIs": rois}]}).decode()


def read(names=NAMES, xml=None, **options):
    tables = {"INbreast.csv": "\n".join([HEADER, *ROWS])} | (xml or {})
    return read_collection("inbreast", tables, CollectionOptions(**options), names)


def test_the_patient_comes_from_the_file_name():
    labels = read().labels
    assert labels[["patient", "exam", "laterality", "birads"]].values.tolist() == [
        ["61b13c59bcba149e", "20100101", "L", "4A"],
        ["61b13c59bcba149e", "20100101", "R", "2"],
        ["8d0b9620c53c0268", "20120201", "L", "5"],
    ]


def test_birads_is_an_opinion_until_it_is_allowed_to_be_more():
    assert read().labels["cancer"].isna().all()
    assert read(opinion_as_truth=True).labels["cancer"].tolist() == [1, 0, 1]
    assert set(read(opinion_as_truth=True).labels["truth"]) == {"opinion"}


def test_ml_means_mlo_and_every_image_meets_its_label():
    collection = read()
    header = {"PatientID": "removed", "ViewPosition": "ML", "SOPClassUID": "1.2.3"}
    rows, counts = match_listing(NAMES, [header] * 4, collection)
    assert counts["found"] == 4
    stated = [state_values(index_listing(collection), row, header) for row in rows]
    assert [s["ViewPosition"] for s in stated] == ["CC", "MLO", "CC", "CC"]
    images = [
        {"patient": s["PatientID"], "exam": s["StudyDate"], "laterality": s["ImageLaterality"]}
        for s in stated
    ]
    joined = join_labels(pd.DataFrame(images), collection.labels)
    assert label_codes(joined).tolist() == ["no_truth"] * 4


def test_an_image_without_its_file_has_a_patient_of_its_own():
    labels = read(names=NAMES[:3]).labels
    assert "image 50997515" in set(labels["patient"])


def test_contours_become_boxes_where_the_opinion_is_truth():
    mass = ("Mass", ["(10.9, 20.1)", "(30.2, 20.1)", "(12.0, 40.7)"])
    point = ("Calcification", ["(5, 5)"])
    muscle = ("Pectoral Muscle", ["(0, 0)", "(9, 0)", "(0, 9)"])
    xml = {"AllXML/22678670.xml": contours(mass, point, muscle)}
    assert set(read(xml=xml).listing["lesion_boxes"]) == {""}
    listing = read(xml=xml, opinion_as_truth=True).listing.set_index("key")
    assert listing.loc["22678670", "lesion_boxes"] == "mass:malignant:20,10,41,31"


def test_a_hostile_contour_file_is_refused():
    laughs = '<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    xml = {"22678670.xml": laughs + "<plist><dict><key>Images</key><string>&b;</string></dict>"}
    with pytest.raises(LabelError, match=r"22678670.xml: found no list of contours"):
        read(xml=xml, opinion_as_truth=True)


def test_a_contour_file_fetches_nothing():
    outside = '<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    xml = {"22678670.xml": outside + "<plist><dict><key>Images</key><array/></dict></plist>"}
    with pytest.raises(LabelError, match="InvalidFileException"):
        read(xml=xml, opinion_as_truth=True)


def test_the_document_type_of_apple_is_no_threat():
    text = contours(("Mass", ["(1, 2)", "(3, 2)", "(1, 5)"]))
    assert "<!DOCTYPE plist PUBLIC" in text
    listing = read(xml={"a/50997515.XML": text}, opinion_as_truth=True).listing
    assert "mass:malignant:2,1,6,4" in set(listing["lesion_boxes"])
