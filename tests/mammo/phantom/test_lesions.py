import numpy as np
import pytest

from mammo_pipeline.mammo.phantom.grid import Grid
from mammo_pipeline.mammo.phantom.lesions import (
    KINDS,
    Lesion,
    draw_form,
    draw_kind_and_size,
    mark_lesion,
    render_lesion,
)

GRID = Grid(350, 350, 0.2, 0.0)


def make_lesion(seed, kind, pathology, size_mm=15.0):
    form = draw_form(np.random.default_rng(seed), kind, pathology)
    return Lesion(kind, pathology, size_mm, 1.0, 35.0, 35.0, form)


@pytest.mark.parametrize("kind", KINDS)
def test_benign_and_malignant_add_as_much_absorption(kind):
    added = {
        pathology: [
            render_lesion(make_lesion(k, kind, pathology), GRID)[1].sum() for k in range(25)
        ]
        for pathology in ("benign", "malignant")
    }
    assert np.mean(added["malignant"]) == pytest.approx(np.mean(added["benign"]), rel=0.15)


@pytest.mark.parametrize("kind", ["mass", "asymmetry"])
def test_a_malignant_margin_is_longer_for_its_area(kind):
    def measure_roughness(pathology, seed):
        mask = mark_lesion(make_lesion(seed, kind, pathology), GRID)[1]
        border = (mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum()
        return border**2 / mask.sum()

    benign = [measure_roughness("benign", seed) for seed in range(15)]
    malignant = [measure_roughness("malignant", seed) for seed in range(15)]
    assert min(malignant) > 2 * max(benign)


def test_malignant_calcifications_lie_along_a_line_and_benign_ones_in_a_disc():
    def measure_elongation(pathology, seed):
        dots = draw_form(np.random.default_rng(seed), "calcification", pathology).dots[:, :2]
        low, high = np.linalg.eigvalsh(np.cov(dots.T))
        return np.sqrt(high / low)

    assert np.mean([measure_elongation("benign", seed) for seed in range(20)]) < 1.6
    assert np.mean([measure_elongation("malignant", seed) for seed in range(20)]) > 2.5


def test_a_coarse_grid_keeps_the_absorption_of_a_calcification():
    lesion = make_lesion(1, "calcification", "benign")
    fine = render_lesion(lesion, GRID)[1].sum() * GRID.pitch_mm**2
    coarse_grid = Grid(70, 70, 0.8, 0.0)
    coarse = render_lesion(lesion, coarse_grid)[1].sum() * coarse_grid.pitch_mm**2
    assert coarse == pytest.approx(fine, rel=0.25)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pathology", ["benign", "malignant"])
def test_the_window_holds_the_whole_truth(kind, pathology):
    for seed in range(10):
        _, mask = mark_lesion(make_lesion(seed, kind, pathology), GRID)
        border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        assert mask.any() and not border.any()
        assert 10 < 0.2 * max(mask.any(axis=0).sum(), mask.any(axis=1).sum()) < 28


def test_size_and_kind_are_drawn_without_the_pathology():
    drawn = [draw_kind_and_size(np.random.default_rng(seed)) for seed in range(200)]
    assert {kind for kind, _ in drawn} == set(KINDS)
    assert all(10 <= size_mm <= 24 for _, size_mm in drawn)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="benign cyst"):
        draw_form(np.random.default_rng(0), "cyst", "benign")
