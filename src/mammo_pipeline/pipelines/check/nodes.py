"""Room `check`: the contract on the images, its page, and the split by patient."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.mammo.split import SIDES, split_patients
from mammo_pipeline.pipelines.check.parameters import CheckParameters

log = logging.getLogger(__name__)


class ContractError(ValueError):
    """The images broke a critical rule of the contract."""


def check_contract(images: pd.DataFrame, parameters: CheckParameters) -> dict[str, Any]:
    """Returns the contract's result as plain data; it is saved before anything may stop the run."""
    from mammo_pipeline.pipelines.check.contract import count_patients, validate_images

    rules = validate_images(images, parameters)
    rules += count_patients(images, parameters.minimum_patients)
    broken = [rule for rule in rules if not rule["held"]]
    return {
        "passed": not any(rule["severity"] == "critical" for rule in broken),
        "broken": len(broken),
        "images": len(images),
        "rules": rules,
    }


def write_contract_page(
    contract: dict[str, Any], files: pd.DataFrame, label_counts: dict[str, int]
) -> dict[str, Any]:
    """Returns the page on the contract and on what became of every file and label."""
    return {
        "title": "Data check",
        "subtitle": "The contract that the images keep, and the fate of every file.",
        "verdict": {
            "state": "passed" if contract["passed"] else "failed",
            "text": f"{contract['broken']} of {len(contract['rules'])} rules are broken.",
        },
        "facts": {
            "files found": str(len(files)),
            "images accepted": str(contract["images"]),
            "label rows": str(label_counts["labels"]),
            "label rows without an image": str(label_counts["labels_without_image"]),
            "of these with cancer": str(label_counts["cancers_without_image"]),
        },
        "sections": [_rule_section(contract), _fate_section(files)],
    }


def _rule_section(contract: dict[str, Any]) -> dict[str, Any]:
    names = ("rule", "severity", "result", "expected", "found", "n")
    rules = [{**r, "result": "held" if r["held"] else "BROKEN"} for r in contract["rules"]]
    return {
        "title": "Contract",
        "text": "Great Expectations ran each rule over the table of accepted images. A broken "
        "critical rule stops the run before any pixel is read.",
        "table": {
            "columns": [name.capitalize() if name != "n" else name for name in names],
            "rows": [[rule[name] for name in names] for rule in rules],
            "note": "n is the number of images, or of patients in the last two rows.",
        },
    }


def _fate_section(files: pd.DataFrame) -> dict[str, Any]:
    fates = files.groupby(["fate", "reason", "tag", "remedy"], dropna=False).size()
    return {
        "title": "Fate of every file",
        "text": "Each file has one row in the table of files; the rows are counted here.",
        "table": {
            "columns": ["Fate", "Reason", "Attribute", "Remedy", "Files"],
            "rows": [[*map(str, which), int(n)] for which, n in fates.items()],
            "note": f"The counts add up to {len(files)} files found.",
        },
    }


def split_images(
    images: pd.DataFrame,
    contract: dict[str, Any],
    page: dict[str, Any],
    parameters: CheckParameters,
) -> pd.DataFrame:
    """Returns `cohort`: the images with their side; it waits until the contract's page is written.

    Raises:
        ContractError: A critical rule of the contract is broken; the page says which.
    """
    if not contract["passed"]:
        broken = [r for r in contract["rules"] if not r["held"] and r["severity"] == "critical"]
        named = "; ".join(f"{r['rule']} Found {r['found']}." for r in broken)
        raise ContractError(
            f"The images break the contract: {named} No pixel was read. Correct the label table or "
            "the folder, or the bounds in the parameters of `check` if the study is really so. "
            f"See {page['page']}."
        )
    rng = np.random.default_rng(parameters.seed)
    cohort = images.assign(side=split_patients(images, parameters.shares.model_dump(), rng))
    log.info(_closing(cohort, contract, page["page"]))
    return cohort


def _closing(cohort: pd.DataFrame, contract: dict[str, Any], page: str) -> str:
    rows = {"contract": f"kept, {contract['broken']} warnings of {len(contract['rules'])} rules"}
    for side in SIDES:
        part = cohort[cohort["side"] == side]
        breasts = part.groupby(["exam_id", "laterality"])["cancer"].max()
        rows[side] = (
            f"{part['patient_id'].nunique()} patients, {len(part)} images, "
            f"{len(breasts)} breasts of which {int(breasts.sum())} with cancer"
        )
    return closing_block("check", rows, page, next_command="kedro run --pipelines standardize")
