"""A description that cannot be built is refused where it is written."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.networks.dreamnet import DreamNet
from mammo_pipeline.mammo.networks.record import Recipe
from mammo_pipeline.mammo.networks.vgg16 import Vgg16


@pytest.mark.parametrize(
    ("top", "widths"),
    [("heatmap", (16, 8)), ("bottleneck", (512, 512)), ("vgg_512", (512,))],
)
def test_a_top_has_the_published_widths_where_none_are_given(top, widths):
    assert Vgg16(top=top).image_widths == widths


def test_a_heatmap_top_of_three_widths_is_refused():
    with pytest.raises(ValueError, match="two hidden convolutions"):
        DreamNet(image_widths=(16, 8, 4))


@pytest.mark.parametrize("classes", [1, 4, 6])
def test_a_number_of_classes_that_no_table_knows_is_refused(classes):
    with pytest.raises(ValueError, match="2, 3 or 5"):
        DreamNet(classes=classes)


def test_an_image_that_the_top_would_pool_to_nothing_is_refused():
    with pytest.raises(ValueError, match=r"map of \(1, 2\), the top vgg_512 needs 2 or more"):
        Vgg16(image_shape=(32, 64))
    with pytest.raises(ValueError, match=r"map of \(4, 5\), the top heatmap needs 5 or more"):
        Vgg16(image_shape=(320, 352), top="heatmap")


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'patch_px'"):
        DreamNet(patch_pxs=224)


def test_a_recipe_says_the_policy_of_keras():
    assert Recipe(0).dtype == "float32"
    assert Recipe(0, "bfloat16").dtype == "mixed_bfloat16"
