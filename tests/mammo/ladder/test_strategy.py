"""Several devices learn as one does: the same loss curve, the same weights, one who writes."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.settings import Execution
from mammo_pipeline.mammo.ladder.strategy import open_strategy
from toy_steps import collect_runs, run_apart

Runs = dict[str, dict[str, np.ndarray]]

FROZEN = {"normalization": "frozen", "ema": {"momentum": 0.9}}
DROPOUT = {"normalization": "frozen", "dropout": 0.5}
NADAM = {
    "normalization": "frozen",
    "optimizer": {"name": "nadam", "weight_decay": 0.1, "clip_norm": 0.5},
}
STATISTICS = {"ema": {"momentum": 0.9, "of": "weights_and_statistics"}}
MIRRORED = {"devices": "mirrored"}
SYNCHRONIZED = {"norm": "synchronized"}
# Sums over devices are taken in another order than within one: so much may a figure differ.
TOLERANCE = 1e-5

ON_ONE = {
    "frozen": {"stage": FROZEN},
    "synchronized": {"stage": STATISTICS},
    "dropout_in_parts": {"stage": {**DROPOUT, "accumulate": 2}},
    "nadam": {"stage": NADAM},
}
ON_TWO = {
    "two_frozen": {"stage": FROZEN, "execution": MIRRORED},
    "two_synchronized": {"stage": STATISTICS, "execution": {**MIRRORED, **SYNCHRONIZED}},
    "two_per_replica": {"stage": STATISTICS, "execution": MIRRORED},
    "two_dropout": {"stage": DROPOUT, "execution": MIRRORED},
    "two_nadam": {"stage": NADAM, "execution": MIRRORED},
}
ON_WORKERS = {
    "frozen": {"stage": FROZEN, "execution": {"devices": "multi_worker"}},
    "synchronized": {
        "stage": STATISTICS,
        "execution": {"devices": "multi_worker", **SYNCHRONIZED},
    },
}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Runs]:
    """What three processes saw, side by side to save time: one of two devices, and two workers."""
    folder: Path = tmp_path_factory.mktemp("strategy")
    outs = [folder / f"{name}.npz" for name in ("mirrored", "first", "second")]
    started = [run_apart(outs[0], ON_ONE | ON_TWO, cpus=2)]
    addresses = [f"127.0.0.1:{port}" for port in find_ports(2)]
    for index, out in enumerate(outs[1:]):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        started.append(run_apart(out, ON_WORKERS, TF_CONFIG=config))
    return [collect_runs(out, process) for out, process in zip(outs, started, strict=True)]


@pytest.fixture
def mirrored(everything: list[Runs]) -> Runs:
    """Runs on one device, and on two logical ones of the same CPU."""
    return everything[0]


@pytest.fixture
def workers(everything: list[Runs]) -> list[Runs]:
    """The same runs seen by each of two processes that learn together."""
    return everything[1:]


def find_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def assert_near(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for path, value in one.items():
        if path != "facts":
            np.testing.assert_allclose(other[path], value, atol=TOLERANCE, err_msg=path)


@pytest.mark.parametrize("name", ["frozen", "synchronized", "nadam"])
def test_two_devices_learn_as_one_with_the_same_batch(mirrored, name):
    assert_near(mirrored[name], mirrored[f"two_{name}"])


def test_statistics_of_each_device_alone_are_another_training(mirrored):
    apart = mirrored["two_per_replica"]["loss"] - mirrored["synchronized"]["loss"]
    assert abs(apart).max() > 100 * TOLERANCE


def test_two_devices_drop_what_two_parts_on_one_drop(mirrored):
    assert_near(mirrored["dropout_in_parts"], mirrored["two_dropout"])


@pytest.mark.parametrize("name", ON_TWO)
def test_every_device_holds_the_same(mirrored, name):
    assert mirrored[name]["facts"][3] == 0
    assert mirrored[name]["facts"][2] == 2


@pytest.mark.parametrize("name", ["frozen", "synchronized"])
def test_two_processes_learn_as_one(mirrored, workers, name):
    for seen in workers:
        assert_near(mirrored[name], seen[name])


def test_two_processes_hold_the_same_bits(workers):
    for name, arrays in workers[0].items():
        for path, value in arrays.items():
            if path != "facts":
                np.testing.assert_array_equal(workers[1][name][path], value, err_msg=path)


def test_only_the_first_process_writes(workers):
    chiefs = [seen["frozen"]["facts"][:3].tolist() for seen in workers]
    assert chiefs == [[1, 0, 2], [0, 1, 2]]


def test_one_device_needs_nothing():
    one = open_strategy(Execution())
    assert (one.replicas, one.workers, one.is_chief) == (1, 1, True)
    assert one is open_strategy(Execution(xla=True))
    one.barrier()
    with one.scope():
        pass


def test_a_missing_cluster_is_an_error_that_shows_one(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match=r"needs TF_CONFIG .* found jobs \[\]"):
        open_strategy(Execution(devices="multi_worker"))
