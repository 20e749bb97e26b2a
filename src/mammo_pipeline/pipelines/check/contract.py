"""The data contract: Great Expectations over the table of images, result kept as plain data."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mammo_pipeline.pipelines.check.parameters import CheckParameters


def write_contract(parameters: CheckParameters) -> list[tuple[str, dict[str, Any], str, str]]:
    """Returns the contract: expectation, its arguments, severity, and what it is for."""
    low, high = parameters.spacing_mm
    youngest, oldest = parameters.age_years
    rarest, commonest = parameters.cancer_share
    must, may = "critical", "warning"
    return [
        ("ExpectColumnValuesToNotBeNull", {"column": c}, must, f"Every image states its {c}.")
        for c in ("image_id", "exam_id", "patient_id", "laterality", "view", "device", "cancer")
    ] + [
        (
            "ExpectColumnValuesToBeUnique",
            {"column": "image_id"},
            must,
            "No image is counted twice.",
        ),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "laterality", "value_set": ["L", "R"]},
            must,
            "A breast is left or right.",
        ),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "view", "value_set": ["CC", "MLO"]},
            must,
            "Only whole-breast views are read.",
        ),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "cancer", "value_set": [0, 1]},
            must,
            "The outcome is pathology: 0 or 1.",
        ),
        (
            "ExpectColumnMeanToBeBetween",
            {"column": "cancer", "min_value": rarest, "max_value": commonest},
            must,
            "The share of cancers is credible: both outcomes are there.",
        ),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "row_spacing_mm", "min_value": low, "max_value": high},
            must,
            "A pixel has a credible size.",
        ),
        (
            "ExpectColumnPairValuesToBeEqual",
            {"column_A": "row_spacing_mm", "column_B": "column_spacing_mm"},
            may,
            "Pixels are square.",
        ),
        (
            "ExpectColumnValuesToBeBetween",
            {"column": "age", "min_value": youngest, "max_value": oldest},
            may,
            "Ages are those of screened women.",
        ),
        (
            "ExpectColumnValuesToNotBeNull",
            {"column": "age"},
            may,
            "Ages are stated, for the subgroups.",
        ),
        (
            "ExpectColumnValuesToNotBeNull",
            {"column": "density"},
            may,
            "Densities are stated, for the subgroups.",
        ),
    ]


def validate_images(images: pd.DataFrame, parameters: CheckParameters) -> list[dict[str, Any]]:
    """Returns one row an expectation: what it is for, severity, whether it held, how often not.

    The context lives in memory and keeps no value of any row: Great Expectations would store the
    unexpected values themselves.
    """
    import great_expectations as gx
    import great_expectations.expectations as gxe

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
        _row(rule, results[_identity(suite.expectations[place].configuration)])
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
                "n": len(outcome),
            }
        )
    return rows


def _plain(images: pd.DataFrame) -> pd.DataFrame:
    return images.astype({"cancer": "float64"})


def _identity(configuration: Any) -> str:
    arguments = {k: str(v) for k, v in configuration.kwargs.items() if k != "batch_id"}
    return f"{configuration.type}:{sorted(arguments.items())}"


def _row(rule: tuple[str, dict[str, Any], str, str], result: Any) -> dict[str, Any]:
    _, how, severity, words = rule
    found = result.result.get("unexpected_count")
    mean = result.result.get("observed_value")
    return {
        "rule": words,
        "severity": severity,
        "held": bool(result.success),
        "found": f"mean {mean:.4f}"
        if found is None and mean is not None
        else f"{found or 0} images",
        "expected": ", ".join(f"{name} {value}" for name, value in how.items()),
        "n": int(result.result.get("element_count", 0)),
    }
