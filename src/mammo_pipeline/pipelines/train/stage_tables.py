"""Sections of the training page: troubles, the ladder, its results, and what was mined."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from mammo_pipeline.mammo.ladder.watch import FEWEST_EPOCHS
from mammo_pipeline.pipelines.train.facts import LEVEL, Row, TrainingFacts

Section = dict[str, Any]

# What a row of the tune side is, and what is drawn together for the interval.
UNITS = {"patches": ("patches", "images"), "images": ("breasts", "exams")}


def show_troubles(facts: TrainingFacts) -> Section:
    """Returns every trouble with the figures that tell it, and what cannot be told."""
    few = [name for name in facts.stages if len(facts.of(facts.history, name)) < FEWEST_EPOCHS]
    note = "Overfitting, plateaus, noise, growing weights and an early end take five epochs or "
    note += "more to be told."
    if few:
        note += f" Of these nothing is said in: {', '.join(few)}."
    if not facts.troubles:
        none = "The curves show none of the troubles that are looked for."
        return {"title": "Troubles", "text": f"{none} {note}"}
    rows = [
        [f"{record['stage']}: {record['trouble']}", record["sentence"]] for record in facts.troubles
    ]
    columns = ["stage and trouble", "what was found"]
    return {"title": "Troubles", "table": {"columns": columns, "rows": rows, "note": note}}


def show_ladder(facts: TrainingFacts) -> Section:
    """Returns the ladder as it was declared and climbed, one row a stage and table."""
    columns = ["stage", "learns from", "starts from", "takes over", "restored", "new", "dropped"]
    tables: list[tuple[str, list[str], Any]] = [
        ("Stages", [*columns, "learning"], lambda name: describe_start(facts, name)),
        (
            "How each learns",
            ["stage", "optimizer", "rate", "epochs", "batch", "kept"],
            lambda name: describe_steps(facts, name),
        ),
        (
            "How the pictures come",
            ["stage", "loss", "balance", "changes of the pictures", "dropout", "normalization"],
            lambda name: describe_feed(facts.stages[name]),
        ),
    ]
    shown = [
        {"caption": caption, "columns": names, "rows": [[s, *tell(s)] for s in facts.stages]}
        for caption, names, tell in tables
    ]
    note = "Restored, new, dropped: variables of net, optimizer and averages. Learning: share of "
    note += "the net's numbers in layers that learn."
    return {"title": "The ladder", "table": [shown[0] | {"note": note}, *shown[1:]]}


def describe_start(facts: TrainingFacts, name: str) -> list[Any]:
    """Returns what a stage learns from, where it starts, and what it took over from there."""
    stage = facts.stages[name]
    actions = [row["action"] for row in facts.of(facts.restore, name)]
    return [
        stage["data"],
        stage["file"]["name"] if stage["file"] else stage["start"],
        ", ".join(stage["restore"]) or "nothing",
        *(actions.count(action) for action in ("restored", "new", "dropped")),
        find_learning_share(facts, name),
    ]


def describe_steps(facts: TrainingFacts, name: str) -> list[str]:
    """Returns how a stage steps, for how long, and what it keeps."""
    stage, epochs = facts.stages[name], len(facts.of(facts.history, name))
    parts = f" in {stage['accumulate']} parts" if stage["accumulate"] > 1 else ""
    kept = "averages" if stage["keep"]["weights"] == "ema" else "weights"
    return [
        describe_optimizer(stage),
        describe_rate(stage),
        f"{epochs} of {stage['epochs']}",
        f"{stage['batch']}{parts}",
        f"{kept} of the {stage['keep']['epoch']} epoch",
    ]


def find_learning_share(facts: TrainingFacts, name: str) -> Any:
    """Returns which share of the net's numbers learns; unchecked, the patterns of what may."""
    layers = [row for row in facts.of(facts.wiring, name) if row["check"] == "layer"]
    total = sum(row["weights"] for row in layers)
    if not total:
        return ", ".join(facts.stages[name]["trainable"])
    learning = sum(row["weights"] for row in layers if row["gradient_norm"] is not None)
    return f"{100 * learning / total:.1f} %"


def describe_optimizer(stage: Mapping[str, Any]) -> str:
    """Returns an optimizer in words, what is off left out.

    >>> settings = {"name": "sgd", "momentum": 0.9, "nesterov": True, "clip_norm": None}
    >>> describe_optimizer({"optimizer": {**settings, "weight_decay": 0}, "ema": None})
    'sgd, momentum 0.9 nesterov'
    """
    settings = stage["optimizer"]
    words = [settings["name"]]
    if settings["momentum"]:
        words.append(f"momentum {settings['momentum']:g}{' nesterov' * settings['nesterov']}")
    if settings["weight_decay"]:
        words.append(f"{settings['decay']} decay {settings['weight_decay']:g}")
    if settings["clip_norm"]:
        words.append(f"clipped at {settings['clip_norm']:g}")
    if stage["ema"]:
        words.append(f"average {stage['ema']['momentum']:g}")
    return ", ".join(words)


def describe_rate(stage: Mapping[str, Any]) -> str:
    """Returns a learning rate and how it moves.

    >>> schedule = {"kind": "cosine", "end_factor": 0.01, "drop_after": [], "drop_factor": 0.1}
    >>> describe_rate({"learning_rate": 0.001, "schedule": {**schedule, "warmup_epochs": 2}})
    '0.001, cosine to 1e-05, warm-up 2 epochs'
    """
    rate, schedule = stage["learning_rate"], stage["schedule"]
    words = [f"{rate:g}"]
    if schedule["kind"] in ("cosine", "exponential"):
        words.append(f"{schedule['kind']} to {rate * schedule['end_factor']:g}")
    if schedule["kind"] == "steps":
        after = ", ".join(map(str, schedule["drop_after"]))
        words.append(f"x {schedule['drop_factor']:g} after epoch {after}")
    if schedule["warmup_epochs"]:
        words.append(f"warm-up {schedule['warmup_epochs']:g} epochs")
    return ", ".join(words)


def describe_feed(stage: Mapping[str, Any]) -> list[Any]:
    """Returns how a stage's pictures are chosen, weighed and changed, what is off left out."""
    balance = stage["balance"]
    words = []
    if balance["classes"]:
        words.append("every class as often")
    if balance["cancer_fraction"] is not None:
        words.append(f"{100 * balance['cancer_fraction']:g} % cancers")
    if balance["weights"]:
        words.append("classes weigh the same")
    changes = {k: v for k, v in stage["augment"].items() if v and k != "elastic_cells"}
    told = [k.replace("_", " ") + ("" if v is True else f" {v:g}") for k, v in changes.items()]
    loss = stage["loss"].replace("_", " ") if stage["data"] == "patches" else "binary"
    dropout = "the network's" if stage["dropout"] is None else f"{stage['dropout']:g}"
    return [
        loss,
        ", ".join(words) or "as they come",
        ", ".join(told) or "none",
        dropout,
        stage["normalization"],
    ]


def show_results(facts: TrainingFacts) -> Section:
    """Returns the tune AUC of every stage with its interval, its n, and what the stage cost."""
    from mammo_pipeline.reporting import charts

    columns = ["stage", "tune AUC of what is kept", "of", "malignant", "in", "last epoch"]
    rows = [[name, *_tell_result(facts, name)] for name in facts.stages]
    how = next((found["how"] for found in facts.tune.values()), f"bootstrap, {LEVEL:.0%}")
    section: Section = {
        "title": "Results on tune",
        "text": "Patches are told malignant or not, breasts with cancer or not: the two areas do "
        "not compare. Weights were chosen on these same cases where a stage keeps its best epoch, "
        "so its area is a little too high.",
        "table": [
            {
                "caption": "Area under the ROC curve",
                "columns": [*columns, "best epoch"],
                "rows": rows,
                "note": f"Interval: {how}; patches of one image, and both breasts of one exam, are "
                "drawn together. An area of 1 gets no width from it, which is no certainty. Last "
                "and best epoch: without interval.",
            },
            _tabulate_cost(facts),
        ],
    }
    drawn = [
        {"name": f"{name} ({found['positives']}/{found['n']})", **found}
        for name, found in facts.tune.items()
    ]
    if any(row["value"] is not None for row in drawn):
        section["chart"] = charts.forest_plot(drawn, "tune AUC", "Tune AUC by stage", 0.5)
        section["caption"] = "Tune AUC of what each stage keeps (malignant / all); dashed: chance."
    return section


def _tell_result(facts: TrainingFacts, name: str) -> list[Any]:
    rows = facts.of(facts.history, name)
    units, groups = UNITS[facts.stages[name]["data"]]
    found = facts.tune.get(name)
    areas = [row["tune_auc"] for row in rows if row["tune_auc"] is not None]
    best = next((row for row in rows if areas and row["tune_auc"] == max(areas)), None)
    counted = (
        [None, None, None]
        if found is None
        else [
            f"{found['n']} {units}",
            found["positives"],
            f"{found['groups']} {groups}",
        ]
    )
    return [
        found or {"value": None},
        *counted,
        rows[-1]["tune_auc"] if rows else None,
        None if best is None else f"{best['tune_auc']:.3f} (epoch {best['epoch']})",
    ]


def _tabulate_cost(facts: TrainingFacts) -> dict[str, Any]:
    columns = ["stage", "epochs", "seconds", "pictures/s", "ms a step", "waited, %"]
    rows = [[name, *_tell_cost(facts.of(facts.history, name))] for name in facts.stages]
    return {
        "caption": "Speed and memory",
        "columns": [*columns, "memory, MB", "of"],
        "rows": rows,
        "note": "Medians over the epochs. Waited: share of the time in which the device waited for "
        "pictures, from the second epoch on where there are two. Memory is a peak: it never falls.",
    }


def _tell_cost(rows: list[Row]) -> list[Any]:
    if not rows:
        return [0, *([None] * 6)]
    return [
        len(rows),
        round(sum(row["seconds"] for row in rows)),
        *(median(row[name] for row in rows) for name in ("images_per_second", "step_ms")),
        round(100 * median(row["feed_wait_share"] for row in rows[1:] or rows), 2),
        rows[-1]["memory_mb"],
        rows[-1]["memory_of"],
    ]


def show_mined(facts: TrainingFacts) -> Section:
    """Returns the hard negatives that stages found with the net of the stage before."""
    stages = [name for name, stage in facts.stages.items() if stage["mine"]]
    section: Section = {"title": "Mined hard negatives"}
    if not stages:
        return section | {"text": "No stage of this ladder mines."}
    rows = []
    for name in stages:
        own = facts.of(facts.mined, name)
        sure = [row["probability"] for row in own]
        told = [median(sure), max(sure)] if sure else [None, None]
        rows.append([name, len(own), len({row["image_id"] for row in own}), *told])
    return section | {
        "text": "Background of the train side that the net before took for a lesion; the stage "
        "learned from it as background.",
        "table": {
            "columns": ["stage", "patches", "images", "median probability", "highest"],
            "rows": rows,
        },
    }
