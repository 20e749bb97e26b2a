"""One breast through eight devices: what differs after standardization, and what lesions keep.

Run: OMP_NUM_THREADS=1 python benchmarks/twins_full_size.py [breasts] [binning] [JSON file]
Every table has its n and a 95 % interval over women. Full size (binning 1) with the study's
parameters takes some 50 s a breast on one core; binning 8, the demo's, a few seconds.
Wanted: a ratio near 1, lesions within half a millimetre, and contrast kept.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import yaml

from mammo_pipeline.mammo.audit.lesions_kept import measure_lesions, tabulate_lesions
from mammo_pipeline.mammo.audit.similarity import measure_twins, tabulate_twins
from mammo_pipeline.mammo.audit.twins import draw_twins
from mammo_pipeline.mammo.audit.visibility import measure_visibility, tabulate_visibility
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.dicom.presentation import present
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.standard import Standard, standardize_file
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

SEED, REPEATS = 5, 1000
# Of the standard's own bandwidth: without matching, as it is, and twice as soft.
BANDWIDTHS = (0.0, 1.0, 2.0)


def read_standard(binning: float) -> Standard:
    values: dict[str, Any] = {}
    for env in ("base",) if binning == 1 else ("base", "demo"):
        with open(f"conf/{env}/parameters/standardize.yml") as stream:  # noqa: PTH123
            text = stream.read().replace("${globals:seed}", "0")
        found = yaml.safe_load(text)["standardize"]
        values |= {**found, "audit": {**values.get("audit", {}), **found.get("audit", {})}}
    return StandardizeParameters(**values).standard


def show(content: bytes, image: dict[str, Any]) -> np.ndarray:
    return present(*decode_pixels(content))


def format_figure(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return f"- ({figure['reason']})"
    low, high = (
        figure[end] if figure[end] is not None else float("nan") for end in ("low", "high")
    )
    return f"{figure['value']:.3f} ({low:.3f} to {high:.3f}), n = {figure['n']}"


def print_matrix(devices: list[str], figure: dict[str, Any]) -> None:
    print(f"{'':22}" + "".join(f"{name[:10]:>12}" for name in devices))
    for name, row in zip(devices, figure["matrix"], strict=True):
        cells = "".join(f"{'-' if v is None else format(v, '.2f'):>12}" for v in row)
        print(f"{name:22}{cells}   worst with {figure['worst'][name]['with']}")


def print_twins(table: dict[str, Any]) -> None:
    print(f"\n== Twins: {table['twins']} breasts, refused {table['refused'] or 'none'}")
    for name, figure in table["ratios"].items():
        print(f"\nratio of {name} to two exposures: {format_figure(figure)}")
        print_matrix(table["devices"], figure)
    for name, figure in table["differences"].items():
        print(f"{name:>14}: {format_figure(figure)}")


def print_lesions(table: dict[str, Any]) -> None:
    print(f"\n== Contrast kept: {table['lesions']} lesions, {table['unmeasured']} unmeasured")
    groups = {"overall": table["overall"], **table["by_kind"], **table["by_device"]}
    for group, figures in groups.items():
        told = "; ".join(f"{name} {format_figure(figure)}" for name, figure in figures.items())
        print(f"{group:22} {told}")


def print_visibility(table: dict[str, Any], what: str) -> None:
    print(f"\n== Detectability of {what}; unmeasured {table['unmeasured']}")
    for setting, observers in table["settings"].items():
        for name, figures in observers.items():
            kept = {device: f["value"] for device, f in figures["by_device"].items()}
            told = " ".join(f"{d[:8]} {v:.2f}" for d, v in kept.items() if v is not None)
            print(f"{setting:18}{name:8} d' {format_figure(figures['mean'])}")
            print(f"{'':26} kept {format_figure(figures['kept'])}: {told}")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    binning = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    standard, twins, devices = read_standard(binning), draw_twins(count, SEED), list(DEVICES)
    print(standard)
    plain = partial(standardize_file, standard=standard)
    settings = {
        f"bandwidth {share * standard.bandwidth_mm:.2f}": partial(
            standardize_file, standard=replace(standard, bandwidth_mm=share * standard.bandwidth_mm)
        )
        for share in BANDWIDTHS
    }
    rng, found, start = np.random.default_rng(SEED), {}, time.process_time()
    rows = list(measure_twins(twins, devices, binning, plain, standard.spacing_mm))
    found["twins"] = tabulate_twins(rows, REPEATS, rng)
    print_twins(found["twins"])
    kept = list(measure_lesions(twins, devices, binning, plain, show, standard.spacing_mm))
    found["lesions"] = tabulate_lesions(kept, REPEATS, rng)
    print_lesions(found["lesions"])
    radius_mm = 0.2 if binning == 1 else 0.6
    for what, dots in (("one calcification", 1), ("six calcifications", 6)):
        seen = measure_visibility(
            twins, devices, binning, settings, show, standard.spacing_mm, radius_mm, dots
        )
        found[what] = tabulate_visibility(list(seen), REPEATS, rng)
        print_visibility(found[what], f"{what} of {radius_mm} mm radius")
    print(f"\n{time.process_time() - start:.0f} CPU seconds")
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w") as stream:  # noqa: PTH123
            json.dump(found, stream, indent=1, allow_nan=False)


if __name__ == "__main__":
    main()
