"""Where a stage stood is found again, whole, and by the last write that can be read."""

from __future__ import annotations

import numpy as np

from mammo_pipeline.mammo.ladder.progress import (
    Progress,
    clear_progress,
    load_progress,
    pack_progress,
    save_progress,
    unpack_progress,
)


def make_progress(taken: int, count: int) -> Progress:
    state = {"conv/kernel": np.full((2, 2), taken, np.float32), "optimizer/iteration": np.array(3)}
    row = {"stage": "a", "epoch": 1, "loss": 0.1 + 0.2}
    return Progress(2, 5, taken, state, {"loss": np.array([0.5, 0.25])}, (row,), count=count)


class Damaged(dict):
    """Checkpoints of which some cannot be read."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken

    def __getitem__(self, key):
        if key in self.broken:
            raise ValueError(f"the checkpoint {key} cannot be read")
        return super().__getitem__(key)


def test_progress_comes_back_to_the_bit():
    progress = make_progress(7, count=3)
    again = unpack_progress(pack_progress(progress))
    assert (again.epoch, again.step, again.taken, again.count) == (2, 5, 7, 3)
    assert again.history == progress.history
    assert again.best is None
    for name in ("state", "figures"):
        before, after = getattr(progress, name), getattr(again, name)
        assert before.keys() == after.keys()
        assert all(np.array_equal(before[k], after[k]) for k in before)


def test_the_best_state_is_kept_apart():
    progress = Progress(1, 0, 0, {"w": np.zeros(1)}, best={"w": np.ones(1)})
    again = unpack_progress(pack_progress(progress))
    assert (again.state["w"].tolist(), again.best["w"].tolist()) == ([0.0], [1.0])


def test_the_farthest_progress_is_found():
    kept: dict = {}
    for taken, count in ((4, 0), (8, 1), (12, 2)):
        save_progress(kept, "a", make_progress(taken, count))
        assert load_progress(kept, "a", note=print).taken == taken
    assert len(kept) == 2


def test_a_write_never_touches_the_one_before():
    kept: dict = {}
    save_progress(kept, "a", make_progress(4, 0))
    before = kept["a.running_0"]
    save_progress(kept, "a", make_progress(8, 1))
    assert kept["a.running_0"] is before


def test_a_damaged_one_is_named_and_the_one_before_taken():
    kept, notes = Damaged("a.running_1"), []
    save_progress(kept, "a", make_progress(4, 0))
    save_progress(kept, "a", make_progress(8, 1))
    assert load_progress(kept, "a", notes.append).taken == 4
    assert "a.running_1 cannot be read" in notes[0]


def test_nothing_readable_begins_anew():
    kept, notes = Damaged("a.running_0"), []
    assert load_progress(kept, "a", notes.append) is None
    save_progress(kept, "a", make_progress(4, 0))
    assert load_progress(kept, "a", notes.append) is None
    assert len(notes) == 1


def test_a_finished_stage_leaves_no_progress():
    kept: dict = {}
    for count in (0, 1):
        save_progress(kept, "a", make_progress(4, count))
    save_progress(kept, "b", make_progress(4, 0))
    clear_progress(kept, "a")
    assert list(kept) == ["b.running_0"]
