"""The page says which way was chosen, by which rule, and what each member adds."""

from __future__ import annotations

import copy

import pytest

from mammo_pipeline.reporting.audit import ensemble as sections
from mammo_pipeline.reporting.page import render_page


def figure(value, low=None, high=None, reason=None):
    how = "improvement over the best single member"
    return {"value": value, "low": low, "high": high, "n": 90, "how": how, "reason": reason}


def candidate(method, flips=("none",), reason=None, within=True, chosen=False, loss=0.2):
    known = loss if reason is None else None
    return {
        "method": method,
        "flips": list(flips),
        "log_loss": figure(known, known, known, reason),
        "behind": figure(known, known, known, reason),
        "standard_error": 0.01,
        "reason": reason,
        "within": within,
        "chosen": chosen,
    }


RECORD = {
    "members": [
        {"name": "trial-001", "weight": 0.75, "sha256": "ab" * 32},
        {"name": "trial-002", "weight": 0.25, "sha256": "cd" * 32},
    ],
    "combination": {"method": "greedy", "intercept": 0.0, "reference": None},
    "flips": ["none", "up_down"],
    "aggregation": "mean",
    "note": "Chosen on tune.",
    "selection": {
        "candidates": [
            candidate("best_single", within=False, loss=0.31),
            candidate("greedy", ("none", "up_down"), chosen=True),
            candidate("stacked", reason="every member weight 0"),
        ],
        "metric": "log_loss",
        "folds": 5,
        "rule": "The simplest within one standard error.",
        "best": {"method": "greedy", "flips": ["none", "up_down"]},
        "chosen": {"method": "greedy", "flips": ["none", "up_down"]},
        "gain": figure(0.11, 0.05, 0.17),
        "n": 90,
        "positives": 9,
        "patients": 45,
        "note": None,
    },
    "diversity": {
        "names": ["trial-001", "trial-002", "trial-003"],
        "errors": [[1.0, 0.5, -0.25], [0.5, 1.0, None], [-0.25, None, 1.0]],
        "ranks": [[1.0, 0.4, 0.1], [0.4, 1.0, 0.2], [0.1, 0.2, 1.0]],
        "mean_errors": 0.125,
        "mean_ranks": 0.2333,
        "n": 90,
        "how": {"errors": "Pearson", "ranks": "within class"},
    },
    "gains": [
        {"name": "trial-001", "weight": 0.75, "gain": figure(0.02, 0.01, 0.03)},
        {"name": "trial-002", "weight": 0.25, "gain": figure(-0.01, -0.02, 0.0)},
    ],
}


def test_the_choice_is_shown_with_rule_interval_and_n():
    section = sections.show_ensemble(RECORD)
    for words in ("0.110 (0.050 to 0.170)", "n = 90", "one standard error", "flips none and up"):
        assert words in section["text"]
    ways, members = section["table"]
    assert "90 tune breasts of 45 patients, 9 with cancer, 5 folds" in ways["caption"]
    outcomes = [row[-1] for row in ways["rows"]]
    assert outcomes[0] == "worse than the best"
    assert outcomes[1] == {"state": "passed", "text": "chosen"}
    assert outcomes[2] == "every member weight 0"
    assert [row[1] for row in members["rows"]] == [0.75, 0.25]
    assert members["rows"][0][2]["low"] == 0.01


def test_diversity_is_drawn_and_told_and_an_undefined_pair_is_no_error():
    section = sections.show_diversity(RECORD)
    assert "0.12" in section["text"] and "0.23" in section["text"]
    assert len(section["chart"]) == 2
    assert "-0.25" in section["chart"][0] or "−0.25" in section["chart"][0]
    assert section["table"]["rows"][1][3] is None


def test_the_sections_stand_on_a_page():
    report = {"title": "t", "sections": [sections.show_ensemble(RECORD)]}
    report["sections"].append(sections.show_diversity(RECORD))
    html = render_page(report)
    assert "best single member" in html and "Correlation of errors" in html


def test_one_member_alone_has_no_chart_and_no_gain():
    record = copy.deepcopy(RECORD)
    record["members"] = record["members"][:1]
    record["gains"] = [
        {"name": "trial-001", "weight": 1.0, "gain": figure(None, reason="it is the only member")}
    ]
    record["diversity"] |= {"names": ["trial-001"], "errors": [[1.0]], "mean_errors": None}
    section = sections.show_diversity(record)
    assert "chart" not in section
    assert "no figure" in section["text"]
    html = render_page({"title": "t", "sections": [sections.show_ensemble(record), section]})
    assert "it is the only member" in html


def test_a_table_of_others_scores_without_digests_is_shown_too():
    record = copy.deepcopy(RECORD)
    del record["note"]
    for member in record["members"]:
        del member["sha256"]
    assert sections.show_ensemble(record)["table"][1]["rows"][0][3] is None


@pytest.mark.parametrize("gain", [figure(None, reason="the best single member itself was chosen")])
def test_no_gain_is_told_with_its_reason(gain):
    record = copy.deepcopy(RECORD)
    record["selection"]["gain"] = gain
    assert "the best single member itself was chosen" in sections.show_ensemble(record)["text"]
