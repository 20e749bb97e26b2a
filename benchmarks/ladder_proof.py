"""What each stage of the winner's ladder is worth, on the phantoms of the demo study.

Run: python benchmarks/ladder_proof.py [--work FOLDER] [--seeds 1 2 3] [--longer 1]
After `kedro run --env demo`, whose store, cohort and patches are read through its catalog; nothing
is written there. Every variant climbs the demo's `dream_winner` with the changes that
ladder_variants.py declares; stages that variants share are trained once a seed. What is trained is
kept in --work, so that the same command goes on after an interruption. After every variant
docs/ladder_proof.md is written, marked as partial until all are there. The test labels are opened
for it; nothing is chosen by them. Twenty to thirty minutes on two CPU cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from ladder_variants import (
    AVERAGED,
    FIRST,
    FULL,
    LAST,
    OPENING,
    PATCHES,
    VARIANTS,
    equal_epochs,
    lengthen,
    vary,
)

from mammo_pipeline.datasets.arrays import CheckpointMapping
from mammo_pipeline.imports import digest_code
from mammo_pipeline.mammo.digest import digest_data
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, percentile_interval
from mammo_pipeline.mammo.ladder.climb import Climb, climb_ladder, stage_key
from mammo_pipeline.mammo.ladder.course import Listener
from mammo_pipeline.mammo.ladder.lessons import Lessons
from mammo_pipeline.mammo.ladder.restore import select_weights
from mammo_pipeline.mammo.ladder.stages import Ladder
from mammo_pipeline.mammo.networks.predict import member_logits
from mammo_pipeline.mammo.scoring import auroc
from mammo_pipeline.mammo.sealed import open_truth
from mammo_pipeline.mammo.units import aggregate_breasts
from mammo_pipeline.pipelines.evaluate.nodes import FACTS
from mammo_pipeline.pipelines.train.nodes import take_lessons

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/ladder_proof.md"


@dataclass
class Results:
    """Of the climbs so far.

    Attributes:
        images: The test images with their outcome, and a column of logits a variant, stage, seed.
        tune_auc: Of the patch net, by seed.
        seconds: Of every epoch that was trained, by its stage's key and its number.
        seeds: That a variant has, by variant.
    """

    images: pd.DataFrame
    tune_auc: dict[int, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    seeds: dict[str, set[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """An AUC, or a difference of two: of every seed its value, then those of all replicates."""

    seeds: list[np.ndarray]
    level: float

    def __sub__(self, other: Line) -> Line:
        pairs = zip(self.seeds, other.seeds, strict=True)
        return Line([mine - others for mine, others in pairs], self.level)

    def show(self, sign: str = "") -> str:
        values = [one[0] for one in self.seeds]
        cells = [show_interval(one, self.level, sign) for one in [*self.seeds, self.mean()]]
        return " | ".join([*cells, f"{min(values):{sign}.3f} to {max(values):{sign}.3f}"])

    def mean(self) -> np.ndarray:
        """Returns the mean over seeds; of a replicate, over seeds drawn with replacement."""
        values = np.stack(self.seeds)
        count, repeats = len(values), values.shape[1] - 1
        drawn = np.random.default_rng(0).integers(0, count, (count, repeats))
        means = np.take_along_axis(values[:, 1:], drawn, axis=0).mean(axis=0)
        return np.concatenate([[values[:, 0].mean()], means])

    def holds(self, value: float) -> bool:
        low, high = percentile_interval(self.mean()[1:], self.level)
        assert low is not None and high is not None
        return low <= value <= high

    def judge(self) -> str:
        """Returns what a difference says, and no more."""
        rest = "helps" if self.mean()[0] > 0 else "harms"
        word = "does not help" if self.holds(0.0) else rest
        above = f"above 0 in {sum(one[0] > 0 for one in self.seeds)} of {len(self.seeds)} seeds"
        return f"{word}: {show_interval(self.mean(), self.level, '+')}, {above}"


Lines = dict[tuple[str, str], Line]  # by variant and stage


def show_interval(values: np.ndarray, level: float, sign: str = "") -> str:
    low, high = percentile_interval(values[1:], level)
    return f"{values[0]:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def open_demo() -> Any:
    bootstrap_project(ROOT)
    return KedroSession.create(ROOT, env="demo", save_on_close=False).load_context().catalog


def tell(variant: str, seed: int) -> Listener:
    def epoch(row: dict[str, Any]) -> None:
        where = f"seed {seed}, {variant}: {row['stage']} epoch {row['epoch']}"
        figures = f"loss {row['loss']:.3f}, tune AUC {row['tune_auc']:.3f}, {row['seconds']:.0f} s"
        print(f"{where}: {figures}", flush=True)

    return Listener(epoch=epoch)


def select_test(catalog: Any, cohort: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Returns the stored test images with a known outcome, and their place in the store."""
    test = cohort[cohort["side"] == "test"].merge(index[["image_id", "position"]], on="image_id")
    test = test[test["position"] >= 0].sort_values("position")[[*FACTS, "position"]]
    opened = open_truth(test, catalog.load("test_truth")[["image_id", "cancer"]])
    return opened[opened["cancer"].notna()].reset_index(drop=True)


def add_climb(
    results: Results, variant: str, ladder: Ladder, lessons: Lessons, climb: Climb
) -> None:
    """Scores the test images with the net after every image stage, and notes the rest."""
    positions = results.images["position"].to_numpy()
    network = ladder.network.model_dump(mode="json")
    for name, state in climb.states.items():
        if ladder.stages[name].data == "images":
            logits = member_logits(network, select_weights(state), lessons.pixels, positions, 8)
            results.images[f"{variant}|{name}|{ladder.seed}"] = logits
    for row in climb.history:
        key = stage_key(ladder, row["stage"], lessons.digest)
        results.seconds[f"{key} {row['epoch']}"] = row["seconds"]
        if row["stage"] == PATCHES:
            results.tune_auc[ladder.seed] = row["tune_auc"]
    results.seeds.setdefault(variant, set()).add(ladder.seed)


def measure(breasts: pd.DataFrame, names: list[str], rule: Any) -> dict[str, np.ndarray]:
    """Returns by column its AUC and that of every replicate; all share the drawn women."""
    labels = breasts["cancer"].to_numpy(float)

    def areas(weights: np.ndarray | None) -> dict[str, np.ndarray]:
        return {name: np.atleast_1d(auroc(labels, breasts[name], weights)) for name in names}

    rng, women = np.random.default_rng(rule.seed), breasts["patient_id"]
    draws = bootstrap_by_patient(areas, women, labels, rule.bootstrap_repeats, rng)
    return {name: np.concatenate([value, draws[name]]) for name, value in areas(None).items()}


def find_lines(results: Results, seeds: list[int], rule: Any) -> tuple[Lines, str]:
    """Returns the line of every variant and stage that has all seeds, and the n they rest on."""
    names = [name for name in results.images if name.count("|") == 2]
    breasts = aggregate_breasts(results.images.drop(columns="position"), names)
    measured = measure(breasts, names, rule)
    lines = {}
    for variant, stage in dict.fromkeys(tuple(name.split("|")[:2]) for name in names):
        if results.seeds[variant] >= set(seeds):
            columns = [f"{variant}|{stage}|{seed}" for seed in seeds]
            lines[variant, stage] = Line([measured[name] for name in columns], rule.level)
    count = f"{len(breasts)} breasts, {int(breasts['cancer'].sum())} with cancer, of "
    count += f"{breasts['patient_id'].nunique()} women; {len(results.images)} images"
    return lines, count


def tell_facts(base: Ladder, as_long: int, options: argparse.Namespace, data: str) -> list[str]:
    """Returns what the page says before any result, but for n and time."""
    lengths = ", ".join(f"`{name}` {stage.epochs}" for name, stage in base.stages.items())
    names = ("mammo_pipeline", "keras", "tensorflow", "numpy")
    versions = ", ".join(f"{name} {import_module(name).__version__}" for name in names)
    return [
        f"- seeds: {', '.join(map(str, options.seeds))}",
        f"- epochs: {lengths}; {as_long} of `{FIRST}` for equal computing",
        f"- data version: {data}; the phantoms of the demo",
        f"- versions: {versions}; code {digest_code('mammo_pipeline.mammo.ladder.climb')}",
    ]


def tell_stages(lines: Lines, results: Results, seeds: list[int], head: str) -> list[str]:
    """Returns the table of the full ladder's stages, and what each adds to the one before."""
    tuned = [results.tune_auc[seed] for seed in seeds]
    cells = " | ".join(f"{auc:.3f}" for auc in [*tuned, np.mean(tuned)])
    stages = [FIRST, AVERAGED, LAST]
    return [
        *("## The ladder, stage by stage", "", f"| after stage{head}"),
        f"| `{PATCHES}`: tune, by patch | {cells} | {min(tuned):.3f} to {max(tuned):.3f} |",
        *(f"| `{stage}`: test, by breast | {lines[FULL, stage].show()} |" for stage in stages),
        "",
        *(
            f"- `{stage}` after `{before}` {(lines[FULL, stage] - lines[FULL, before]).judge()}."
            for before, stage in pairwise(stages)
        ),
        "",
    ]


def find_eve(lines: Lines, variant: str) -> Line:
    """Returns the line of the stage that the last one starts from."""
    return lines[variant, AVERAGED if (variant, AVERAGED) in lines else FIRST]


def tell_variants(lines: Lines, head: str) -> list[str]:
    """Returns the tables of the variants, before and after the last stage, with the differences."""
    there = [variant for variant in VARIANTS if (variant, LAST) in lines]
    before = {v: find_eve(lines, v) for v in there if set(VARIANTS[v].change) != {LAST}}
    after = {v: lines[v, LAST] for v in there}
    told = []
    for when, found in ((f"before `{LAST}`", before), (f"after `{LAST}`", after)):
        others = [variant for variant in found if variant != FULL]
        rows = {v: found[v].show() for v in found}
        rows |= {f"full less: {v}": (found[FULL] - found[v]).show("+") for v in others}
        told += [f"## Without a part, {when}", "", f"| test, by breast{head}"]
        told += [*(f"| {name} | {cells} |" for name, cells in rows.items()), ""]
        lost = [v for v in found if found[v].holds(0.5)]
        judged = {VARIANTS[v].part: (found[FULL] - found[v]).judge() for v in others}
        told += [f"- {part} {verdict}." for part, verdict in judged.items()]
        told += [*(f"- No better than chance, 0.5, can be told of: {v}." for v in lost), ""]
    return told


def write_page(results: Results, seeds: list[int], facts: list[str], rule: Any) -> None:
    lines, count = find_lines(results, seeds, rule)
    missing = [variant for variant in VARIANTS if (variant, LAST) not in lines]
    minutes = sum(results.seconds.values()) / 60
    names = [*(f"seed {seed}" for seed in seeds), "mean", "range of seeds"]
    head = f" | {' | '.join(names)} |\n|---|" + "---|" * len(names)
    page = [
        OPENING,
        *([f"**Partial: still without {'; '.join(missing)}.**", ""] if missing else []),
        *facts,
        f"- test: {count}",
        f"- trained: {len(results.seconds)} epochs in {minutes:.0f} minutes on {os.cpu_count()} "
        "CPU cores that other programs used, too",
        f"- intervals: {rule.level:.0%}, {rule.bootstrap_repeats} draws",
        "",
        *tell_stages(lines, results, seeds, head),
        *tell_variants(lines, head),
        *("## The variants", "", "| variant | what is otherwise |", "|---|---|"),
        *(f"| {name} | {variant.note} |" for name, variant in VARIANTS.items()),
    ]
    PAGE.write_text("\n".join(page) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "ladder_proof")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--longer", type=int, default=1, help="times the demo's epochs of images")
    options = parser.parse_args()
    catalog = open_demo()
    parameters, rule = catalog.load("params:train"), catalog.load("params:evaluate")
    store, cohort = catalog.load("store"), catalog.load("cohort")
    tables = [catalog.load(name) for name in ("patches", "canvas_lesions", "weight_files")]
    base = lengthen(parameters.read("dream_winner"), options.longer)
    lessons = take_lessons(base, store, cohort, *tables, cases=0)
    as_long = equal_epochs(base, len(lessons.examples["patches"][0].labels))
    results = Results(select_test(catalog, cohort, store.index))
    facts = tell_facts(base, as_long, options, digest_data(cohort, store.index))
    options.work.mkdir(parents=True, exist_ok=True)
    checkpoints = CheckpointMapping(options.work)
    for variant in VARIANTS:
        for seed in options.seeds:
            ladder = vary(base, variant, seed, as_long)
            climb = climb_ladder(ladder, lessons, checkpoints, listener=tell(variant, seed))
            add_climb(results, variant, ladder, lessons, climb)
        write_page(results, options.seeds, facts, rule)
        print(f"{variant}: {PAGE.relative_to(ROOT)} is written", flush=True)


if __name__ == "__main__":
    main()
