"""Room `train`: the declared ladder, stage by stage."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.imports import digest_code
from mammo_pipeline.pipelines.train.parameters import TrainParameters

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.climb import Climb
    from mammo_pipeline.mammo.ladder.course import Listener
    from mammo_pipeline.mammo.ladder.lessons import Lessons
    from mammo_pipeline.mammo.ladder.stages import Ladder

log = logging.getLogger(__name__)

State = dict[str, np.ndarray]

# What names an epoch's row, and is no figure of it.
NAMES = ("stage", "epoch", "memory_of")
SECONDS_BETWEEN_LINES = 30.0


def train_ladder(
    store: StoredImages,
    cohort: pd.DataFrame,
    patches: pd.DataFrame,
    patches_facts: dict[str, Any],
    canvas_lesions: pd.DataFrame,
    weight_files: Callable[[str, str], State],
    train_checkpoints: MutableMapping[str, State],
    parameters: TrainParameters,
) -> tuple[
    dict[str, State], pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, State], Any
]:
    """Returns what the chosen ladder leaves behind.

    They are `ladder_states`, `ladder_history`, `restore_report`, `wiring_report`, `mined_patches`,
    `training_views` and `train_metrics`. A stage that `train_checkpoints` holds with the same
    parameters, data and code is not trained again, and one that was interrupted goes on where it
    stood.

    Raises:
        ValueError: The patches were drawn on other data.
        SystemExit: This is a worker of several that is not the chief: the chief saves.
    """
    from mammo_pipeline.mammo.digest import digest_data, refuse_other_data
    from mammo_pipeline.mammo.ladder.climb import climb_ladder
    from mammo_pipeline.mammo.ladder.mining import MINED_COLUMNS

    version = digest_data(cohort, store.index)
    refuse_other_data(patches_facts["data_version"], version, "patches")
    ladder = parameters.choose()
    lessons = take_lessons(
        ladder, store, cohort, patches, canvas_lesions, weight_files, parameters.cases
    )
    with ExitStack() as runs:
        listener = follow_training(ladder, runs)
        climb = climb_ladder(ladder, lessons, train_checkpoints, listener=listener)
    leave_to_the_chief(ladder)
    history = pd.DataFrame(climb.history)
    named = {"ladder": parameters.ladder, "data_version": version}
    metrics = {**summarize_training(history, climb, lessons), **named}
    log.info(_closing(history, metrics))
    return (
        climb.states,
        history,
        pd.DataFrame(climb.report),
        pd.DataFrame(climb.wiring, columns=None if climb.wiring else ["stage"]),
        pd.DataFrame(climb.mined, columns=MINED_COLUMNS),
        climb.views,
        metrics,
    )


def take_lessons(
    ladder: Ladder,
    store: StoredImages,
    cohort: pd.DataFrame,
    patches: pd.DataFrame,
    canvas_lesions: pd.DataFrame,
    weight_files: Callable[[str, str], State],
    cases: int,
) -> Lessons:
    """Returns what a ladder may learn from, out of the room's tables: see `gather_lessons`.

    The backend of Keras counts as code: what one has begun, another would not go on to the bit.
    """
    import keras

    from mammo_pipeline.mammo.ladder.lessons import gather_lessons

    code = digest_code("mammo_pipeline.mammo.ladder.climb")
    return gather_lessons(
        ladder,
        *(store.pixels, store.index, cohort, patches, canvas_lesions),
        code=f"{code}-{keras.backend.backend()}",
        read_weights=lambda file: weight_files(file.name, file.sha256),
        cases=cases,
    )


def leave_to_the_chief(ladder: Ladder) -> None:
    """Ends this process where it is a worker that is not the chief.

    Raises:
        SystemExit: With code 0.
    """
    from mammo_pipeline.mammo.ladder.strategy import open_strategy

    if not open_strategy(ladder.execution).is_chief:
        log.info("this worker is done; the chief saves what was learned")
        raise SystemExit(0)


def follow_training(ladder: Ladder, runs: ExitStack) -> Listener:
    """Returns what logs the training, and keeps one nested MLflow run a stage.

    Args:
        ladder: What is climbed.
        runs: Closes the run of the last stage.
    """
    from mammo_pipeline.mammo.ladder.course import Listener
    from mammo_pipeline.tracking import child_run

    open_runs: dict[str, Any] = {}

    def write(row: Mapping[str, Any]) -> None:
        stage = row["stage"]
        if stage not in open_runs:
            runs.close()
            described = ladder.stages[stage].model_dump(mode="json")
            open_runs[stage] = runs.enter_context(child_run(f"stage {stage}", described))
        figures = {key: row[key] for key in row if key not in NAMES}
        open_runs[stage].log(figures, step=row["epoch"])

    def tell_epoch(row: dict[str, Any]) -> None:
        write(row)
        log.info(
            "%s epoch %d: loss %.4f, tune AUC %.3f, %.0f pictures/s",
            *(row[key] for key in ("stage", "epoch", "loss", "tune_auc", "images_per_second")),
        )

    def tell_found(stage: str, rows: list[dict[str, Any]]) -> None:
        log.info("%s: %d epochs were trained before, they are kept", stage, len(rows))
        for row in rows:
            write(row)

    return Listener(epoch=tell_epoch, found=tell_found, step=make_teller(), note=log.warning)


def make_teller() -> Callable[[str, int, int, int, float], None]:
    """Returns what tells of a step now and then, so that a long epoch is not silent."""
    last = time.monotonic()

    def tell(stage: str, epoch: int, step: int, steps: int, loss: float) -> None:
        nonlocal last
        if time.monotonic() - last < SECONDS_BETWEEN_LINES:
            return
        last = time.monotonic()
        log.info("%s epoch %d: step %d of %d, loss %.4f", stage, epoch, step, steps, loss)

    return tell


def summarize_training(history: pd.DataFrame, climb: Climb, lessons: Lessons) -> dict[str, Any]:
    """Returns the figures of every stage, and the numbers they rest on.

    The tune AUC and the loss are of the last epoch.
    """
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
    figures["mined_patches"] = len(climb.mined)
    figures["seconds"] = round(float(history["seconds"].sum()), 1)
    return figures


def _closing(history: pd.DataFrame, metrics: dict[str, Any]) -> str:
    rows = {"ladder": metrics["ladder"]}
    for name, part in history.groupby("stage", sort=False):
        rows[str(name)] = f"tune AUC {metrics[f'{name}_tune_auc']:.3f} after {len(part)} epochs"
    rows["n"] = ", ".join(f"{metrics[key]} {key}" for key in metrics if key.startswith("tune_"))
    rows["learned"] = f"{metrics['seconds']:.0f} s"
    return closing_block("train", rows, next_command="kedro run --pipelines sweep")
