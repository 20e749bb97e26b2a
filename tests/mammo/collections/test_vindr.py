"""VinDr-Mammo, by a sample made after its published format."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.collections import CollectionOptions, match_listing, read_collection
from mammo_pipeline.mammo.collections.matching import index_listing, state_values
from mammo_pipeline.mammo.dicom.views import read_view
from mammo_pipeline.mammo.labels import LabelError

BREASTS = """study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,\
breast_density,split
s1,x,i1,L,CC,3518,2800,BI-RADS 4,DENSITY C,training
s1,x,i2,L,MLO,3518,2800,BI-RADS 4,DENSITY C,training
s1,x,i3,R,CC,3518,2800,BI-RADS 1,DENSITY C,training
s1,x,i4,R,MLO,3518,2800,BI-RADS 1,DENSITY C,training
"""
FINDINGS = """study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,\
breast_density,finding_categories,finding_birads,xmin,ymin,xmax,ymax,split
s1,x,i1,L,CC,3518,2800,BI-RADS 4,DENSITY C,"['Mass', 'Suspicious Calcification']",BI-RADS 4,\
2355.1,1731.2,2482.9,1852.7,training
s1,x,i1,L,CC,3518,2800,BI-RADS 4,DENSITY C,['Focal Asymmetry'],BI-RADS 3,-3.0,5,40,3600,training
s1,x,i1,L,CC,3518,2800,BI-RADS 4,DENSITY C,['Skin Thickening'],,1,1,9,9,training
s1,x,i3,R,CC,3518,2800,BI-RADS 1,DENSITY C,['No Finding'],,,,,,training
"""
METADATA = "SOP Instance UID,Patient's Sex,Patient's Age\ni1,F,053Y\ni2,F,\n"
TABLES = {
    "breast-level_annotations.csv": BREASTS,
    "finding_annotations.csv": FINDINGS,
    "metadata.csv": METADATA,
}


def read(tables=TABLES, **options):
    return read_collection("vindr", tables, CollectionOptions(**options))


def test_the_table_of_findings_is_not_taken_for_that_of_breasts():
    collection = read()
    assert len(collection.listing) == 4
    assert collection.labels[["patient", "laterality", "birads", "density"]].values.tolist() == [
        ["s1", "L", "4", "C"],
        ["s1", "R", "1", "C"],
    ]


def test_birads_is_an_opinion_until_it_is_allowed_to_be_more():
    assert read().labels["cancer"].isna().all()
    assert set(read().listing["lesion_boxes"]) == {""}
    assert read(opinion_as_truth=True).labels["cancer"].tolist() == [1, 0]


def test_boxes_are_whole_pixels_within_the_matrix_and_only_of_tissue():
    listing = read(opinion_as_truth=True).listing.set_index("key")
    assert listing.loc["i1", "lesion_boxes"] == (
        "calcification:malignant:1731,2355,1853,2483;asymmetry:benign:5,0,3518,40"
    )
    assert listing.loc["i3", "lesion_boxes"] == ""


def test_files_are_known_by_the_name_of_the_image():
    collection = read()
    rows, counts = match_listing(["images/s1/i2.dicom", "images/s1/i1.png"], [{}, None], collection)
    assert rows == [1, 0]
    assert counts["missing"] == 2
    stated = state_values(index_listing(collection), 0, {})
    assert (stated["PatientID"], stated["PatientAge"]) == ("s1", "053Y")


def test_the_view_of_the_listing_goes_before_the_codes_of_the_header():
    modified = {"CodeValue": "R-10242", "ViewModifierCodeSequence": [{"CodeValue": "R-102D7"}]}
    header = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2",
        "ViewPosition": "CC",
        "ViewCodeSequence": [modified],
    }
    collection = read()
    [row], _ = match_listing(["images/s1/i2.dicom"], [header], collection)
    assert read_view(header | state_values(index_listing(collection), row, header)) == "MLO"


def test_the_tables_of_findings_and_ages_may_be_absent():
    few = {"breast-level_annotations.csv": BREASTS}
    assert read(few, opinion_as_truth=True).labels["cancer"].tolist() == [1, 0]


def test_a_corner_that_is_no_number_is_told_with_its_line():
    broken = {**TABLES, "finding_annotations.csv": FINDINGS.replace("2355.1", "left")}
    with pytest.raises(LabelError, match=r"finding_annotations\.csv line 2, xmin"):
        read(broken, opinion_as_truth=True)
