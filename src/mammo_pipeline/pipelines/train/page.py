"""The page of the room `train`: whether every net learned, and what it looked like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.pipelines.train.facts import TrainingFacts, gather_facts
from mammo_pipeline.pipelines.train.parameters import TrainParameters


def write_training_page(
    ladder_history: pd.DataFrame,
    restore_report: pd.DataFrame,
    wiring_report: pd.DataFrame,
    mined_patches: pd.DataFrame,
    training_views: Mapping[str, Callable[[], Mapping[str, np.ndarray]]],
    train_metrics: Mapping[str, Any],
    parameters: TrainParameters,
) -> dict[str, Any]:
    """Returns the page of what `train_ladder` left behind, as a report."""
    return write_page(
        gather_facts(
            *(ladder_history, restore_report, wiring_report, mined_patches),
            *(training_views, train_metrics, parameters),
        )
    )


def write_page(facts: TrainingFacts) -> dict[str, Any]:
    """Returns the page as a report: the verdict, the ladder and its results, then each stage."""
    from mammo_pipeline.pipelines.train import stage_figures, stage_tables, wiring_tables

    shown = [
        section
        for stage in facts.stages
        for section in (
            stage_figures.show_curves(facts, stage),
            stage_figures.show_samples(facts, stage),
            stage_figures.show_heatmaps(facts, stage),
        )
        if section is not None
    ]
    return {
        "title": "Training",
        "subtitle": f"The ladder {facts.name}, stage by stage. Judged on tune; test stays shut.",
        "verdict": state_verdict(facts),
        "facts": list_facts(facts),
        "sections": [
            stage_tables.show_troubles(facts),
            stage_tables.show_ladder(facts),
            stage_tables.show_results(facts),
            wiring_tables.show_wiring(facts),
            wiring_tables.show_restore(facts),
            *shown,
            stage_tables.show_mined(facts),
        ],
    }


def state_verdict(facts: TrainingFacts) -> dict[str, str]:
    """Returns the verdict on top of the page; a wiring that was not checked is no pass."""
    unfinished = list_unfinished(facts)
    broken, dead = list_faults(facts, "not learned"), list_faults(facts, "dead")
    unchecked = [name for name in facts.stages if not facts.of(facts.wiring, name)]
    total = len(facts.stages)
    done = f"{total - len(unfinished)} of {total} stages finished"
    words = [f"{done}." if not unfinished else f"{done}: {'; '.join(unfinished)}."]
    if broken:
        words.append(f"Badly wired, one batch was not learned: {', '.join(broken)}.")
    elif dead:
        words.append(f"Every net learns, but a layer is dead in {', '.join(dead)}.")
    elif unchecked:
        words.append(f"The wiring was not checked of {', '.join(unchecked)}.")
    else:
        words.append("Every net is well wired.")
    words.append(_tell_troubles(facts))
    doubtful = dead or unchecked or facts.troubles
    state = "failed" if unfinished or broken else "info" if doubtful else "passed"
    return {"state": state, "text": " ".join(words)}


def list_faults(facts: TrainingFacts, verdict: str) -> list[str]:
    """Returns the stages of which a check of the wiring came to the verdict, in order."""
    found = {row["stage"] for row in facts.wiring if row["verdict"] == verdict}
    return [name for name in facts.stages if name in found]


def list_unfinished(facts: TrainingFacts) -> list[str]:
    """Returns the stages that have fewer epochs than declared, and no rule to stop earlier."""
    found = []
    for name, stage in facts.stages.items():
        epochs = len(facts.of(facts.history, name))
        if epochs < stage["epochs"] and not (epochs and stage["stop"]):
            found.append(f"{name} has {epochs} of {stage['epochs']} epochs")
    return found


def _tell_troubles(facts: TrainingFacts) -> str:
    if not facts.troubles:
        return "No trouble was found in its curves."
    told = "; ".join(f"{trouble['stage']}: {trouble['trouble']}" for trouble in facts.troubles)
    return f"Troubles in its curves ({len(facts.troubles)}): {told}."


def list_facts(facts: TrainingFacts) -> dict[str, Any]:
    """Returns the figures on top of the page."""
    network, execution = facts.ladder["network"], facts.ladder["execution"]
    last = list(facts.stages)[-1]
    memory = [row for row in facts.history if row["memory_mb"] is not None]
    fullest = max(memory, key=lambda row: row["memory_mb"], default=None)
    return {
        "network": network["family"],
        "stages": len(facts.stages),
        "epochs": len(facts.history),
        "pictures learned from": count_pictures(facts),
        "seconds": round(sum(row["seconds"] for row in facts.history)),
        f"tune AUC after {last}": facts.tune.get(last) or {"value": None},
        "most memory, MB": None if fullest is None else round(fullest["memory_mb"]),
        "memory measured of": "–" if fullest is None else fullest["memory_of"],
        "devices": execution["devices"],
        "precision": execution["precision"],
        "seed": str(facts.ladder["seed"]),  # a name, not an amount
    }


def count_pictures(facts: TrainingFacts) -> int:
    """Returns how many pictures all steps together took."""
    return sum(round(row["images_per_second"] * row["seconds"]) for row in facts.history)
