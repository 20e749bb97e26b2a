"""Room `sweep`: many ladders from one patch net; every completed one is a member."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.ladder.stages import find_rungs
from mammo_pipeline.pipelines.sweep.parameters import SweepParameters
from mammo_pipeline.pipelines.train.nodes import take_lessons
from mammo_pipeline.pipelines.train.parameters import TrainParameters

if TYPE_CHECKING:
    import optuna

    from mammo_pipeline.mammo.ladder.lessons import Lessons
    from mammo_pipeline.mammo.ladder.stages import Ladder

log = logging.getLogger(__name__)

State = dict[str, np.ndarray]


def sweep_ladders(
    store: StoredImages,
    cohort: pd.DataFrame,
    patches: pd.DataFrame,
    canvas_lesions: pd.DataFrame,
    weight_files: Callable[[str, str], State],
    ladder_states: dict[str, Callable[[], State]],
    train_metrics: dict[str, Any],
    sweep_journal: str,
    sweep_checkpoints: MutableMapping[str, State],
    train: TrainParameters,
    parameters: SweepParameters,
) -> tuple[dict[str, State], pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Returns `sweep_members`, `sweep_trials`, `tune_scores` and `sweep_metrics`.

    The journal and the checkpoints outlive a kill: finished trials are not run again.

    Raises:
        ValueError: `train` was run on another split or other images, or no trial was completed.
    """
    from mammo_pipeline.mammo.digest import digest_data, refuse_other_data
    from mammo_pipeline.mammo.ladder.space import find_given
    from mammo_pipeline.pipelines.sweep import search
    from mammo_pipeline.tracking import child_run

    version = digest_data(cohort, store.index)
    refuse_other_data(train_metrics["data_version"], version, "train")
    ladder = train.choose()
    lessons = take_lessons(ladder, store, cohort, patches, canvas_lesions, weight_files, cases=0)
    given = {name: ladder_states[name]() for name in find_given(ladder, parameters.start_from)}
    name = search.study_name(ladder, parameters, lessons, given)
    study = _open_study(sweep_journal, name, parameters)
    search.search_ladders(study, ladder, parameters, lessons, given, sweep_checkpoints, child_run)
    trials = pd.DataFrame(search.list_trials(study, parameters))
    members = {
        member: sweep_checkpoints[search.member_key(study, slot)]
        for slot, member in zip(trials["trial"], trials["member"], strict=True)
        if member
    }
    scores = score_members(ladder, members, lessons, parameters.score_batch)
    metrics = {**summarize_sweep(trials, ladder), "data_version": version}
    log.info(_closing(trials, metrics))
    return members, trials, scores, metrics


def _open_study(journal: str, name: str, parameters: SweepParameters) -> optuna.Study:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = JournalFileBackend(journal)
    return optuna.create_study(
        study_name=name,
        storage=optuna.storages.JournalStorage(backend),
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=parameters.prune_after_trials,
            n_warmup_steps=parameters.prune_after_epochs,
        ),
    )


def score_members(
    ladder: Ladder, members: dict[str, State], lessons: Lessons, batch: int
) -> pd.DataFrame:
    """Returns image_id and one column of image logits a member, on the tune side."""
    from mammo_pipeline.mammo.networks.predict import member_logits

    _, tune = lessons.examples["images"]
    network = ladder.network.model_dump(mode="json")
    columns = {
        name: member_logits(network, weights, lessons.pixels, tune.positions, batch)
        for name, weights in members.items()
    }
    return pd.DataFrame({"image_id": tune.image_ids, **columns})


def summarize_sweep(trials: pd.DataFrame, ladder: Ladder) -> dict[str, Any]:
    """Returns the best trial, how many ended how, and network and patch loss of the members.

    Raises:
        ValueError: No trial was completed.
    """
    completed = trials[trials["state"] == "COMPLETE"]
    if completed.empty:
        raise ValueError(
            f"none of {len(trials)} trials was completed: {trials['reason'].tolist()}; lower the "
            "learning rates of the ladder or narrow the ranges"
        )
    best = completed.iloc[int(np.argmax(completed["tune_auc"].to_numpy(float)))]
    return {
        "best_tune_auc": float(best["tune_auc"]),
        "best_trial": int(best["trial"]),
        "trials": len(trials),
        "completed": len(completed),
        "pruned": int((trials["state"] == "PRUNED").sum()),
        "diverged": int((trials["state"] == "FAIL").sum()),
        "seconds": round(float(trials["seconds"].sum()), 1),
        "network": ladder.network.model_dump(mode="json"),
        "patch_loss": find_patch_loss(ladder),
    }


def find_patch_loss(ladder: Ladder) -> str:
    """Returns what the members' class logits were trained with: the last patch stage's loss.

    Without one, where patches were learnt by others, every class is taken against the rest.
    """
    *_, last = ladder.stages
    rungs = find_rungs(ladder, last)
    return next((s.loss for s in reversed(rungs) if s.data == "patches"), "one_against_rest")


def _closing(trials: pd.DataFrame, metrics: dict[str, Any]) -> str:
    ended = ", ".join(f"{metrics[key]} {key}" for key in ("completed", "pruned", "diverged"))
    rows = {
        "trials": f"{metrics['trials']}: {ended}",
        "declared": f"tune AUC {trials['tune_auc'].iloc[0]:.3f}",
        "best": f"tune AUC {metrics['best_tune_auc']:.3f}, trial {metrics['best_trial']} "
        f"(the best of {metrics['completed']}, so it flatters)",
        "learned": f"{metrics['seconds']:.0f} s",
    }
    return closing_block("sweep", rows, next_command="kedro run --pipelines ensemble")
