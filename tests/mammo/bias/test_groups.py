import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.bias.groups import list_cells, sort_groups, subgroup_members


@pytest.fixture
def breasts():
    return pd.DataFrame(
        {
            "cancer": [1, 1, 1, 0, 0],
            "device": ["a", "b", "", "a", None],
            "density": ["A", "A", "B", "B", "B"],
            "side": list("LRLRL"),
            "lesion_kind": ["calcification+mass", "mass", "", "", ""],
        }
    )


def test_the_groups_of_an_axis_cover_everyone_once(breasts):
    members = subgroup_members(breasts, "device")
    assert list(members) == ["a", "b", "not stated"]
    assert np.sum(list(members.values()), axis=0).tolist() == [1] * 5
    assert members["not stated"].tolist() == [False, False, True, False, True]


def test_a_lesion_kind_is_its_cancers_against_every_healthy_breast(breasts):
    cells = {cell.group: cell for cell in list_cells(breasts, "lesion_kind")}
    assert list(cells) == ["calcification", "mass", "not stated"]
    assert cells["mass"].inside.tolist() == [True, True, False, True, True]
    assert cells["mass"].rest.tolist() == [False, False, True, True, True]
    assert all(cell.is_lesion for cell in cells.values())


def test_an_intersection_is_in_both_and_its_rest_is_everyone_else(breasts):
    cells = {cell.group: cell for cell in list_cells(breasts, ["device", "density"])}
    assert list(cells) == ["a x A", "a x B", "b x A", "not stated x B"]
    assert cells["a x A"].inside.tolist() == [True, False, False, False, False]
    assert all((cell.inside ^ cell.rest).all() for cell in cells.values())
    assert {cell.axis for cell in cells.values()} == {"device x density"}


def test_two_groups_are_one_question_and_three_are_three(breasts):
    assert [cell.mirror_of for cell in list_cells(breasts, "side")] == [None, "L"]
    assert [cell.mirror_of for cell in list_cells(breasts, "device")] == [None] * 3


def test_bands_stand_in_the_order_of_reading():
    names = ["not stated", "70 and over", "9 to 20 mm", "under 5 mm", "5 to 9 mm", "CC only"]
    wanted = ["under 5 mm", "5 to 9 mm", "9 to 20 mm", "70 and over", "CC only", "not stated"]
    assert sort_groups(names) == wanted


def test_an_unknown_axis_is_refused_by_name(breasts):
    with pytest.raises(ValueError, match="no axis 'colour'"):
        list_cells(breasts, "colour")
