import numpy as np
import pytest

from mammo_pipeline.mammo.phantom.anatomy import draw_anatomy
from mammo_pipeline.mammo.phantom.lesions import Lesion, draw_form, mark_lesion
from mammo_pipeline.mammo.phantom.shape import draw_shape, measure_muscle_depth
from mammo_pipeline.mammo.phantom.texture import measure_spectrum_exponent


def make_anatomy(seed, view="CC", density="C", lesions=()):
    shape = draw_shape(np.random.default_rng(seed), view, 95.0)
    return draw_anatomy(np.random.default_rng(seed + 1), shape, density, lesions, 0.4)


def test_the_tissue_has_a_spectrum_near_one_over_f_cubed():
    exponents = []
    for seed in range(6):
        anatomy = make_anatomy(seed, density="ABCD"[seed % 4])
        middle = int(-anatomy.grid.top_mm / 0.4)
        region = anatomy.tissue[middle - 75 : middle + 75, 20:170]
        exponents.append(measure_spectrum_exponent(region, 0.4))
    assert 2.5 <= np.mean(exponents) <= 3.5
    assert min(exponents) > 2.2 and max(exponents) < 3.8


def test_denser_classes_hold_more_gland():
    shares = []
    for density in "ABCD":
        found = [make_anatomy(seed, density=density) for seed in range(5)]
        shares.append(np.mean([(a.tissue[a.thickness == 1] > 0.4).mean() for a in found]))
    assert (np.diff(shares) > 0.08).all()


def test_the_fat_under_the_skin_is_darker_than_the_skin():
    anatomy = make_anatomy(3)
    middle = int(-anatomy.grid.top_mm / 0.4) - 100
    row = anatomy.tissue[middle]
    edge = int(np.flatnonzero(anatomy.thickness[middle])[-1])
    assert row[edge - 3 : edge].mean() > row[edge - 16 : edge - 9].mean() + 0.15


def test_the_muscle_is_brighter_than_the_fat_beside_it():
    anatomy = make_anatomy(4, view="MLO", density="A")
    inside = measure_muscle_depth(
        anatomy.shape, anatomy.grid.x_mm[None, :], anatomy.grid.y_mm[:, None]
    )
    top = slice(0, 60)
    beside = (inside[top] < -4) & (inside[top] > -15) & (anatomy.thickness[top] > 0.9)
    assert anatomy.tissue[top][inside[top] > 4].mean() > anatomy.tissue[top][beside].mean() + 0.3


def test_the_same_seed_gives_the_same_breast_around_another_lesion():
    form = draw_form(np.random.default_rng(0), "mass", "malignant")
    lesion = Lesion("mass", "malignant", 14.0, 0.5, 50.0, -5.0, form)
    without, with_lesion = make_anatomy(6), make_anatomy(6, lesions=(lesion,))
    difference = with_lesion.tissue - without.tissue
    window, mask = mark_lesion(lesion, without.grid)
    assert difference[window][mask].min() > 0.1
    difference[window] = 0
    assert not difference.any()


def test_an_unknown_density_is_an_error():
    with pytest.raises(ValueError, match="'E'"):
        make_anatomy(1, density="E")
