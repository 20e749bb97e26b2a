"""The same ladder on another backend, on two devices, and on two workers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TESTS = Path(__file__).parents[2]
ONE: dict[str, Any] = {"execution": {}}


def start(out: Path, settings: dict[str, Any], **environment: str) -> subprocess.Popen:
    """Starts the climb in a program of its own; `out` gets its last state and its losses."""
    told = {**settings, "out": str(out)}
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    return subprocess.Popen(
        [sys.executable, str(TESTS / "climb_elsewhere.py"), json.dumps(told)],
        env={**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*programs: subprocess.Popen) -> None:
    for program in programs:
        text, _ = program.communicate(timeout=300)
        assert program.returncode == 0, text[-3000:]


def read(out: Path) -> dict[str, np.ndarray]:
    with np.load(out, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> dict[str, np.ndarray]:
    out = tmp_path_factory.mktemp("one") / "one.npz"
    finish(start(out, ONE))
    return read(out)


def assert_same_course(found: dict, expected: dict) -> None:
    """The sums are taken in another order, and Adam makes much of the last digits."""
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-5)
    np.testing.assert_allclose(found["aucs"], expected["aucs"], atol=1e-3)


def test_jax_climbs_the_same_ladder_where_there_is_no_tensorflow(one, tmp_path):
    # Written down after every step: the weights come out of the step's arrays and go in again.
    settings = {"execution": {"checkpoint_seconds": 0}, "without": ["tensorflow"]}
    finish(start(tmp_path / "jax.npz", settings, KERAS_BACKEND="jax"))
    found = read(tmp_path / "jax.npz")
    # The first weights and what dropout drops are other numbers there: no two losses are equal.
    assert found.keys() == one.keys()
    assert {p: v.shape for p, v in found.items()} == {p: v.shape for p, v in one.items()}
    assert found["losses"][3] < 0.9 * found["losses"][0]


def test_two_devices_learn_what_one_does(one, tmp_path):
    settings = {"execution": {"devices": "mirrored", "norm": "synchronized"}, "cpus": 2}
    finish(start(tmp_path / "two.npz", settings))
    assert_same_course(read(tmp_path / "two.npz"), one)


@pytest.mark.slow
def test_two_workers_learn_what_one_does_and_only_the_chief_writes(one, tmp_path):
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{s.getsockname()[1]}" for s in (first, second)]
    programs = []
    for number in (0, 1):
        settings = {
            "execution": {
                "devices": "multi_worker",
                "norm": "synchronized",
                "checkpoint_seconds": 0,
            },
            "checkpoints": str(tmp_path / f"checkpoints{number}"),
        }
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": number}}
        (tmp_path / f"checkpoints{number}").mkdir()
        out = tmp_path / f"worker{number}.npz"
        programs.append(start(out, settings, TF_CONFIG=json.dumps(task)))
    finish(*programs)
    for number in (0, 1):
        assert_same_course(read(tmp_path / f"worker{number}.npz"), one)
    assert len(list((tmp_path / "checkpoints0").iterdir())) == 2
    assert list((tmp_path / "checkpoints1").iterdir()) == []
