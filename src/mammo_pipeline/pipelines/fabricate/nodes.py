"""Makes up a screening archive with labels and truth, and a later cohort without labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain

import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.mammo.phantom.archive import (
    draw_women,
    tabulate_labels,
    write_masks,
    write_woman,
)
from mammo_pipeline.mammo.phantom.study import StudyDesign, Woman

from .parameters import FabricateParameters

logger = logging.getLogger(__name__)
Files = Iterator[tuple[str, bytes]]


def fabricate_study(parameters: FabricateParameters) -> tuple[Files, pd.DataFrame, Files]:
    """Returns `raw_dicom` and `phantom_masks` as lazy (path, bytes), and `raw_labels` as a table.

    The women are planned first; labels and masks follow from the plan, so the files can be drawn
    one woman at a time while they are being saved, and no output waits in memory for another.
    """
    design = StudyDesign(
        parameters.prior_share,
        parameters.cancer_share,
        parameters.benign_share,
        parameters.devices,
        parameters.lesion_contrast,
        parameters.confounding,
    )
    women = draw_women(parameters.women, parameters.seed, design)
    labels = tabulate_labels(women, parameters.binning)
    logger.info(describe_study(women, labels))
    masks = write_masks(women, parameters.binning)
    return stream_files(women, parameters), labels, masks


def fabricate_current_cohort(parameters: FabricateParameters) -> Files:
    """Returns `current_dicom` as lazy (path, bytes): other devices, older women, no labels."""
    current = parameters.current
    design = StudyDesign(
        0.0,
        parameters.cancer_share,
        parameters.benign_share,
        current.devices,
        parameters.lesion_contrast,
        age_shift_years=current.age_shift_years,
        name="current",
    )
    return stream_files(draw_women(current.women, parameters.seed, design), parameters)


def stream_files(women: list[Woman], parameters: FabricateParameters) -> Files:
    """Yields every woman's files in her order, drawn in worker processes as they are asked for."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=parameters.jobs, return_as="generator", pre_dispatch="2*n_jobs")
    drawn = parallel(delayed(write_woman)(woman, parameters.binning) for woman in women)
    return chain.from_iterable(drawn)


def describe_study(women: list[Woman], labels: pd.DataFrame) -> str:
    """Returns the room's closing block."""
    exams = sum(len(woman.exams) for woman in women)
    rows = {
        "women": str(len(women)),
        "exams": f"{exams} ({exams - len(women)} prior)",
        "images": str(4 * exams),
        "breasts with cancer": f"{int(labels['cancer'].sum())} of {len(labels)}",
    }
    return closing_block("fabricate: phantoms, no patient", rows, next_command="kedro run")
