"""The audit page: the verdict first, then who is judged, on whom, and every figure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.appended import Appended
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo import changes
from mammo_pipeline.mammo.calibration.prevalence import tabulate_shift
from mammo_pipeline.mammo.cases import gather_member_logits, pick_cases
from mammo_pipeline.mammo.digest import digest_record
from mammo_pipeline.mammo.ensembling import score as ensembling
from mammo_pipeline.mammo.exam import BOX_COLUMNS
from mammo_pipeline.pipelines.evaluate import closer
from mammo_pipeline.pipelines.evaluate.measure import find_fitted_prevalence
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters

Record = dict[str, Any]
Pictures = dict[tuple[str, str], list[np.ndarray]]
SUBTITLE = (
    "Unit: the breast of one exam. Intervals: bootstrap by patient. Everything was frozen on tune "
    "before the test set was opened."
)
OPENED_AGAIN = (
    " This is one of {count} ensembles that were measured on these outcomes: the best of several "
    "looks better than it is, and no interval here knows of the others."
)
VERSIONS = {"data version": "data_version", "test labels": "test_truth_version"}
SHOWN = ["auroc", "sensitivity", "specificity", "recall_rate", "calibration_error"]


def draw_cases(
    test_scores: pd.DataFrame,
    test_breasts: pd.DataFrame,
    ensemble: Record,
    sweep_members: closer.Members,
    store: StoredImages,
    canvas_test_lesions: pd.DataFrame,
    parameters: EvaluateParameters,
) -> tuple[pd.DataFrame, Pictures]:
    """Returns the breasts that a reviewer should look at, and their pictures by (exam, side).

    The pictures hold the heat of the whole ensemble and the lesions that are known. They are
    written nowhere but into the page.
    """
    if not parameters.cases:
        return test_breasts[:0], {}
    cases = pick_cases(gather_member_logits(test_scores, test_breasts), parameters.cases)
    wanted = test_scores.merge(cases[["exam_id", "laterality"]], on=["exam_id", "laterality"])
    wanted = wanted.sort_values(["exam_id", "laterality", "view"]).reset_index(drop=True)
    return cases, draw_images(
        *(wanted, ensemble, sweep_members, store, canvas_test_lesions, parameters.batch)
    )


def draw_images(
    images: pd.DataFrame,
    ensemble: Record,
    sweep_members: closer.Members,
    store: StoredImages,
    lesions: pd.DataFrame,
    batch: int,
) -> Pictures:
    """Returns the pictures of each breast of some images, CC before MLO, plain beside heat."""
    from mammo_pipeline.mammo.networks.families import heatmap_places, read_network
    from mammo_pipeline.reporting.audit.cases import draw_view
    from mammo_pipeline.reporting.overlay import stretch_heat

    positions = closer.find_positions(images, store)
    members = ensembling.read_members(ensemble, sweep_members)
    maps = closer.map_images(ensemble, members, store.pixels, positions, batch)
    heats, places = [None] * len(images), None
    if maps is not None:
        odds = np.log(np.clip(maps, 1e-7, 1 - 1e-7)) - np.log1p(-np.clip(maps, 1e-7, 1 - 1e-7))
        heats = list(stretch_heat(odds))
        seen = heatmap_places(read_network(ensemble["network"]))
        places = (seen.stride_px, seen.offset_px, seen.window_px)
    pictures: Pictures = {}
    for (_, image), position, heat in zip(images.iterrows(), positions, heats, strict=True):
        boxes = lesions.loc[lesions["image_id"] == image["image_id"], BOX_COLUMNS].to_numpy(float)
        drawn = draw_view(np.asarray(store.pixels[int(position)]), boxes, heat, places)
        pictures.setdefault((str(image["exam_id"]), str(image["laterality"])), []).extend(drawn)
    return pictures


def write_audit_page(
    evaluation: Record,
    test_breasts: pd.DataFrame,
    ensemble: Record,
    release_gates: Sequence[Record],
    cases: pd.DataFrame,
    case_pictures: Pictures,
    contract: Record,
    device_audit: Record,
    split_record: Record,
    ensemble_metrics: dict[str, float],
    train_metrics: Record,
    evaluation_history: Appended,
    sign_offs: Appended,
    parameters: EvaluateParameters,
) -> Record:
    """Returns the audit page as a report: who was judged, on whom, and how."""
    from mammo_pipeline.reporting.audit import identity as who
    from mammo_pipeline.reporting.audit import verdict

    alarms, now = evaluation["shortcuts"]["alarms"], datetime.now(UTC).isoformat(timespec="seconds")
    identity = describe_identity(split_record, parameters, now)
    behind = (contract, device_audit, ensemble_metrics, train_metrics)
    now_in_short = summarize(evaluation, ensemble, release_gates, now)
    sections = [
        verdict.show_verdict(release_gates, alarms),
        *list_measured(evaluation, ensemble, test_breasts, identity),
        *list_looked_at(evaluation, cases, case_pictures),
        *list_background(evaluation, ensemble, *behind),
        show_changes(now_in_short, evaluation_history),
        show_sign_offs(evaluation, sign_offs),
    ]
    return {
        "title": "Audit of the ensemble on the test set",
        "subtitle": describe_looks(now_in_short, evaluation_history),
        "verdict": verdict.state_verdict(release_gates, alarms),
        "facts": list_facts(evaluation),
        "sections": sections,
        "footer": {name: evaluation[key] for name, key in VERSIONS.items()},
        "record": who.record_identity(evaluation, release_gates, identity),
    }


def list_facts(evaluation: Record) -> Record:
    """Returns the facts on top of the page."""
    from mammo_pipeline.reporting.audit.performance import NAMES

    count = evaluation["count"]
    return {NAMES[name]: evaluation[name] for name in SHOWN} | {
        "breasts": count["breasts"],
        "with cancer": count["positives"],
        "patients": count["patients"],
        "images": count["images"],
    }


def list_measured(
    evaluation: Record, ensemble: Record, breasts: pd.DataFrame, identity: Record
) -> list[Record]:
    """Returns who is judged, on whom, and the figures of the whole test set."""
    from mammo_pipeline.reporting.audit import background
    from mammo_pipeline.reporting.audit.identity import show_identity

    return [
        show_identity(evaluation, ensemble, identity),
        background.show_flow(evaluation["flow"]),
        *list_scored(evaluation, ensemble, breasts),
    ]


def list_scored(evaluation: Record, ensemble: Record, breasts: pd.DataFrame) -> list[Record]:
    """Returns the sections on what scores and outcomes alone tell, whoever made the scores."""
    from mammo_pipeline.reporting.audit import performance, reliability
    from mammo_pipeline.reporting.audit.decision import show_decision_curve
    from mammo_pipeline.reporting.audit.ensemble import show_diversity, show_ensemble
    from mammo_pipeline.reporting.audit.subgroups import show_subgroups

    prevalence = ensemble["scale"]["prevalence"]
    shift = tabulate_shift(
        breasts["calibrated_logit"], find_fitted_prevalence(ensemble), [prevalence]
    )
    return [
        performance.show_figures(evaluation),
        performance.show_ranking(evaluation, breasts),
        performance.show_units(evaluation["units"]),
        performance.show_screening(evaluation["screening"]),
        performance.show_ripening(evaluation["ripening"]),
        show_ensemble(ensemble),
        show_diversity(ensemble),
        reliability.show_calibration(evaluation["calibration"]),
        reliability.show_choice(ensemble["calibration"]),
        reliability.show_prevalence_shift(shift),
        show_decision_curve(evaluation["decision"]["here"]),
        show_decision_curve(evaluation["decision"]["screening"], "screening"),
        show_subgroups(evaluation["subgroups"], evaluation),
    ]


def list_looked_at(evaluation: Record, cases: pd.DataFrame, pictures: Pictures) -> list[Record]:
    """Returns the sections on shortcuts, an earlier model, lesions and single breasts."""
    from mammo_pipeline.reporting.audit.cases import show_cases
    from mammo_pipeline.reporting.audit.lesions import show_lesions
    from mammo_pipeline.reporting.audit.shortcuts import show_shortcuts

    return [
        show_shortcuts(evaluation["shortcuts"]),
        show_beside(evaluation["comparison"]),
        show_lesions(evaluation["lesions"]),
        show_cases(cases, pictures),
    ]


def show_beside(comparison: Record) -> Record:
    """Returns the comparison with the earlier model, saying which that is, or why there is none."""
    from mammo_pipeline.reporting.audit.comparison import show_comparison

    title = {"title": "Beside the earlier model"}
    if "reason" in comparison:
        return title | {"text": f"Not compared: {comparison['reason']}."}
    section, model = show_comparison(comparison), comparison["model"]
    who = f"The earlier model is {model['name']} version {model['version']}, the {model['alias']}."
    return section | title | {"text": f"{who} {section['text']}"}


def list_background(
    evaluation: Record,
    ensemble: Record,
    contract: Record,
    device_audit: Record,
    ensemble_metrics: dict[str, float],
    train_metrics: Record,
) -> list[Record]:
    """Returns what stands behind the figures: data, devices, making, other people's figures."""
    from mammo_pipeline.reporting.audit import background

    return [
        background.show_contract(contract),
        background.show_devices(device_audit),
        background.show_making(ensemble, ensemble_metrics, train_metrics),
        background.show_benchmarks(evaluation),
        background.show_limits(evaluation, ensemble),
    ]


def describe_identity(split_record: Record, parameters: EvaluateParameters, now: str) -> Record:
    """Returns what the page says of its making: run, model, commit, parameters, time."""
    from mammo_pipeline.provenance import describe_making
    from mammo_pipeline.tracking import active_run

    run, making = active_run(), describe_making(Path.cwd())
    return {
        "run_id": run.run_id if run else None,
        "registered_model": run.registered_model if run else None,
        "commit": making["commit"],
        "mammo_pipeline": making["mammo_pipeline"],
        "split_sha256": split_record["digest"],
        "parameters_sha256": digest_record(parameters.model_dump(mode="json")),
        "kedro_env": os.environ.get("MAMMO_PIPELINE_ENV") or None,
        "evaluated": now,
    }


def summarize(evaluation: Record, ensemble: Record, gates: Sequence[Record], when: str) -> Record:
    """Returns the evaluation as its history keeps it."""
    rung = [one["name"] for one in evaluation["shortcuts"]["alarms"] if one["alarmed"]]
    return changes.summarize_evaluation(evaluation, ensemble["calibration"], gates, rung, when)


def describe_looks(now: Record, history: Appended) -> str:
    """Returns how the figures were come by, and how many ensembles these outcomes were shown to."""
    count = changes.count_ensembles(now, history.records())
    return SUBTITLE + (OPENED_AGAIN.format(count=count) if count > 1 else "")


def show_changes(now: Record, history: Appended) -> Record:
    """Returns what changed since the last evaluation that was another."""
    from mammo_pipeline.reporting.audit import changes as section

    before = changes.find_previous(now, history.records())
    return section.show_changes(changes.compare_evaluations(now, before))


def show_sign_offs(evaluation: Record, sign_offs: Appended) -> Record:
    """Returns who signed a page of this ensemble, and how to sign this one."""
    from mammo_pipeline.reporting.audit.sign_off import give_command, show_sign_off

    env = os.environ.get("MAMMO_PIPELINE_ENV")
    command = give_command(env if env and env != "local" else None)
    return show_sign_off(sign_offs.records(), evaluation["ensemble_sha256"], command)
