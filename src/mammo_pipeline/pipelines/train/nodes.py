"""Room `train`: the declared ladder, stage by stage."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.imports import digest_code
from mammo_pipeline.pipelines.train.parameters import TrainParameters

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.lessons import Lessons

log = logging.getLogger(__name__)

State = dict[str, np.ndarray]


def train_ladder(
    store: StoredImages,
    cohort: pd.DataFrame,
    patches: pd.DataFrame,
    train_checkpoints: MutableMapping[str, State],
    parameters: TrainParameters,
) -> tuple[dict[str, State], pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Returns `ladder_states`, `ladder_history`, `restore_report` and `train_metrics`.

    A stage that `train_checkpoints` holds with the same parameters, data and code is not
    trained again.
    """
    from mammo_pipeline.mammo.digest import digest_data
    from mammo_pipeline.mammo.ladder.climb import climb_ladder
    from mammo_pipeline.mammo.ladder.lessons import gather_lessons
    from mammo_pipeline.tracking import child_run

    code = digest_code("mammo_pipeline.mammo.ladder.climb")
    lessons = gather_lessons(parameters, store.pixels, store.index, cohort, patches, code)
    climb = climb_ladder(parameters, lessons, train_checkpoints, on_epoch=_log_epoch)
    history = pd.DataFrame(climb.history)
    for name, stage in parameters.stages.items():
        with child_run(f"stage {name}", stage.model_dump(mode="json")) as run:
            for row in history[history["stage"] == name].to_dict("records"):
                run.log({key: row[key] for key in ("loss", "tune_auc")}, step=row["epoch"])
    metrics = summarize_training(history, lessons)
    metrics["data_version"] = digest_data(cohort, store.index)
    log.info(_closing(history, metrics))
    return climb.states, history, pd.DataFrame(climb.report), metrics


def summarize_training(history: pd.DataFrame, lessons: Lessons) -> dict[str, Any]:
    """Returns the figures of the last epoch of every stage, and the numbers they rest on."""
    figures: dict[str, Any] = {}
    for name, part in history.groupby("stage", sort=False):
        last = part.iloc[-1]
        figures[f"{name}_tune_auc"] = float(last["tune_auc"])
        figures[f"{name}_loss"] = float(last["loss"])
        figures[f"{name}_images_per_second"] = float(part["images_per_second"].median())
    for kind, (train, tune) in lessons.examples.items():
        figures[f"train_{kind}"] = len(train.labels)
        figures[f"tune_{kind}"] = len(tune.labels)
        figures[f"tune_{kind}_units"] = len(set(tune.units.tolist()))
    figures["seconds"] = round(float(history["seconds"].sum()), 1)
    return figures


def _log_epoch(row: dict[str, Any]) -> None:
    log.info(
        "%s epoch %d: loss %.4f, tune AUC %.3f, %.0f pictures/s",
        *(row[key] for key in ("stage", "epoch", "loss", "tune_auc", "images_per_second")),
    )


def _closing(history: pd.DataFrame, metrics: dict[str, Any]) -> str:
    rows = {}
    for name, part in history.groupby("stage", sort=False):
        rows[str(name)] = f"tune AUC {metrics[f'{name}_tune_auc']:.3f} after {len(part)} epochs"
    rows["n"] = ", ".join(f"{metrics[key]} {key}" for key in metrics if key.startswith("tune_"))
    rows["learned"] = f"{metrics['seconds']:.0f} s"
    return closing_block("train", rows, next_command="kedro run --pipelines sweep")
