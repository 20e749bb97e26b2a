import numpy as np
import pytest

from mammo_pipeline.mammo.ensembling.flips import FLIPS, check_flips, flip_images

IMAGES = np.arange(24).reshape(2, 3, 4)


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 1)])
def test_a_flip_undoes_itself_and_never_mixes_images(flip, shape):
    images = IMAGES.reshape(shape)
    flipped = flip_images(images, flip)
    np.testing.assert_array_equal(flip_images(flipped, flip), images)
    assert [set(image.ravel()) for image in flipped] == [set(image.ravel()) for image in images]


def test_up_down_keeps_the_chest_wall_on_its_side():
    chest_wall = IMAGES[..., 0]
    assert set(flip_images(IMAGES, "up_down")[0, :, 0]) == set(chest_wall[0])
    assert set(flip_images(IMAGES, "left_right")[0, :, -1]) == set(chest_wall[0])
    np.testing.assert_array_equal(flip_images(IMAGES, "both"), IMAGES[:, ::-1, ::-1])


@pytest.mark.parametrize("flips", [[], ["none", "none"], ["sideways"]])
def test_flips_that_make_no_sense_are_refused(flips):
    with pytest.raises(ValueError, match="each once"):
        check_flips(flips)
