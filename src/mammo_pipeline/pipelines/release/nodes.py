"""Room `release`: judge, log, register, and close the study's main job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mammo_pipeline import serving
from mammo_pipeline.closing import closing_block
from mammo_pipeline.mammo.digest import digest_record
from mammo_pipeline.mammo.gate import gate_passed
from mammo_pipeline.pipelines.release.parameters import ReleaseParameters
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters
from mammo_pipeline.tracking import model_link, run_link, server_command

Members = dict[str, Callable[[], dict[str, np.ndarray]]]

log = logging.getLogger(__name__)


class ServedDifferenceError(ValueError):
    """The model as served does not say what the trained members say."""


def register_ensemble(
    ensemble: dict[str, Any],
    sweep_members: Members,
    evaluation: dict[str, Any],
    gates: list[dict[str, Any]],
    device_maps: dict[str, Any] | None,
    standardize: StandardizeParameters,
    parameters: ReleaseParameters,
) -> dict[str, Any]:
    """Returns the record of the new model version; the alias `candidate` only when all gates pass.

    A version is registered either way: a refused one, with its reasons, is part of the history.

    Raises:
        ServedDifferenceError: The logged model does not say what its members say; it is not
            registered.
        ValueError: The evaluation is that of another ensemble.
    """
    from mammo_pipeline.mammo.standard import describe_standard
    from mammo_pipeline.pipelines.release import bundle
    from mammo_pipeline.tracking import registry

    registry.require_run()
    refuse_other_figures(ensemble, evaluation)
    members = bundle.build_members(ensemble, sweep_members)
    standard = describe_standard(standardize.standard, device_maps)
    records = {"ensemble": ensemble, "evaluation": evaluation}
    uri = _log_ensemble(ensemble, standard, members, records)
    images = draw_canvases(standardize.shape_px, parameters.served_images, parameters.seed)
    difference = bundle.compare_served(registry.load_logged(uri), ensemble, members, images)
    if not difference <= parameters.served_tolerance:
        raise ServedDifferenceError(
            f"the model as served differs from its members by {difference:.2g}, expected at most "
            f"{parameters.served_tolerance:.2g}. It was not registered. Did the version of Keras "
            "or TensorFlow change between training and release?"
        )
    return _register(uri, gates, evaluation, difference)


def refuse_other_figures(ensemble: dict[str, Any], evaluation: dict[str, Any]) -> None:
    """Raises ValueError unless the figures were measured on this very ensemble."""
    if digest_record(ensemble) != evaluation["ensemble_sha256"]:
        raise ValueError(
            "the evaluation was made on another ensemble than the one to be released, so its "
            "figures and gates say nothing about it. Run `evaluate`, then `release` again."
        )


def _log_ensemble(
    ensemble: dict[str, Any],
    standard: dict[str, Any],
    members: dict[str, Any],
    records: dict[str, Any],
) -> str:
    """Logs members and records; the page stays with its run, for it shows patients' images."""
    from mammo_pipeline.pipelines.release import bundle
    from mammo_pipeline.tracking import registry

    with TemporaryDirectory() as folder:
        artifacts = bundle.write_artifacts(Path(folder), members, records)
        config = bundle.describe_model(ensemble, standard, artifacts)
        code = Path(serving.__file__).with_name("ensemble_model.py")
        return registry.log_ensemble(code, artifacts, config, tuple(standard["shape_px"]))


def draw_canvases(shape_px: tuple[int, int], count: int, seed: int) -> np.ndarray:
    """Returns random canvases of rising brightness, uint16 (count, rows, columns, 1)."""
    noise = np.random.default_rng(seed).random((count, *shape_px, 1))
    brightness = np.linspace(0.2, 1, count).reshape(count, 1, 1, 1)
    return (65535 * brightness * noise).astype(np.uint16)


def _register(
    uri: str, gates: list[dict[str, Any]], evaluation: dict[str, Any], difference: float
) -> dict[str, Any]:
    from mammo_pipeline.tracking import registry

    run, source = registry.require_run(), registry.read_source()
    passed = gate_passed(gates)
    because = [gate["reason"] for gate in gates if not gate["passed"]]
    tags = source | registry.verdict_tags(passed, because)
    tags["data.version"] = evaluation["data_version"]
    version = registry.register_version(uri, tags, _describe_version(evaluation, passed))
    if passed:
        registry.set_candidate(version)
    return {
        "model": run.registered_model,
        "version": version,
        "env": source.get("kedro.env"),
        "run_id": run.run_id,
        "model_uri": uri,
        "passed": passed,
        "alias": registry.CANDIDATE if passed else None,
        "refused_because": because,
        "gates": gates,
        "served_difference": difference,
        "links": {"run": run_link(run), "version": model_link(run, version)},
        "server_command": server_command(run.tracking_uri),
    }


def _describe_version(evaluation: dict[str, Any], passed: bool) -> str:
    from mammo_pipeline.reporting.page import show_figure

    verdict = "All gates passed" if passed else "Refused by the gate, see its tags"
    auroc = show_figure(evaluation["auroc"])
    return f"Test AUROC {auroc}, n = {evaluation['auroc']['n']}. {verdict}. Research use only."


def close_study(
    release: dict[str, Any],
    evaluation: dict[str, Any],
    device_audit: dict[str, Any],
    audit_page: dict[str, Any],
) -> None:
    """Logs the block with which the main job ends."""
    from mammo_pipeline.reporting.page import show_figure

    devices = device_audit["probes"]["statistics"]
    verdict = f"candidate: all {len(release['gates'])} gates passed"
    if not release["passed"]:
        verdict = "refused: " + "; ".join(release["refused_because"])
    rows = {
        "cohort": read_flow(evaluation["flow"]),
        "test AUROC": f"{show_figure(evaluation['auroc'])}, n = {evaluation['auroc']['n']} breasts",
        "calibration error": show_figure(evaluation["calibration_error"]),
        "device AUROC": f"{show_figure(as_figure(devices['before']))} before, "
        f"{show_figure(as_figure(devices['after']))} after; 0.5 is chance",
        "model": f"{release['model']} version {release['version']}",
        "gate": verdict,
        "run": release["links"]["run"],
        "version": release["links"]["version"],
    }
    if release["server_command"]:
        rows["open MLflow"] = release["server_command"]
    env = f"--env {release['env']} " if release["env"] else ""
    next_command = f'kedro promote {env}--reason "..."' if release["passed"] else None
    log.info(closing_block("study", rows, audit_page["page"], next_command))


def read_flow(flow: dict[str, Any]) -> str:
    """Returns the cohort's flow as one line.

    >>> read_flow({"found": 9, "accepted": 7, "standardized": 6, "train": 3, "tune": 2, "test": 2})
    '9 files, 7 accepted, 6 standardized; 3 images train, 2 tune, 2 test'
    """
    return (
        f"{flow['found']} files, {flow['accepted']} accepted, {flow['standardized']} standardized; "
        f"{flow['train']} images train, {flow['tune']} tune, {flow['test']} test"
    )


def as_figure(probe: dict[str, Any]) -> dict[str, Any]:
    """Returns a device probe in the form of every other figure."""
    return {**probe, "value": probe["auc"]}
