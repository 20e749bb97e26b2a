"""One record says what rang, what did not, and what could not be measured."""

from __future__ import annotations

import json

import pytest

from mammo_pipeline.mammo.shortcuts.injection import VERDICTS
from mammo_pipeline.mammo.shortcuts.verdict import ShortcutBounds, judge_shortcuts

BOUNDS = ShortcutBounds()


def make_figure(low: float) -> dict:
    return {"value": low + 0.05, "low": low, "high": low + 0.1, "n": 9, "how": "", "reason": None}


def make_parts(label=0.5, lean=0.0, used=False, masked=0.45, gap=-0.05, gain="equal") -> dict:
    """The four records, each just as loud as asked."""
    part = {"label": {"both": make_figure(label)}, "score": {"lean": make_figure(lean)}}
    probe = {"auc": 0.9, "low": 0.8, "high": 0.95, "images": 9, "how": ""}
    embedding = {
        "source": "device",
        "probe": {"all": probe, "without_cancer": probe},
        "use": {"eta2": 0.1},
        "alarmed": used,
        "bound": 0.6,
        "words": "w",
        "verdict": "v",
    }
    verdict, alarmed, words = next(row for row in VERDICTS.values() if row[0] == gain)
    added = {"gain": {"between": make_figure(0.1)}, "min_gain": 0.02}
    return {
        "metadata": {"without_age": part, "with_age": part},
        "embedding": {"device": embedding},
        "masking": {
            name: {"auc": make_figure(masked), "leaves": ""}
            for name in ("breast_blanked", "border_only", "corners_only")
        },
        "injection": {
            "parted": {"gap": make_figure(gap)},
            "added": added | {"alarmed": alarmed, "words": words, "verdict": verdict},
        },
    }


def rung(**options) -> list[str]:
    record = judge_shortcuts(**make_parts(**options), bounds=BOUNDS)
    assert record["alarmed"] == sum(alarm["alarmed"] is True for alarm in record["alarms"])
    json.dumps(record)
    return [alarm["name"] for alarm in record["alarms"] if alarm["alarmed"]]


def test_a_quiet_study_rings_nothing():
    assert rung() == []


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"label": 0.7}, ["metadata tell the outcome"]),
        ({"label": 0.7, "lean": 0.3}, ["metadata tell the outcome", "score leans on metadata"]),
        ({"used": True}, ["embedding tells the device, and the score uses it"]),
        ({"gap": 0.1}, ["AUC between sources exceeds AUC within"]),
        ({"gain": "shortcut"}, ["an added source gains between sources only"]),
        ({"gain": "partly a shortcut"}, ["an added source gains between sources only"]),
    ],
)
def test_each_finding_rings_its_own_alarm(options, names):
    assert rung(**options) == names


def test_masks_ring_one_by_one():
    assert len(rung(masked=0.6)) == 3


def test_a_score_that_leans_on_what_does_not_tell_the_outcome_is_no_shortcut():
    record = judge_shortcuts(**make_parts(label=0.5, lean=0.4), bounds=BOUNDS)
    lean = next(a for a in record["alarms"] if a["name"] == "score leans on metadata")
    assert lean["alarmed"] is False
    assert "do not tell the outcome" in lean["words"]


def test_an_alarm_needs_the_lower_end_above_its_bound_not_the_value():
    assert rung(label=0.54) == []
    assert rung(label=0.56) == ["metadata tell the outcome"]


def test_what_was_not_measured_is_neither_quiet_nor_loud():
    reason = {"reason": "cannot be estimated, n = 3"}
    record = judge_shortcuts(reason, {"device": reason}, reason, {"parted": reason}, BOUNDS)
    assert record["alarmed"] == 0
    assert record["unmeasured"] == len(record["alarms"]) == 8
    words = [alarm["words"] for alarm in record["alarms"]]
    assert words[:-1] == ["cannot be estimated, n = 3"] * 7
    assert words[-1] == "no earlier model to compare with"
    assert record["alarms"][-1]["bound"] is None


def test_a_probe_without_interval_is_not_called_quiet():
    parts = make_parts()
    silent = {"auc": None, "low": None, "high": None, "reason": "only one device"}
    parts["embedding"]["device"]["probe"]["without_cancer"] = silent
    record = judge_shortcuts(**parts, bounds=BOUNDS)
    alarm = next(a for a in record["alarms"] if a["name"].startswith("embedding"))
    assert alarm["alarmed"] is None
    assert alarm["words"] == "only one device"
