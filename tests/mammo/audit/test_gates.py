"""A gate passes on proof, fails on a leak, and says so where neither can be had."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.audit.gates import AuditBounds, judge_audit

BOUNDS = AuditBounds(
    geometry_high=0.6, statistics_high=0.65, network_high=0.65, scale_percent=1.0, most_modes=1
)


def probe(auc: float | None, half: float = 0.03) -> dict:
    if auc is None:
        return {"after": {"auc": None, "low": None, "high": None, "reason": "only one device"}}
    return {"after": {"auc": auc, "low": auc - half, "high": auc + half, "patients": 240}}


def scale(percent: float | None, half: float = 0.2) -> dict:
    if percent is None:
        return {"percent": None, "low": None, "high": None, "women": 2, "reason": "cannot be"}
    ends = {"low": percent - half, "high": percent + half}
    return {"percent": percent, **ends, "women": 20, "reason": None}


def audit(geometry=0.5, statistics=0.55, network=0.55, percent=0.1, modes=1, **halves) -> dict:
    tested = {"modes": modes, "n": 240, "p_values": [0.0] * (modes - 1) + [0.4]}
    return {
        "probes": {
            "geometry": probe(geometry, halves.get("geometry_half", 0.03)),
            "statistics": probe(statistics),
            "network": probe(network),
        },
        "scales": {"breast_mm2": {"A": scale(percent, halves.get("scale_half", 0.2))}},
        "modes": {"tissue_share": tested},
    }


def states(**found) -> list[str]:
    return [gate["state"] for gate in judge_audit(audit(**found), BOUNDS)]


def test_a_clean_audit_passes_every_gate():
    gates = judge_audit(audit(), BOUNDS)
    assert [gate["state"] for gate in gates] == ["pass"] * 5


@pytest.mark.parametrize(
    ("leak", "gate"),
    [
        ({"geometry": 0.56}, 0),
        ({"statistics": 0.63}, 1),  # 0.63 itself is below 0.65, its upper limit is not
        ({"network": 0.7}, 2),
        ({"percent": 2.0}, 3),
        ({"percent": -2.0}, 3),
        ({"modes": 2}, 4),
    ],
)
def test_each_leak_fails_its_own_gate_and_the_audit(leak, gate):
    assert states(**leak) == ["fail" if number == gate else "pass" for number in range(5)]


def test_chance_for_want_of_women_proves_nothing():
    assert states(geometry=0.5, geometry_half=0.2)[0] == "not judged"


def test_an_auc_above_chance_whose_interval_holds_chance_passes():
    assert states(geometry=0.52)[0] == "pass"


def test_an_interval_below_chance_is_no_leak():
    assert states(geometry=0.45)[0] == "pass"


def test_a_scale_that_may_be_either_is_not_judged():
    assert states(percent=0.8, scale_half=0.5)[3] == "not judged"
    assert states(percent=1.2, scale_half=1.5)[3] == "not judged"
    assert states(percent=None)[3] == "not judged"


def test_a_small_but_certain_scale_within_the_bound_passes():
    assert states(percent=0.4, scale_half=0.1)[3] == "pass"


def test_one_device_is_not_judged_and_so_not_passed():
    gates = judge_audit(
        {
            "probes": {name: probe(None) for name in ("geometry", "statistics", "network")},
            "scales": {},
            "modes": {},
        },
        BOUNDS,
    )
    assert {gate["state"] for gate in gates} == {"not judged"}
    assert all(gate["state"] == "not judged" for gate in gates)


def test_every_gate_says_what_was_found_and_what_was_asked():
    for gate in judge_audit(audit(geometry=0.7, percent=3.0), BOUNDS):
        assert list(gate) == ["name", "state", "found", "bound", "reason"]
        assert gate["found"] and gate["bound"] and len(gate["reason"]) > 10


@pytest.mark.parametrize("told", [{"n": 39}, {"how": "one value"}])
def test_modes_of_few_women_or_of_one_value_are_not_judged(told):
    record = audit()
    record["modes"]["tissue_share"] |= told
    last = judge_audit(record, BOUNDS)[-1]
    assert last["state"] == "not judged"
    assert last["name"] == "modes of tissue_share"
