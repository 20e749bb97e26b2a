"""Room `check`: the contract that the tables keep, and its page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mammo_pipeline.mammo.contract.completeness import DAYS_A_YEAR
from mammo_pipeline.mammo.contract.summary import prevalence_by
from mammo_pipeline.mammo.exam import count_flow
from mammo_pipeline.pipelines.check.contract import check_rules, count_results
from mammo_pipeline.pipelines.check.facts import Facts, gather_facts
from mammo_pipeline.pipelines.check.parameters import CheckParameters
from mammo_pipeline.pipelines.check.rules import read_rules
from mammo_pipeline.pipelines.check.suites import write_suites
from mammo_pipeline.reporting.page import plain


def check_contract(
    images: pd.DataFrame,
    files: pd.DataFrame,
    lesions: pd.DataFrame,
    label_counts: dict[str, int],
    contract_rules: dict[str, Any],
    parameters: CheckParameters,
    near_duplicates: pd.DataFrame | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns (`contract`, its suites); both are saved before anything may stop the run.

    `contract` holds the result of every rule, the study's figures and what its page shows; no
    value of any row, and of names pseudonyms alone.

    Raises:
        RuleError: The table of rules cannot be read.
    """
    known = gather_facts(images, files, lesions, label_counts, parameters, near_duplicates)
    rules = read_rules(contract_rules, parameters, known.columns)
    results = check_rules(rules, known, parameters.level)
    counts = count_results(results)
    told = {
        "passed": counts["stop"] == 0,
        "broken": counts["broken"],
        "counts": counts,
        "images": len(images),
        "rules": results,
    }
    contract = told | describe_study(known, files, parameters.level)
    return plain(contract), write_suites(rules)


def describe_study(known: Facts, files: pd.DataFrame, level: float) -> dict[str, Any]:
    """Returns what the page shows beside the rules: flow, figures, and what devices bring."""
    from mammo_pipeline.pipelines.check import distributions, page

    images = known.tables["images"]
    images = images.assign(exam_years=images["exam_offset_days"].astype(float) / DAYS_A_YEAR)
    return {
        "flow": count_flow(files),
        "reasons": page.count_reasons(files),
        "study": known.figures,
        "completeness": distributions.count_patterns(known.tables["exams"], level),
        "modes": distributions.list_modes(known.modes),
        "prevalence": prevalence_by(images, "device", level),
        "associations": known.associations,
        "numbers": distributions.measure_devices(images),
        "words": distributions.tally_devices(images),
        "classes": known.classes.to_dict("records"),
    }


def write_contract_page(
    contract: dict[str, Any], images: pd.DataFrame, ingest_changes: dict[str, int] | None = None
) -> dict[str, Any]:
    """Returns the page on the contract, on the cohort's flow and on what each device brings."""
    from mammo_pipeline.pipelines.check import by_device, page

    sections = [
        page.show_flow(contract),
        page.show_broken(contract["rules"]),
        page.show_changes(ingest_changes),
        by_device.show_completeness(contract),
        by_device.show_modes(contract["modes"]),
        by_device.show_association(contract),
        by_device.show_numbers(contract, images),
        by_device.show_words(contract),
        by_device.show_classes(contract),
        page.show_rules(contract["rules"]),
    ]
    return {
        "title": "Data check",
        "subtitle": "Whether the study is what it says it is, before a pixel is read for training.",
        "verdict": page.state_verdict(contract),
        "facts": page.list_facts(contract),
        "sections": [section for section in sections if section],
    }
