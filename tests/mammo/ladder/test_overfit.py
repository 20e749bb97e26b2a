from types import SimpleNamespace

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder import overfit
from mammo_pipeline.mammo.ladder.feed import Batch, make_batch
from mammo_pipeline.mammo.ladder.nets import assign_state, build_net, capture_state
from mammo_pipeline.mammo.ladder.settings import Wiring
from mammo_pipeline.mammo.ladder.steps import make_step
from mammo_pipeline.mammo.ladder.steps.rule import deal_out
from toy_study import make_ladder, make_lessons


def make_pictures(count: int) -> Batch:
    """Cancers first, as a batch has them; every picture and its change are its number."""
    rows = np.arange(count)
    pixels = np.broadcast_to(rows[:, None, None, None], (count, 4, 4, 1)).astype(np.uint16)
    weights = ((rows + 1) / (rows + 1).sum()).astype(np.float32)
    labels = (rows < count // 2).astype(np.int64)
    return Batch(pixels, labels, weights, {"gains": rows.astype(np.float32)}, rows, 5)


def test_a_batch_in_parts_is_looked_at_by_one_part_with_both_outcomes():
    part, whole = overfit.narrow_batch(make_pictures(8), 4)
    assert part.rows.tolist() == [0, 4] and set(part.labels) == {0, 1}
    assert whole.rows.tolist() == [0] * 4 + [4] * 4
    assert part.weights.tolist() == pytest.approx([1 / 6, 5 / 6])
    assert whole.weights.sum() == pytest.approx(1)
    for name in ("pixels", "labels", "rows"):
        for k in range(4):
            told = deal_out(getattr(whole, name), 4)[2 * k : 2 * k + 2]
            assert np.array_equal(told, getattr(part, name)), name
    assert whole.changes["gains"].tolist() == [0] * 4 + [4] * 4


def test_a_batch_in_one_part_is_itself():
    batch = make_pictures(8)
    part, whole = overfit.narrow_batch(batch, 1)
    assert part.rows.tolist() == whole.rows.tolist() == batch.rows.tolist()
    assert whole.weights == pytest.approx(batch.weights)


def test_a_blank_optimizer_has_what_a_new_one_has():
    state = {"optimizer/u_product": np.float32(0.3), "optimizer/a_momentum": np.ones(2), "a": 5}
    blank = overfit._blank_optimizer(state)
    assert blank["optimizer/u_product"] == 1 and blank["a"] == 5
    assert blank["optimizer/a_momentum"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("lasts", "tried", "told"),
    [([0.5], 1, 0.5), ([0.999, 0.5], 2, 0.5), ([9.0, np.nan, 1.0], 3, 1)],
)
def test_another_rate_is_tried_only_where_the_declared_one_does_not_learn(
    monkeypatch, lasts, tried, told
):
    rates, coming = [], iter(lasts)

    def answer(*arguments):
        rates.append(arguments[-2])
        return 1.0, next(coming)

    monkeypatch.setattr(overfit, "_try_rate", answer)
    monkeypatch.setattr(overfit, "capture_state", lambda net: {})
    monkeypatch.setattr(overfit, "assign_state", lambda net, state: None)
    step = SimpleNamespace(reload=lambda: None)
    wiring = Wiring(learning_rate=1e-3)
    found = overfit.overfit_batch(None, step, None, None, None, wiring)
    assert found == (1.0, told)
    assert rates == pytest.approx([1e-3, 1e-4, 1e-2][:tried])


def test_adam_worked_out_here_is_the_adam_of_keras():
    ladder = make_ladder()
    stage = ladder.stages["patch_adam"]
    lessons = make_lessons(ladder, breasts=24)
    net, start = build_net(ladder, stage, 0.2)
    train = lessons.examples["patches"][0]
    batch = make_batch(lessons.pixels, train, np.arange(8), stage, np.random.default_rng(0))
    assign_state(net, start)
    step = make_step(net, stage, ladder.execution)
    for _ in range(3):
        step.take(batch, 1e-3)
    step.settle()
    theirs = capture_state(net)
    assign_state(net, start)
    overfit._descend(net, stage, batch, 1e-3, 3)
    ours = capture_state(net)
    moved = np.abs(theirs["head_conv_1/kernel"] - start["head_conv_1/kernel"]).max()
    assert moved > 1e-3
    for variable in net.model.trainable_variables:
        # What is left is the noise of gradients that are nearly 0, which Adam makes large.
        apart = np.abs(ours[variable.path] - theirs[variable.path])
        assert np.median(apart) < 1e-3 * moved, variable.path
