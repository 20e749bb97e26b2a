"""The gates: judged in the room `evaluate`, whose page shows them, and obeyed here."""

from __future__ import annotations

from typing import Any

from mammo_pipeline.mammo.gate import judge_gate
from mammo_pipeline.pipelines.release.figures import collect_figures
from mammo_pipeline.pipelines.release.parameters import GateRule, ReleaseParameters


def judge_release(
    evaluation: dict[str, Any],
    device_audit: dict[str, Any],
    contract: dict[str, Any],
    parameters: ReleaseParameters,
) -> list[dict[str, Any]]:
    """Returns one verdict a rule, each with the reason of the rule beside its outcome."""
    figures = collect_figures(evaluation=evaluation, device_audit=device_audit, contract=contract)
    return [judge_one(rule, figures) for rule in parameters.gates]


def judge_one(rule: GateRule, figures: dict[str, float | None]) -> dict[str, Any]:
    """Returns the verdict of one rule.

    A figure that is stated as undefined, such as the device probe of a study with one device, is
    not judged where the rule allows it. A figure that nobody states never passes.
    """
    [verdict] = judge_gate([rule.model_dump()], figures)
    if rule.may_be_undefined and rule.name in figures and figures[rule.name] is None:
        reason = f"{rule.name} is undefined in this study, so it was not judged"
        verdict = {**verdict, "passed": True, "reason": reason}
    return verdict | {"why": rule.why}
