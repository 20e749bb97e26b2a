"""One writer at a time, and none after it is gone."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from mammo_pipeline.datasets.lock import hold_alone


def try_to_hold(folder) -> str:
    try:
        with hold_alone(folder):
            return "held"
    except RuntimeError as error:
        return str(error)


def ask_elsewhere(folder) -> str:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(try_to_hold, (folder,))


def test_another_process_is_told_what_to_do(tmp_path):
    with hold_alone(tmp_path / "s"):
        assert "Wait for it to end, or stop it" in ask_elsewhere(tmp_path / "s")
    assert ask_elsewhere(tmp_path / "s") == "held"


def test_an_error_in_the_block_frees_it(tmp_path):
    with pytest.raises(ZeroDivisionError), hold_alone(tmp_path / "s"):
        raise ZeroDivisionError
    assert ask_elsewhere(tmp_path / "s") == "held"


def test_a_worker_that_outlives_its_leader_does_not_keep_it(tmp_path):
    def lead() -> None:
        with hold_alone(tmp_path / "s"):
            if os.fork() == 0:
                (tmp_path / "worker").write_text(str(os.getpid()))
                time.sleep(60)
            time.sleep(60)

    leader = multiprocessing.get_context("fork").Process(target=lead)
    leader.start()
    while not (tmp_path / "worker").exists() or not (tmp_path / "worker").read_text():
        time.sleep(0.01)
    assert "another run" in ask_elsewhere(tmp_path / "s")
    leader.kill()
    leader.join()
    assert ask_elsewhere(tmp_path / "s") == "held"
    os.kill(int((tmp_path / "worker").read_text()), 9)
