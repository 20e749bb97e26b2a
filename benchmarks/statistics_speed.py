"""The bootstrap of AUROC and DeLong's test against plain scikit-learn and pauc, one thread.

Run: OMP_NUM_THREADS=1 python benchmarks/statistics_speed.py [--rows 300000] [--repeats 1000]
         [--plain 20] [--rounds 3]

The plain loop draws rows within each class, or whole patients of four rows within each outcome, by
plain index arithmetic, and calls `roc_auc_score`; it is timed on --plain replicates and its seconds
are given for --repeats. Ours runs all --repeats, sorting included, once numba has compiled. Both
take turns, --rounds times, and the fastest counts. Seconds are CPU seconds of the process.
Cases: three prevalences, and scores of 1 to 10. `spread` is the replicates' standard deviation over
DeLong's standard error, clustered where patients are drawn: 1 but for Monte Carlo. Every figure
that scikit-learn computes too must be equal to 1e-12. DeLong: two models, and `pauc` beside it
where that is installed (it is not among the project's packages).
Required: 80 times by row, 50 by patient, and two models by DeLong within 0.2 s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn import metrics

from mammo_pipeline.mammo import delong, scoring
from mammo_pipeline.mammo.calibration.errors import brier_loss, log_loss
from mammo_pipeline.mammo.precision import average_precision
from mammo_pipeline.mammo.resampling import auroc_draws

ROWS_OF_A_PATIENT = 4
REQUIRED = {"row": 80, "patient": 50, "delong": 0.2}


def make_cases(rows: int, rng: np.random.Generator) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yields (name, labels, scores, patients); the rows of a patient are alike."""
    patients = np.arange(rows) // ROWS_OF_A_PATIENT
    for name, prevalence, whole in (
        ("0.35 %", 0.0035, False),
        ("10 %", 0.1, False),
        ("50 %", 0.5, False),
        ("0.35 %, 1 to 10", 0.0035, True),
        ("50 %, 1 to 10", 0.5, True),
    ):
        labels = (rng.random(rows) < prevalence).astype(int)
        shared = rng.normal(size=patients[-1] + 1)[patients]
        scores = shared + rng.normal(size=rows) + labels
        if whole:
            scores = 1.0 + np.searchsorted(np.quantile(scores, np.arange(1, 10) / 10), scores)
        yield name, labels, scores, patients


def plain_by_row(labels: Any, scores: Any, repeats: int, rng: np.random.Generator) -> np.ndarray:
    classes = [np.flatnonzero(labels == k) for k in (0, 1)]
    found = []
    for _ in range(repeats):
        drawn = np.concatenate([rng.choice(rows, rows.size) for rows in classes])
        found.append(metrics.roc_auc_score(labels[drawn], scores[drawn]))
    return np.array(found)


def plain_by_patient(
    labels: Any, scores: Any, repeats: int, rng: np.random.Generator
) -> np.ndarray:
    rows_of = np.arange(labels.size).reshape(-1, ROWS_OF_A_PATIENT)
    ill = labels[rows_of].any(axis=1)
    strata = [np.flatnonzero(ill == k) for k in (False, True)]
    found = []
    for _ in range(repeats):
        people = np.concatenate([rng.choice(s, s.size) for s in strata if s.size])
        drawn = rows_of[people].ravel()
        found.append(metrics.roc_auc_score(labels[drawn], scores[drawn]))
    return np.array(found)


def clock(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def compare_bootstraps(
    labels: Any, scores: Any, patients: Any, arguments: argparse.Namespace
) -> tuple[float, float, float]:
    """Returns (seconds of ours, of the plain loop, our spread over DeLong's standard error)."""
    ours, plain, draws = [], [], np.array([])
    error = np.sqrt(delong.delong_covariance(labels, scores, patients)[1][0, 0])
    for number in range(arguments.rounds):
        rng = np.random.default_rng(number)
        seconds, draws = clock(
            lambda rng=rng: auroc_draws(labels, scores, patients, arguments.repeats, rng)
        )
        ours.append(seconds)
        few = max(2, arguments.plain // arguments.rounds)
        draw = plain_by_row if patients is None else plain_by_patient
        seconds, _ = clock(lambda rng=rng, draw=draw, few=few: draw(labels, scores, few, rng))
        plain.append(seconds / few * arguments.repeats)
    return min(ours), min(plain), float(draws.std() / error)


def print_bootstraps(arguments: argparse.Namespace) -> bool:
    rng, good = np.random.default_rng(0), True
    auroc_draws([0, 1], [0.0, 1.0], [0, 1], 2, rng)
    print(f"{arguments.repeats} bootstraps of AUROC, {arguments.rows} rows, one thread")
    print(
        f"{'prevalence':>16} {'drawn':>8} {'ours s':>8} {'plain s':>8} {'times':>6} {'spread':>7}"
    )
    for name, labels, scores, patients in make_cases(arguments.rows, rng):
        for unit, people in (("row", None), ("patient", patients)):
            ours, plain, spread = compare_bootstraps(labels, scores, people, arguments)
            good &= plain / ours >= REQUIRED[unit]
            print(
                f"{name:>16} {unit:>8} {ours:8.3f} {plain:8.1f} {plain / ours:6.0f} {spread:7.2f}"
            )
    return good


def print_delong(arguments: argparse.Namespace) -> bool:
    rng, good = np.random.default_rng(1), True
    print(f"\nDeLong of two models, {arguments.rows} rows")
    print(f"{'prevalence':>16} {'ours s':>8} {'clustered s':>12} {'pauc s':>8} {'p apart':>9}")
    for name, labels, first, patients in make_cases(arguments.rows, rng):
        scores = first[:, None] + np.round(rng.normal(size=(first.size, 2)))
        plain = [clock(lambda: delong.compare_areas(labels, scores, None, 0.95)) for _ in range(3)]  # noqa: B023
        clustered = [
            clock(lambda: delong.compare_areas(labels, scores, patients, 0.95))  # noqa: B023
            for _ in range(3)
        ]
        seconds, by_delong = min(plain, key=lambda found: found[0])
        good &= seconds <= REQUIRED["delong"] and min(clustered)[0] <= REQUIRED["delong"]
        print(
            f"{name:>16} {seconds:8.3f} {min(c[0] for c in clustered):12.3f} "
            f"{ask_pauc(labels, scores, by_delong)}"
        )
    return good


def ask_pauc(labels: Any, scores: Any, ours: dict[str, Any]) -> str:
    try:
        import pauc
    except ImportError:
        return "pauc is not installed: python -m pip install pauc"

    def work() -> Any:
        curves = [pauc.ROC(labels, column, direction="<") for column in scores.T]
        return pauc.compare(*curves, method="delong")

    seconds, found = clock(work)
    return f"{seconds:8.3f} {abs(found.p_value - ours['p']):9.1e}"


def print_equality(arguments: argparse.Namespace) -> bool:
    rng, good = np.random.default_rng(2), True
    print("\nLargest difference to scikit-learn")
    for name, labels, scores, _ in make_cases(arguments.rows, rng):
        logits = (scores - scores.mean()) / 2
        p = 1 / (1 + np.exp(-logits))
        rates = [counts / counts[-1] for counts in scoring.roc_counts(labels, scores)]
        known = metrics.roc_curve(labels, scores, drop_intermediate=False)
        apart = {
            "auroc": scoring.auroc(labels, scores) - metrics.roc_auc_score(labels, scores),
            "auroc, DeLong": delong.delong_covariance(labels, scores)[0][0]
            - metrics.roc_auc_score(labels, scores),
            "average precision": average_precision(labels, scores)
            - metrics.average_precision_score(labels, scores),
            "Brier": brier_loss(labels, p) - metrics.brier_score_loss(labels, p),
            "log loss": log_loss(labels, logits) - metrics.log_loss(labels, p),
            "ROC points": max(np.abs(rates[k] - known[1 - k]).max() for k in (0, 1)),
        }
        worst = max(apart, key=lambda key: abs(float(apart[key])))
        good &= abs(float(apart[worst])) <= 1e-12
        print(f"{name:>16} {worst:>18} {abs(float(apart[worst])):.1e}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--plain", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    good = [print_bootstraps(arguments), print_delong(arguments), print_equality(arguments)]
    print("\n" + ("all required figures are met" if all(good) else "A REQUIRED FIGURE IS MISSED"))


if __name__ == "__main__":
    main()
