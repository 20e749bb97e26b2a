"""Room `patches`: where to cut patches for the first stage of training."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd
from tqdm import tqdm

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.engine import run_tasks
from mammo_pipeline.guard import GuardedFailure, Limits
from mammo_pipeline.mammo.digest import digest_data, digest_record, digest_table
from mammo_pipeline.mammo.patches.facts import count_patches, tell_rules, tell_sides
from mammo_pipeline.mammo.patches.rules import Sampling
from mammo_pipeline.mammo.patches.sampling import Draws, sample_patches
from mammo_pipeline.mammo.patches.scenes import Scene
from mammo_pipeline.pipelines.patches import worker
from mammo_pipeline.pipelines.patches.parameters import PatchesParameters

log = logging.getLogger(__name__)


def draw_patches(
    store: StoredImages,
    cohort: pd.DataFrame,
    canvas_lesions: pd.DataFrame,
    parameters: PatchesParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Returns `patches`, `patches_draws` and `patches_facts`.

    One row a patch with its place in the store, its side and its class; one row an image and rule
    with what was wanted and found; and the figures of both.
    """
    sampling = parameters.chosen
    run = partial(sample_in_workers, parameters=parameters)
    patches, draws = sample_patches(
        store.pixels, store.index, cohort, canvas_lesions, sampling, run
    )
    counts = count_patches(patches, draws, sampling)
    facts = {
        "sampling": parameters.sampling,
        "data_version": digest_data(cohort, store.index),
        "sampled_from": digest_sources(store.index, cohort, canvas_lesions, sampling),
        **counts,
    }
    title = f"patches, {parameters.sampling}"
    rows = {**tell_sides(counts), **tell_rules(counts)}
    log.info(closing_block(title, rows, next_command="kedro run --pipelines train"))
    return patches, draws, facts


def sample_in_workers(
    pixels: Any, scenes: Sequence[Scene], sampling: Sampling, parameters: PatchesParameters
) -> Iterator[Draws]:
    """Yields what is drawn in each image, in order, with a progress bar.

    Raises:
        ValueError: An image cannot be read from the store.
        RuntimeError: An image took more than the limits allow, or its worker broke down.
    """
    limits = Limits(parameters.limits.seconds, parameters.limits.memory_mb)
    tasks = ((worker.keep_one(pixels, scene.position), scene, sampling) for scene in scenes)
    work = run_tasks(worker.sample_stored, tasks, parameters.engine, limits)
    bar = tqdm(work, total=len(scenes), desc="patches", unit="image", mininterval=1)
    for number, outcome in bar:
        if isinstance(outcome, GuardedFailure):
            raise RuntimeError(
                f"image {scenes[number].image_id} could not be sampled: {outcome.kind}, "
                f"{outcome.detail}. Look at it, or raise patches.limits."
            )
        if isinstance(outcome, ValueError):
            raise outcome
        yield outcome


def digest_sources(
    index: pd.DataFrame, cohort: pd.DataFrame, lesions: pd.DataFrame, sampling: Sampling
) -> str:
    """Returns 12 hexadecimal digits of all that the patches are drawn from and by."""
    return digest_record(
        {
            "data": digest_data(cohort, index),
            "lesions": digest_table(lesions, sorted(lesions.columns)),
            "sampling": sampling.model_dump(mode="json"),
        }
    )[:12]
