"""How much memory the training has taken, and whose."""

from __future__ import annotations

import sys

BYTES_PER_MB = 1e6


def device_memory_mb() -> float:
    """Returns the most memory that the training has held so far: see `measure_memory`."""
    return measure_memory()[0]


def measure_memory() -> tuple[float, str]:
    """Returns (MB, what was measured): the accelerator's peak where there is one, else ours.

    A peak never falls: the first epoch that shows it is the one that took it. On a CPU it is the
    largest resident set of the whole process, data and libraries included.
    """
    import keras

    read = {"tensorflow": _read_tensorflow, "jax": _read_jax}.get(keras.backend.backend())
    found = read() if read else None
    return found or (_read_process(), "process, peak resident")


def _read_tensorflow() -> tuple[float, str] | None:
    import tensorflow as tf

    devices = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    names = [name for name in devices if name.startswith("GPU:")]
    peaks = {n: tf.config.experimental.get_memory_info(n)["peak"] / BYTES_PER_MB for n in names}
    return _choose_fullest(peaks)


def _read_jax() -> tuple[float, str] | None:
    import jax

    # A CPU device has no statistics.
    found = {str(device): device.memory_stats() or {} for device in jax.local_devices()}
    peaks = {
        name: stats["peak_bytes_in_use"] / BYTES_PER_MB
        for name, stats in found.items()
        if "peak_bytes_in_use" in stats
    }
    return _choose_fullest(peaks)


def _choose_fullest(peaks: dict[str, float]) -> tuple[float, str] | None:
    """Returns the device that comes first to its limit, None where there is none.

    >>> _choose_fullest({"GPU:0": 10.0, "GPU:1": 12.0}), _choose_fullest({})
    ((12.0, 'GPU:1, peak'), None)
    """
    if not peaks:
        return None
    name = max(peaks, key=lambda device: peaks[device])
    return peaks[name], f"{name}, peak"


def _read_process() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes (getrusage(2)).
    return peak * (1 if sys.platform == "darwin" else 1024) / BYTES_PER_MB
