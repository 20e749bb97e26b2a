from types import SimpleNamespace

import pytest

from mammo_pipeline.mammo.ladder import memory


def test_memory_on_a_cpu_is_that_of_the_process():
    found, whose = memory.measure_memory()
    assert whose == "process, peak resident"
    assert memory.device_memory_mb() >= found > 50


@pytest.fixture
def tensorflow_with_two_gpus(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    devices = [SimpleNamespace(name=f"/device:{name}") for name in ("CPU:0", "GPU:0", "GPU:1")]
    peaks = {"GPU:0": {"peak": 3e9}, "GPU:1": {"peak": 5e9}}
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", peaks.__getitem__)


def test_memory_on_gpus_is_that_of_the_fullest(tensorflow_with_two_gpus):
    assert memory._read_tensorflow() == (5000.0, "GPU:1, peak")


def test_memory_on_jax_is_what_its_devices_state(monkeypatch):
    jax = pytest.importorskip("jax")
    states = [None, {"peak_bytes_in_use": 2_000_000}]
    devices = [SimpleNamespace(memory_stats=lambda s=s: s) for s in states]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)
    found = memory._read_jax()
    assert found is not None and found[0] == 2.0
