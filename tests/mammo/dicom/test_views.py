"""Which breast an image shows, and from which side."""

from __future__ import annotations

import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

from mammo_pipeline.mammo.dicom import views
from mammo_pipeline.mammo.fates import FATES, RefusedError

STANDARD_CODES = ["R-10242", "399162004", "R-10226", "399368009"]


def coded(code: str, *modifiers: str) -> dict:
    items = [{"CodeValue": modifier} for modifier in modifiers]
    return {"ViewCodeSequence": [{"CodeValue": code, "ViewModifierCodeSequence": items}]}


def judge(header: dict) -> str:
    try:
        return views.read_view(header)
    except RefusedError as refusal:
        return refusal.code


@pytest.mark.parametrize(
    ("group", "table"), [(4014, views.PROJECTIONS), (4015, views.MODIFIERS)], ids=["4014", "4015"]
)
def test_the_codes_are_those_of_the_standard(group, table):
    told = {
        code
        for name in cid_concepts[group]["SCT"]
        for code, (_, groups) in concepts["SCT"][name].items()
        if group in groups
    }
    listed = {line.code: line.older_codes for line in table}
    assert told <= listed.keys()
    assert listed.keys() - told <= {"399265009"}
    assert all(mapping["SCT"][code] in listed[code] for code in told)
    assert {line.judged for line in table} <= FATES.keys() | {"CC", "MLO", ""}


def test_an_empty_list_of_codes_leaves_the_view_to_its_name():
    header = {"ViewPosition": "MLO", "ViewCodeSequence": [], "ViewModifierCodeSequence": []}
    assert judge(header) == "MLO"
    assert judge(coded("R-10242") | header) == "MLO"


@pytest.mark.parametrize("modifier", ["", "R-102D5", "399209000"])
@pytest.mark.parametrize("code", STANDARD_CODES)
def test_a_standard_view_is_one_with_an_implant_displaced_too(code, modifier):
    expected = "CC" if code in STANDARD_CODES[:2] else "MLO"
    assert judge(coded(code, *filter(None, [modifier]))) == expected


@pytest.mark.parametrize(
    ("code", "judged"),
    [
        ("R-1024A", "exaggerated_view"),
        ("Y-X1770", "exaggerated_view"),
        ("R-1024B", "exaggerated_view"),
        ("399265009", "exaggerated_view"),
        ("R-10224", "lateral_view"),
        ("399352003", "lateral_view"),
        ("R-10230", "lateral_view"),
        ("R-10244", "other_view"),
        ("G-8310", "specimen"),
        ("99-MAKER", "other_view"),
    ],
)
def test_each_other_projection_is_told_apart_by_its_code(code, judged):
    assert judge({"ViewPosition": "CC", **coded(code)}) == judged


@pytest.mark.parametrize(
    ("modifier", "judged"),
    [
        ("R-102D6", "magnified_view"),
        ("399163009", "magnified_view"),
        ("R-102D7", "spot_view"),
        ("399055006", "spot_view"),
        ("R-102D3", "modified_view"),
        ("R-102D2", "modified_view"),
        ("99-MAKER", "modified_view"),
    ],
)
def test_each_modifier_is_told_apart(modifier, judged):
    assert judge(coded("R-10242", modifier)) == judged
    assert judge(coded("R-10242", "R-102D5", modifier)) == judged
    outside = {**coded("R-10226"), "ViewModifierCodeSequence": [{"CodeValue": modifier}]}
    assert judge(outside) == judged


def test_the_code_goes_before_the_string_and_an_empty_code_does_not():
    assert judge({"ViewPosition": "CC", **coded("R-10226")}) == "MLO"
    assert judge({"ViewPosition": "CC", "ViewCodeSequence": []}) == "CC"
    assert judge({"ViewPosition": "CC", **coded("")}) == "CC"


def test_codes_of_two_views_are_none():
    both = coded("R-10226")["ViewCodeSequence"] + coded("R-10242")["ViewCodeSequence"]
    assert judge({"ViewCodeSequence": both}) == "other_view"


@pytest.mark.parametrize(
    ("position", "judged"),
    [
        ("CC", "CC"),
        (" mlo ", "MLO"),
        ("RCC", "CC"),
        ("L-MLO", "MLO"),
        ("CCID", "CC"),
        ("cranio-caudal", "CC"),
        ("Medio-Lateral Oblique", "MLO"),
        ("", "no_view"),
        ("XCCL", "exaggerated_view"),
        ("XCC", "exaggerated_view"),
        ("XCCM", "exaggerated_view"),
        ("ML", "lateral_view"),
        ("LM", "lateral_view"),
        ("LMO", "lateral_view"),
        ("RML", "lateral_view"),
        ("SCC", "spot_view"),
        ("SMLO", "spot_view"),
        ("MCC", "magnified_view"),
        ("MMLO", "magnified_view"),
        ("SMCC", "magnified_view"),
        ("CCRL", "modified_view"),
        ("MLOAX", "modified_view"),
        ("TAN", "modified_view"),
        ("CV", "modified_view"),
        ("SIO", "other_view"),
        ("FB", "other_view"),
        ("AP", "other_view"),
        ("SPECIMEN", "specimen"),
        ("SPOT", "spot_view"),
    ],
)
def test_each_name_of_a_view_is_told_apart(position, judged):
    assert judge({"ViewPosition": position}) == judged


@pytest.mark.parametrize(
    ("tags", "judged"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "STEREO_SCOUT"]}, "stereo_view"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "STEREO_PLUS"]}, "stereo_view"),
        ({"ImageType": ["DERIVED", "PRIMARY", "POSTFIRE_MINUS"]}, "biopsy_view"),
        ({"ImageType": ["DERIVED", "PRIMARY", ""]}, "CC"),
        ({"ProtocolName": "STEREO"}, "stereo_view"),
        ({"SeriesDescription": "L CC Biopsy Scout"}, "biopsy_view"),
        ({"SeriesDescription": "Specimen"}, "specimen"),
        ({"SeriesDescription": "L CC Mag"}, "magnified_view"),
        ({"SeriesDescription": "Image of Magdalena clinic"}, "CC"),
        ({"PaddleDescription": "10CM SPOT"}, "spot_view"),
        ({"PaddleDescription": "24x30cm"}, "CC"),
        ({"EstimatedRadiographicMagnificationFactor": "1.8"}, "magnified_view"),
        ({"EstimatedRadiographicMagnificationFactor": "1.073"}, "CC"),
        ({"EstimatedRadiographicMagnificationFactor": "large"}, "CC"),
        ({"PartialView": "YES"}, "modified_view"),
    ],
)
def test_a_part_of_the_breast_under_the_name_of_a_whole_is_told_apart(tags, judged):
    assert judge({**coded("R-10242"), **tags}) == judged


def test_a_stereo_scout_without_a_view_is_a_stereo_scout():
    assert judge({"ImageType": ["ORIGINAL", "PRIMARY", "STEREO_SCOUT"]}) == "stereo_view"


def test_a_refusal_repeats_no_free_text():
    for header in (
        {"ViewPosition": "DOE JANE"},
        coded("DOE"),
        coded("R-10242", "DOE"),
        {"ViewPosition": "CC", "SeriesDescription": "Doe, Jane: stereo"},
        {"ImageLaterality": "DOE"},
    ):
        with pytest.raises(RefusedError) as refusal:
            views.read_laterality(header)
            views.read_view(header)
        assert "DOE" not in refusal.value.found.upper()
        with pytest.raises(RefusedError) as refusal:
            views.read_view({"ViewPosition": "", **header})
        assert "DOE" not in refusal.value.found.upper()


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({"ImageLaterality": "L", "Laterality": "R"}, "L"),
        ({"ImageLaterality": "", "Laterality": "R"}, "R"),
        ({"Laterality": " right "}, "R"),
        ({"ImageLaterality": "?", "Laterality": "l"}, "L"),
    ],
)
def test_laterality_is_the_images_and_else_the_series(tags, side):
    assert views.read_laterality(tags) == side


@pytest.mark.parametrize("tags", [{}, {"ImageLaterality": "B", "Laterality": "L"}])
def test_an_image_of_no_single_side_has_no_laterality(tags):
    with pytest.raises(RefusedError) as refusal:
        views.read_laterality(tags)
    assert refusal.value.code == "no_laterality"
