"""What the training page tells of, as plain things."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.pipelines.train.parameters import TrainParameters

Row = dict[str, Any]
Views = Mapping[str, Mapping[str, np.ndarray]]

# The same numbers that the audit of the test set uses; the page shows, it decides nothing.
REPEATS, LEVEL = 1000, 0.95


@dataclass(frozen=True)
class TrainingFacts:
    """What a climb left behind, for the page.

    Attributes:
        name: Of the ladder.
        ladder: As declared: seed, network, stages by name, execution and wiring.
        history: One row an epoch, as `watch.epoch_row` makes them.
        restore: One row a variable and stage, as `restore.restore_state` makes them.
        wiring: One row a layer and stage, as `wiring.check_wiring` makes them.
        mined: One row a hard negative and stage.
        views: By stage, as `views.show_stage` makes them.
        troubles: As `watch.name_troubles` tells them.
        tune: By stage, the tune AUC of the kept weights, as `standing.measure_standing` gives it.
        counts: The room's figures: examples by kind of data, and the data's version.
    """

    name: str
    ladder: Mapping[str, Any]
    history: Sequence[Row]
    restore: Sequence[Row] = ()
    wiring: Sequence[Row] = ()
    mined: Sequence[Row] = ()
    views: Views = field(default_factory=dict)
    troubles: Sequence[Mapping[str, str]] = ()
    tune: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stages(self) -> Mapping[str, Mapping[str, Any]]:
        """The declared stages by name, in order."""
        return self.ladder["stages"]

    def of(self, rows: Sequence[Row], stage: str) -> list[Row]:
        """Returns the rows of one stage."""
        return [row for row in rows if row["stage"] == stage]


def gather_facts(
    ladder_history: pd.DataFrame,
    restore_report: pd.DataFrame,
    wiring_report: pd.DataFrame,
    mined_patches: pd.DataFrame,
    training_views: Mapping[str, Callable[[], Mapping[str, np.ndarray]]],
    train_metrics: Mapping[str, Any],
    parameters: TrainParameters,
) -> TrainingFacts:
    """Returns what the room's outputs say, troubles and intervals worked out."""
    from mammo_pipeline.mammo.ladder.watch import name_troubles

    ladder = parameters.choose()
    history = list_rows(ladder_history)
    views = {name: training_views[name]() for name in ladder.stages if name in training_views}
    return TrainingFacts(
        name=parameters.ladder,
        ladder=ladder.model_dump(mode="json"),
        history=history,
        restore=list_rows(restore_report),
        wiring=list_rows(wiring_report),
        mined=list_rows(mined_patches),
        views=views,
        troubles=name_troubles(history),
        tune={name: own for name, v in views.items() if (own := _measure(v, ladder.seed))},
        counts=train_metrics,
    )


def _measure(views: Mapping[str, np.ndarray], seed: int) -> Row | None:
    """Returns the figure of a stage's tune AUC, None where no score was kept."""
    from mammo_pipeline.mammo.ladder.standing import measure_standing

    if "tune/scores" not in views:
        return None
    scores = {name: views[f"tune/{name}"] for name in ("labels", "scores", "groups")}
    return measure_standing(scores, seed, REPEATS, LEVEL)


def list_rows(table: pd.DataFrame) -> list[Row]:
    """Returns a table's rows with None for what is missing: a file knows only NaN.

    >>> list_rows(pd.DataFrame({"a": ["x", None], "b": [1.0, float("nan")]}))
    [{'a': 'x', 'b': 1.0}, {'a': None, 'b': None}]
    """
    return [
        {name: None if _is_missing(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
