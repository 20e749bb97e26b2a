"""Sections of the training page: whether the nets are well wired, and what was restored."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mammo_pipeline.mammo.ladder.overfit import KNOWN_LOSS
from mammo_pipeline.pipelines.train.facts import Row, TrainingFacts

Section = dict[str, Any]

VERDICTS = ("learns", "wakes up", "frozen", "no weights", "silent", "dead")
STATES = {
    **{"learns": "passed", "wakes up": "passed", "silent": "warn", "dead": "failed"},
    **{"frozen": "info", "no weights": "info"},
}
ACTIONS = ("restored", "new", "restarted", "from_weights", "dropped")
KINDS = {
    "weight": "weights",
    "first_moment": "first moments",
    "second_moment": "second moments",
    "iteration": "step counter",
    "momentum_product": "product of momenta",
    "ema": "moving averages",
}


def show_wiring(facts: TrainingFacts) -> Section:
    """Returns the checks before training: a line a stage, and every layer folded."""
    section: Section = {
        "title": "Wiring",
        "text": "Before a stage learns, each layer's output and gradient are measured on its first "
        "batch; then the net must learn that batch by heart. A layer wakes up when its gradient "
        "comes with the first steps, as behind a head that starts at zero.",
    }
    if not facts.wiring:
        return section | {
            "text": "Not checked: wiring.check is off, so nothing here says that "
            "the nets can learn."
        }
    checked = {name: rows for name in facts.stages if (rows := facts.of(facts.wiring, name))}
    ratio = facts.ladder["wiring"]["loss_ratio"]
    return section | {
        "table": [
            {
                "caption": "Layers by what became of them",
                "columns": ["stage", *VERDICTS],
                "rows": [[name, *_count_verdicts(rows)] for name, rows in checked.items()],
            },
            {
                "caption": "One batch learned by heart",
                "columns": ["stage", "steps", "loss before", "loss after", "ratio", "learned"],
                "rows": [[name, *_tell_batch(rows)] for name, rows in checked.items()],
                "note": f"The ratio must fall below {ratio:g}, or the loss below {KNOWN_LOSS:g}, "
                "at one of three rates; the best is shown. Then the net was put back to the bit.",
            },
            *(_list_layers(name, rows) for name, rows in checked.items()),
        ]
    }


def _count_verdicts(rows: list[Row]) -> list[int]:
    counts = Counter(row["verdict"] for row in rows if row["check"] == "layer")
    return [counts[verdict] for verdict in VERDICTS]


def _tell_batch(rows: list[Row]) -> list[Any]:
    batch = next((row for row in rows if row["check"] != "layer"), None)
    if batch is None:
        return [None, None, None, None, {"state": "warn", "text": "not asked"}]
    first, last, learned = batch["loss_first"], batch["loss_last"], batch["verdict"] == "learned"
    told = {"state": "passed" if learned else "failed", "text": "yes" if learned else "no"}
    return [batch["kind"], first, last, last / first if first else None, told]


def _list_layers(name: str, rows: list[Row]) -> dict[str, Any]:
    columns = ["layer", "kind", "weights", "output mean", "spread", "zeros"]
    return {
        "caption": f"Every layer of {name} at step 0",
        "folded": True,
        "columns": [*columns, "gradient", "gradient after", "verdict"],
        "rows": [_tell_layer(row) for row in rows if row["check"] == "layer"],
    }


def _tell_layer(row: Row) -> list[Any]:
    figures = ["activation_mean", "activation_std", "zero_share", "gradient_norm"]
    told = {"state": STATES[row["verdict"]], "text": row["verdict"]}
    weights = int(row["weights"] or 0)
    cells = [row[name] for name in (*figures, "gradient_norm_after")]
    return [row["layer"], row["kind"], weights, *cells, told]


def show_restore(facts: TrainingFacts) -> Section:
    """Returns what each stage took over, by kind of variable, and what it did not, by layer."""
    section: Section = {
        "title": "Restored from stage to stage",
        "text": "Every variable of each stage's net, optimizer and averages, compared after it was "
        "assigned: a restored one is equal to the saved one to the bit, or the run stops. The "
        "whole table, a row a variable, is 06_models/restore_report.csv, kept in MLflow as "
        "restore_report.",
    }
    columns = ["stage", "variables", *(action.replace("_", " ") for action in ACTIONS)]
    rows = [
        [name, KINDS.get(kind, kind), *(counts[action] for action in ACTIONS), difference]
        for name in facts.stages
        for kind, counts, difference in _count_kinds(facts.of(facts.restore, name))
    ]
    note = "Restarted: a counter that begins anew by rule. From weights: an average that starts at "
    note += "the starting weights. Dropped: only the source has it."
    return section | {
        "table": [
            {
                "caption": "Variables by what became of them",
                "columns": [*columns, "greatest difference"],
                "rows": rows,
                "note": note,
            },
            *_list_unrestored(facts),
        ]
    }


def _count_kinds(rows: list[Row]) -> list[tuple[str, Counter[str], float | None]]:
    """Returns (kind, how many by action, greatest difference of what was compared)."""
    kinds = dict.fromkeys(row["kind"] for row in rows)
    found = []
    for kind in kinds:
        own = [row for row in rows if row["kind"] == kind]
        compared = [r["maximum_difference"] for r in own if r["maximum_difference"] is not None]
        greatest = max(compared, default=None)
        found.append((kind, Counter(row["action"] for row in own), greatest))
    return found


def _list_unrestored(facts: TrainingFacts) -> list[dict[str, Any]]:
    """Returns, for every stage that restores, the layers with something new or dropped, folded."""
    tables = []
    for name, stage in facts.stages.items():
        rows = facts.of(facts.restore, name)
        left = Counter(
            (row["layer"] or "(optimizer)", row["action"], KINDS.get(row["kind"], row["kind"]))
            for row in rows
            if row["action"] in ("new", "dropped")
        )
        if stage["restore"] and left:
            tables.append(
                {
                    "caption": f"What {name} did not take over, by layer",
                    "folded": True,
                    "columns": ["layer", "action", "what", "variables"],
                    "rows": [[*key, count] for key, count in left.items()],
                }
            )
    return tables
