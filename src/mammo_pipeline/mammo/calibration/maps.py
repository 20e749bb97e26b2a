"""A calibration map applied: from logit to calibrated logit; plain numbers, no pickled object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Map = Mapping[str, Any]


def _bend_by_beta(fitted: Map, logits: np.ndarray) -> np.ndarray:
    # -logaddexp(0, -x) is log p and -logaddexp(0, x) is log(1 - p), for any logit without overflow.
    return (
        fitted["b"] * np.logaddexp(0, logits) - fitted["a"] * np.logaddexp(0, -logits) + fitted["c"]
    )


MAPS: dict[str, Callable[[Map, np.ndarray], np.ndarray]] = {
    "identity": lambda _, x: x.copy(),
    "platt": lambda m, x: m["slope"] * x + m["intercept"],
    "temperature": lambda m, x: x / m["temperature"],
    "beta": _bend_by_beta,
    "isotonic": lambda m, x: np.interp(x, m["logits"], m["calibrated"]),
}


def apply_map(fitted: Map, logits: ArrayLike) -> np.ndarray:
    """Returns the calibrated logits of one map, float64, in the shape of `logits`.

    identity: x; platt: slope x + intercept (Platt 1999); temperature: x / T (Guo et al. 2017);
    beta: a log p - b log(1 - p) + c with p = expit(x) (Kull et al. 2017); isotonic: straight
    between knots, held flat beyond the ends. Every map is monotone, so breasts keep their order;
    isotonic makes ties.

    Args:
        fitted: What a function of `fit.FITS` returned: "method" and its numbers.
        logits: Uncalibrated logits, any shape.

    Raises:
        ValueError: The method is unknown.

    >>> apply_map({"method": "platt", "slope": 2.0, "intercept": -1.0}, [0.5]).tolist()
    [0.0]
    >>> apply_map({"method": "isotonic", "logits": [0, 1], "calibrated": [-1, 1]}, [9]).tolist()
    [1.0]
    """
    if fitted.get("method") not in MAPS:
        raise ValueError(
            f"unknown calibration {fitted.get('method')!r}; expected one of {', '.join(MAPS)}."
        )
    return MAPS[fitted["method"]](fitted, np.asarray(logits, float))


def apply_calibration(
    calibration: Mapping[str, Any], logits: ArrayLike, devices: ArrayLike | None = None
) -> np.ndarray:
    """Returns the calibrated logits; `expit` of them is the probability of cancer.

    Args:
        calibration: The record of `choose.choose_calibration`: "scope", "pooled", "by_device".
        logits: Uncalibrated logits of the ensemble, shape (n,).
        devices: The device of each row, shape (n,). A device without a map of its own, or no
            devices at all, gets the pooled map.

    Raises:
        ValueError: The record is not one of a choice, or devices and logits differ in number.

    >>> record = {"scope": "by_device", "pooled": {"method": "identity"}}
    >>> record["by_device"] = {"A": {"method": "temperature", "temperature": 2.0}}
    >>> apply_calibration(record, [4.0, 4.0], ["A", "B"]).tolist()
    [2.0, 4.0]
    """
    if not {"scope", "pooled", "by_device"} <= set(calibration):
        raise ValueError(
            f"a calibration record holds scope, pooled and by_device, found {sorted(calibration)}: "
            "run the room ensemble again."
        )
    logits = np.asarray(logits, float)
    calibrated = apply_map(calibration["pooled"], logits)
    if devices is None or not calibration["by_device"]:
        return calibrated
    devices = np.asarray(devices).astype(str)
    if devices.shape != logits.shape:
        raise ValueError(f"{devices.shape} devices for {logits.shape} logits; expected one each.")
    for device, fitted in calibration["by_device"].items():
        own = devices == device
        calibrated[own] = apply_map(fitted, logits[own])
    return calibrated


def is_rising(fitted: Map) -> bool:
    """Returns whether a higher logit means a higher probability somewhere, and a lower one nowhere.

    A map that does not rise was fitted to scores that rank no better than chance.

    >>> is_rising({"method": "platt", "slope": -0.1, "intercept": 0.0})
    False
    """
    ends = apply_map(fitted, fitted.get("logits", [-50.0, 50.0]))
    return bool((np.diff(ends) >= 0).all() and ends[-1] - ends[0] > 1e-9)
