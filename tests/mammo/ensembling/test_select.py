import numpy as np
import pytest

from mammo_pipeline.mammo.ensembling.combine import mean_logits
from mammo_pipeline.mammo.ensembling.select import fit_forward, score_candidates, select_members
from mammo_pipeline.mammo.scoring import auroc


@pytest.fixture
def offered():
    """Five members: two good and unlike each other, one copy of the first, two of noise."""
    rng = np.random.default_rng(8)
    labels = (np.arange(400) % 4 == 0).astype(float)
    good = rng.normal(size=(400, 2)) + 1.2 * labels[:, None]
    return labels, np.column_stack([good, good[:, 0], rng.normal(size=(400, 2))])


@pytest.mark.parametrize("metric", ["auroc", "log_loss"])
def test_selection_beats_the_best_member_and_leaves_noise_out(offered, metric):
    labels, logits = offered
    counts, path = select_members(labels, logits, metric, rounds=10)
    assert counts[3:].sum() <= 1
    assert counts[0] + counts[2] > 0 and counts[1] > 0
    assert max(path) > path[0]
    mean = mean_logits(logits, counts)
    assert auroc(labels, mean) > max(auroc(labels, column) for column in logits.T)


def test_equal_members_go_to_the_earlier_one_every_time(offered):
    labels, logits = offered
    runs = [select_members(labels, logits, "auroc", 10)[0] for _ in range(2)]
    assert (runs[0] == runs[1]).all()
    assert runs[0][2] == 0


def test_the_bag_of_the_best_round_is_kept(offered):
    labels, logits = offered
    counts, path = select_members(labels, logits, "auroc", 30)
    mean = mean_logits(logits, counts)
    assert auroc(labels, mean) == pytest.approx(max(path), abs=1e-12)
    assert counts.sum() < 30


def test_selection_needs_both_classes(offered):
    with pytest.raises(ValueError, match="no positive"):
        select_members(np.zeros(400), offered[1], "auroc", 3)


def test_a_member_that_ranks_backwards_is_never_rewarded_for_it(offered):
    labels, logits = offered
    backwards = np.column_stack([-3 * logits[:, 0], logits[:, 3]])
    losses = score_candidates(labels, backwards, "log_loss")
    slope, intercept = fit_forward(labels, backwards.T)
    assert slope[0] == 0
    share = 1 / (1 + np.exp(-intercept[0]))
    assert share == pytest.approx(labels.mean(), abs=0.01)
    assert losses[0] <= losses[1] + 1e-12
    counts, _ = select_members(
        labels, np.column_stack([-logits[:, 0], logits[:, 0]]), "log_loss", 5
    )
    assert counts[0] == 0
