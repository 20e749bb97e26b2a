"""The data contract: Great Expectations over the table of images, result kept as plain data."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from mammo_pipeline.pipelines.check.parameters import CheckParameters

Rule = tuple[str, dict[str, Any], str, str]
STATED = ("image_id", "exam_id", "patient_id", "laterality", "view", "device", "cancer")
MUST, MAY = "critical", "warning"


def write_contract(parameters: CheckParameters) -> list[Rule]:
    """Returns the contract: expectation, its arguments, severity, and what it is for."""
    within, mean = "ExpectColumnValuesToBeBetween", "ExpectColumnMeanToBeBetween"
    stated, unique = "ExpectColumnValuesToNotBeNull", "ExpectColumnValuesToBeUnique"
    one_of, equal = "ExpectColumnValuesToBeInSet", "ExpectColumnPairValuesToBeEqual"
    sides, views = {"value_set": ["L", "R"]}, {"value_set": ["CC", "MLO"]}
    share, years, size = parameters.cancer_share, parameters.age_years, parameters.spacing_mm
    square = {"column_A": "row_spacing_mm", "column_B": "column_spacing_mm"}
    return [
        *((stated, {"column": c}, MUST, f"Every image states its {c}.") for c in STATED),
        (unique, {"column": "image_id"}, MUST, "No image is counted twice."),
        (one_of, {"column": "laterality", **sides}, MUST, "A breast is left or right."),
        (one_of, {"column": "view", **views}, MUST, "Only whole-breast views are read."),
        (one_of, {"column": "cancer", "value_set": [0, 1]}, MUST, "The outcome is 0 or 1."),
        (mean, _between("cancer", share), MUST, "The share of cancers is credible."),
        (within, _between("row_spacing_mm", size), MUST, "A pixel has a credible size."),
        (equal, square, MAY, "Pixels are square."),
        (within, _between("age", years), MAY, "Ages are those of screened women."),
        (stated, {"column": "age"}, MAY, "Ages are stated, for the subgroups."),
        (stated, {"column": "density"}, MAY, "Densities are stated, for the subgroups."),
    ]


def _between(column: str, bounds: tuple[float, float]) -> dict[str, Any]:
    return {"column": column, "min_value": bounds[0], "max_value": bounds[1]}


def validate_images(images: pd.DataFrame, parameters: CheckParameters) -> list[dict[str, Any]]:
    """Returns one row an expectation: what it is for, severity, whether it held, how often not.

    The context lives in memory and keeps no value of any row: Great Expectations would store the
    unexpected values themselves.
    """
    import great_expectations as gx
    import great_expectations.expectations as gxe

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    source = context.data_sources.add_pandas("study")
    batch = source.add_dataframe_asset("images").add_batch_definition_whole_dataframe("all")
    contract = write_contract(parameters)
    suite = gx.ExpectationSuite(
        name="images",
        expectations=[
            getattr(gxe, kind)(**how, severity=level) for kind, how, level, _ in contract
        ],
    )
    definition = gx.ValidationDefinition(name="images", data=batch, suite=suite)
    context.suites.add(suite)
    outcome = definition.run(
        batch_parameters={"dataframe": _plain(images)},
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": 0},
    )
    results = {_identity(r.expectation_config): r for r in outcome.results}
    return [
        _row(rule, results[_identity(suite.expectations[place].configuration)], len(images))
        for place, rule in enumerate(contract)
    ]


def count_patients(images: pd.DataFrame, minimum: int) -> list[dict[str, Any]]:
    """Returns two more rows of the contract: enough patients with and without cancer."""
    outcome = images.groupby("patient_id")["cancer"].max()
    rows = []
    for value, words in ((1, "with cancer"), (0, "without cancer")):
        n = int((outcome == value).sum())
        rows.append(
            {
                "rule": f"At least {minimum} patients {words}.",
                "severity": "critical",
                "held": n >= minimum,
                "found": f"{n} patients",
                "expected": f"{minimum} or more",
                "n": len(outcome),
            }
        )
    return rows


def _plain(images: pd.DataFrame) -> pd.DataFrame:
    return images.astype({"cancer": "float64"})


def _identity(configuration: Any) -> str:
    arguments = {k: str(v) for k, v in configuration.kwargs.items() if k != "batch_id"}
    return f"{configuration.type}:{sorted(arguments.items())}"


def _say_bounds(how: dict[str, Any]) -> str:
    if "min_value" in how:
        return f"{how['min_value']:g} to {how['max_value']:g}"
    return " or ".join(map(str, how.get("value_set", [])))


def _row(rule: Rule, result: Any, n: int) -> dict[str, Any]:
    _, how, severity, words = rule
    found = result.result.get("unexpected_count")
    mean = result.result.get("observed_value")
    return {
        "rule": words,
        "severity": severity,
        "held": bool(result.success),
        "found": f"mean {mean:.4f}" if found is None else f"{found} images break it",
        "expected": _say_bounds(how),
        "n": n,
    }
