"""Room `readers`: what a reader study says of its readers, its modalities and a model."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.mammo.readers.study import analyze_study
from mammo_pipeline.mammo.readers.table import arrange_study
from mammo_pipeline.pipelines.readers.parameters import ReadersParameters

log = logging.getLogger(__name__)


def analyze_readers(table: pd.DataFrame, parameters: ReadersParameters) -> dict[str, Any]:
    """Returns the record of the study: areas, means, differences, points, the model's place.

    Args:
        table: One row a reading: reader_id, case_id, cancer, modality, score, optionally
            patient_id; the rows of reader `model` are a model's.
        parameters: The room's parameters.

    Raises:
        ValueError: The table is no full study; the message says where.
    """
    return analyze_study(
        arrange_study(table),
        parameters.threshold,
        parameters.level,
        parameters.bootstrap_repeats,
        np.random.default_rng(parameters.seed),
    )


def write_reader_page(table: pd.DataFrame, record: dict[str, Any]) -> dict[str, Any]:
    """Returns the page of the study."""
    from mammo_pipeline.pipelines.readers import page

    study = arrange_study(table)
    sections = [page.show_means(record), page.show_differences(record), page.show_areas(record)]
    if record["points"]:
        sections.append(page.show_points(record, study))
    if record["model"]:
        sections.append(page.show_model(record))
    return {
        "title": "Reader study",
        "subtitle": "Research use only: not for any decision about a patient.",
        "verdict": {"state": "info", "text": page.state_result(record)},
        "facts": {
            "cases": record["count"]["cases"],
            "with cancer": record["count"]["positives"],
            "patients": record["count"]["patients"],
            "readers": record["count"]["readers"],
        },
        "sections": [*sections, page.tell_method(record)],
    }


def close_readers(record: dict[str, Any], reader_page: dict[str, Any]) -> None:
    """Logs the block with which the room ends; the page is loaded, so it has been written."""
    from mammo_pipeline.pipelines.readers.page import tell_difference
    from mammo_pipeline.reporting.page import show_figure

    count = record["count"]
    rows = {
        "study": f"{count['readers']} readers, {count['cases']} cases of {count['patients']} "
        f"patients, {count['positives']} with cancer"
    }
    for mean in record["means"]:
        rows[mean["modality"]] = f"mean AUROC {show_figure(mean['random']['figure'])}"
    for difference in record["differences"]:
        rows[difference["name"]] = tell_difference(difference["random"])
    if record["model"]:
        rows["model"] = f"AUROC {show_figure(record['model']['auroc'])}"
    log.info(closing_block("readers", rows, reader_page["page"]))
