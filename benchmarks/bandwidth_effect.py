"""What matching the bandwidth and the bands of detail takes from a device probe, and what it costs.

    OMP_NUM_THREADS=1 python benchmarks/bandwidth_effect.py [--env demo] [--images 0]
        [--breasts 2] [--binning 1] [--devices hologic_dimensions,ge_pristina,...]

Four standards: the study's; without its blur to one bandwidth; without its gains of detail; without
both. First the probes of the audit (statistics, frozen net) on the accepted images of an
environment whose `check` has run, `make demo` for the demo: 1,208 images, some two minutes of one
core. Then how visible a faint calcification of 0.2 mm radius stays, on made-up breasts at full size
through several devices: half a minute a breast and device; `--breasts 0` leaves it out.
Wanted: the probes fall from the last standard to the first, and the visibility does not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from twins_full_size import print_visibility, show

from mammo_pipeline.mammo import detail
from mammo_pipeline.mammo.audit.confounders import weigh_images
from mammo_pipeline.mammo.audit.features import STATISTICS, describe_image
from mammo_pipeline.mammo.audit.network import extract_features
from mammo_pipeline.mammo.audit.probe import ProbeRule, probe_devices
from mammo_pipeline.mammo.audit.twins import draw_twins
from mammo_pipeline.mammo.audit.visibility import measure_visibility, tabulate_visibility
from mammo_pipeline.mammo.standard import Standard, standardize_file
from mammo_pipeline.pipelines.standardize.nodes import find_paths, sample_by_device
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

ROOT = Path(__file__).parents[1]
LEVEL, SEED, REPEATS = 0.95, 5, 1000
DEVICES = "hologic_dimensions,ge_pristina,giotto_image,fujifilm_amulet"
# Whether the blur to one bandwidth is made, and whether the bands of detail are scaled.
SETTINGS = {
    "study": (True, True),
    "no blur": (False, True),
    "no gains": (True, False),
    "neither": (False, False),
}
Standardize = Callable[[bytes, dict[str, Any]], tuple[np.ndarray | None, dict[str, Any]]]


@contextmanager
def hold_gains(scaled: bool) -> Iterator[None]:
    """Holds every gain of detail at 1 unless they may scale."""
    before = detail.GAINS
    detail.GAINS = before if scaled else (1.0, 1.0)
    try:
        yield
    finally:
        detail.GAINS = before


def make_standardize(standard: Standard, blurred: bool, scaled: bool) -> Standardize:
    own = standard if blurred else replace(standard, bandwidth_mm=0.0)

    def standardize(
        content: bytes, image: dict[str, Any]
    ) -> tuple[np.ndarray | None, dict[str, Any]]:
        with hold_gains(scaled):
            return standardize_file(content, image, own)

    return standardize


def open_study(env: str) -> tuple[DataCatalog, StandardizeParameters]:
    """Returns the catalog of an environment and the room's parameters there."""
    bootstrap_project(ROOT)
    context = KedroSession.create(ROOT, env=env, save_on_close=False).load_context()
    return context.catalog, context.catalog.load("params:standardize")


def load_images(env: str, most: int) -> tuple[pd.DataFrame, list[str], StandardizeParameters]:
    """Returns the accepted images, the path of each, and the room's parameters."""
    catalog, parameters = open_study(env)
    cohort = catalog.load("cohort")
    if most:
        each = max(1, most // cohort["device"].nunique())
        cohort = sample_by_device(cohort, each, parameters.seed)
    folder, key = catalog.load("raw_dicom"), catalog.load("pseudonym_key")
    return cohort.reset_index(drop=True), find_paths(cohort, folder, key), parameters


def measure(
    cohort: pd.DataFrame, paths: list[str], standardize: Standardize, spacing_mm: float
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Returns the images that were standardized, and what the two probes look at."""
    kept, statistics, seen = [], [], []
    for number, (path, row) in enumerate(zip(paths, cohort.to_dict("records"), strict=True)):
        canvas, _ = standardize(Path(path).read_bytes(), row)
        if canvas is None:
            continue
        features = describe_image(canvas, 0, (spacing_mm, spacing_mm)).features
        kept.append(number)
        statistics.append([features[name] for name in STATISTICS])
        seen.append(extract_features(canvas, 0))
    return cohort.iloc[kept], {"statistics": np.array(statistics), "network": np.stack(seen)}


def report_probes(env: str, most: int) -> None:
    cohort, paths, parameters = load_images(env, most)
    rule, standard = parameters.audit, parameters.standard
    how = ProbeRule(rule.folds, rule.draws, LEVEL, parameters.seed)
    count = f"{len(cohort)} images of {cohort['device'].nunique()} devices"
    where = f"bandwidth {standard.bandwidth_mm} mm at {standard.spacing_mm} mm"
    print(f"{count}, {where}; AUC, 0.5 is chance")
    for name, (blurred, scaled) in SETTINGS.items():
        standardize = make_standardize(standard, blurred, scaled)
        images, families = measure(cohort, paths, standardize, standard.spacing_mm)
        weights, _ = weigh_images(images, images["device"], rule.trim)
        told = []
        for family, features in families.items():
            found = probe_devices(features, images["device"], images["patient_id"], weights, how)
            told.append(f"{family} {found['auc']:.3f} ({found['low']:.3f} to {found['high']:.3f})")
        print(f"  {name:10} {'; '.join(told)}", flush=True)


def report_visibility(breasts: int, devices: list[str], binning: float, radius_mm: float) -> None:
    _, parameters = open_study("base" if binning == 1 else "demo")
    standard = parameters.standard
    settings = {name: make_standardize(standard, *switches) for name, switches in SETTINGS.items()}
    twins, mm = draw_twins(breasts, SEED), standard.spacing_mm
    rows = list(measure_visibility(twins, devices, binning, settings, show, mm, radius_mm))
    table = tabulate_visibility(rows, REPEATS, np.random.default_rng(SEED))
    print_visibility(table, f"a calcification of {radius_mm} mm radius, {breasts} breasts")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--env", default="demo", help="Environment whose images are probed; '' for none."
    )
    parser.add_argument("--images", type=int, default=0, help="Most images; 0 for all.")
    parser.add_argument("--breasts", type=int, default=2)
    parser.add_argument("--binning", type=float, default=1.0)
    parser.add_argument("--devices", default=DEVICES)
    options = parser.parse_args()
    if options.env:
        report_probes(options.env, options.images)
    if options.breasts:
        radius_mm = 0.2 if options.binning == 1 else 0.6
        report_visibility(options.breasts, options.devices.split(","), options.binning, radius_mm)


if __name__ == "__main__":
    main()
