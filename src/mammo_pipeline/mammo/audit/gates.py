"""The audit's verdict: a table of gates, each passed, failed or not judged, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mammo_pipeline.mammo.gate import judge_rule

PASS, FAIL, OPEN = "pass", "fail", "not judged"
CHANCE = 0.5
# Of fewer women Silverman's test sees hardly any second mode.
FEWEST_FOR_MODES = 40


@dataclass(frozen=True)
class AuditBounds:
    """What the standardized images must keep.

    Attributes:
        geometry_high: Widest upper limit at which an interval around chance still proves something
            for the geometry; above it there are too few women, and the gate is not judged.
        statistics_high: Upper limit of the interval of the probe on statistics.
        network_high: Upper limit of the interval of the probe on the frozen net.
        scale_percent: Scale of a device, from the same woman, either way.
        most_modes: Modes of a feature, pooled over devices.
    """

    geometry_high: float
    statistics_high: float
    network_high: float
    scale_percent: float
    most_modes: int


def judge_audit(audit: Mapping[str, Any], bounds: AuditBounds) -> list[dict[str, Any]]:
    """Returns the gates in order: {name, state, found, bound, reason}.

    What was not measured is not judged, and says so.

    Args:
        audit: `probes` ({geometry, statistics, network}: {"after": a probe's record}), `scales`
            (size to device to record, `same_woman.estimate_scales`), `modes` (feature to record of
            the standardized images, `modes.count_modes_by_feature`).
        bounds: What must be kept.
    """
    probes = {name: record["after"] for name, record in audit["probes"].items()}
    return [
        _judge_chance(probes["geometry"], bounds.geometry_high),
        _judge_upper_limit("statistics", probes["statistics"], bounds.statistics_high),
        _judge_upper_limit("network", probes["network"], bounds.network_high),
        *_judge_scales(audit["scales"], bounds.scale_percent),
        *(_judge_modes(name, found, bounds.most_modes) for name, found in audit["modes"].items()),
    ]


def _gate(name: str, state: str, found: Any, bound: str, reason: str) -> dict[str, Any]:
    return {"name": name, "state": state, "found": found, "bound": bound, "reason": reason}


def _word_interval(record: Mapping[str, Any]) -> str:
    return f"{record['auc']:.3f} ({record['low']:.3f} to {record['high']:.3f})"


def _judge_chance(record: Mapping[str, Any], widest: float) -> dict[str, Any]:
    """Returns the gate of geometry: its interval holds chance, and is narrow enough to mean it.

    An interval wholly below chance shows no leak either: a classifier that leaks is right too
    often, never too seldom.
    """
    name, bound = "geometry probe", f"interval holds {CHANCE}, upper limit <= {widest:g}"
    if record["auc"] is None or record["low"] is None:
        return _gate(name, OPEN, None, bound, f"not probed: {record.get('reason', 'no interval')}")
    found = _word_interval(record)
    if record["low"] > CHANCE:
        reason = f"AUC {found}: the frame still tells the device; look at the leading features"
        return _gate(name, FAIL, found, bound, reason)
    if record["high"] > widest:
        reason = f"AUC {found} holds chance for want of women: {record['patients']} are too few"
        return _gate(name, OPEN, found, bound, reason)
    return _gate(name, PASS, found, bound, f"AUC {found} cannot be told from chance")


def _judge_upper_limit(name: str, record: Mapping[str, Any], highest: float) -> dict[str, Any]:
    """Returns the gate of a probe whose interval's upper limit is bounded: luck does not pass."""
    bound = f"upper limit <= {highest:g}"
    if record["auc"] is None or record["low"] is None:
        reason = f"not probed: {record.get('reason', 'no interval')}"
        return _gate(f"{name} probe", OPEN, None, bound, reason)
    rule = {"name": f"upper limit of the {name} probe", "bound": highest, "direction": "at_most"}
    told = judge_rule(rule, record["high"])
    state = PASS if told["passed"] else FAIL
    return _gate(f"{name} probe", state, _word_interval(record), bound, told["reason"])


def _judge_scales(scales: Mapping[str, Any], most: float) -> list[dict[str, Any]]:
    return [
        _judge_scale(f"scale of {device} by {size}", record, most)
        for size, devices in scales.items()
        for device, record in devices.items()
    ]


def _judge_scale(name: str, record: Mapping[str, Any], most: float) -> dict[str, Any]:
    """Returns the gate of one device's scale.

    It passes where the whole interval lies within the bound, fails where the estimate lies beyond
    it and the interval excludes 0; between the two there are too few women to say.
    """
    bound = f"within {most:g} % either way"
    if record["percent"] is None:
        return _gate(name, OPEN, None, bound, record["reason"])
    percent, low, high = record["percent"], record["low"], record["high"]
    found = f"{percent:+.2f} % ({low:+.2f} to {high:+.2f}), {record['women']} women"
    if max(abs(low), abs(high)) <= most:
        return _gate(name, PASS, found, bound, f"{found}: within the bound")
    if abs(percent) > most and (low > 0 or high < 0):
        reason = f"{found}: the same breasts come out {'larger' if percent > 0 else 'smaller'}"
        return _gate(name, FAIL, found, bound, reason)
    return _gate(name, OPEN, found, bound, f"{found}: too few women to say")


def _judge_modes(name: str, record: Mapping[str, Any], most: int) -> dict[str, Any]:
    modes, n = record["modes"], record["n"]
    found = f"{modes} (n = {n})"
    bound = f"<= {most}"
    name = f"modes of {name}"
    if record.get("how") == "one value":
        return _gate(name, OPEN, found, bound, "the same value for every image: nothing to judge")
    if n < FEWEST_FOR_MODES:
        reason = f"{n} women are too few; expected {FEWEST_FOR_MODES}"
        return _gate(name, OPEN, found, bound, reason)
    tests = ", ".join(f"{k}: p = {p:.3f}" for k, p in enumerate(record["p_values"], 1))
    state = PASS if modes <= most else FAIL
    return _gate(name, state, found, bound, f"{modes} found; {tests}")
