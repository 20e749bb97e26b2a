"""What an epoch looked like, and which troubles of training a stage's epochs show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.ladder.memory import measure_memory

Row = dict[str, Any]

# Median absolute deviations to standard deviations of a normal distribution.
TO_SPREAD = 1.4826
# Of the exponential mean over epochs: the last three epochs weigh four fifths.
SMOOTHING = 0.6
# Steps on either side whose median says what a loss should be: wider than a burst of bad batches,
# narrower than the time in which the loss itself falls.
SPIKE_REACH = 12
# Spreads above that median. Of normal noise one step in 10^9; of a skewed loss one in some 10^4.
SPIKE_SPREADS = 6.0
# Of that median: a loss that jumps by less than half is no trouble, however quiet its neighbours.
SPIKE_LEAST = 0.5

# Fewer epochs show no trend: with four points any noise makes one in every third stage.
FEWEST_EPOCHS = 5
# A tune AUC that moves less is not worth a word, whatever its noise.
LEAST_AUC = 0.01
# Spreads of the epochs' noise that a smoothed change must exceed: smoothing halves the noise, but
# the first epochs are not smoothed yet, and the best of many lies one or two above by chance.
NOISE_SPREADS = 3.0
# Share of the loss that counts as a fall: in a stage that learns nothing it moves by less.
LEAST_FALL = 0.01
# Epochs that are flat: fewer may only be waiting for the rate to drop.
PLATEAU_EPOCHS = 5
PLATEAU_SHARE = 0.5  # and half of the stage: the other half would have done
# Standard deviation of a tune AUC from epoch to epoch that makes the choice of an epoch a lottery:
# twice that is the gain of most stages. And of the loss, as a share of it.
NOISY_AUC, NOISY_LOSS = 0.04, 0.15
NOISY_EPOCHS = 8  # the bend of the first epochs would be taken for noise in fewer
SPIKY_SHARE = 0.01  # of the steps: rarer spikes are single bad batches, and Adam forgets them
SPIKY_STEPS = 3
# Weights that double within a stage and still grow by a fiftieth each epoch have found no place.
NORM_GROWTH = 2.0
NORM_PACE = 1.02
# Of the time of a step: the rest of the noise of a feed that keeps up is below.
FEED_WAIT = 0.05
# Share of the whole fall of the loss that the last third of the epochs brings: a straight line
# brings 0.33, an exponential that has come to its end 0.05.
SHORT_SHARE = 0.2


def epoch_row(
    stage: str,
    epoch: int,
    steps: Mapping[str, np.ndarray],
    *,
    pictures: int,
    rate: float,
    tune_auc: float,
    weight_norm: float,
    before: Sequence[Row],
) -> Row:
    """Returns the history row of one epoch.

    Args:
        stage: Name of the stage.
        epoch: Number of this epoch in the stage, from 1.
        steps: loss, gradient_norm (before any clipping), seconds (of the whole step) and wait (of
            these, for the feed), each of shape (steps,).
        pictures: That each step learned from.
        rate: Learning rate of the last step.
        tune_auc: Of the weights that the stage would keep.
        weight_norm: Euclidean norm of all trained weights.
        before: Rows of the earlier epochs; those of other stages are passed over.
    """
    own = [row for row in before if row["stage"] == stage]
    losses, norms = np.asarray(steps["loss"], float), np.asarray(steps["gradient_norm"], float)
    seconds = float(np.sum(steps["seconds"]))
    loss = float(np.mean(losses))
    memory_mb, memory_of = measure_memory()
    return {
        "stage": stage,
        "epoch": epoch,
        "steps": len(losses),
        "loss": loss,
        "loss_smooth": float(smooth([*(row["loss"] for row in own), loss])[-1]),
        "tune_auc": float(tune_auc),
        "tune_auc_smooth": float(smooth([*(row["tune_auc"] for row in own), tune_auc])[-1]),
        "learning_rate": float(rate),
        "weight_norm": float(weight_norm),
        "gradient_norm": float(np.median(norms)),
        "gradient_norm_max": float(np.max(norms)),
        "spikes": len(find_spikes(losses)),
        "seconds": round(seconds, 3),
        "step_ms": round(1000 * float(np.median(steps["seconds"])), 3),
        "feed_wait_share": round(float(np.sum(steps["wait"])) / max(seconds, 1e-9), 4),
        "images_per_second": round(pictures * len(losses) / max(seconds, 1e-9), 2),
        "memory_mb": round(memory_mb, 1),
        "memory_of": memory_of,
    }


def smooth(values: Iterable[float], momentum: float = SMOOTHING) -> np.ndarray:
    """Returns the exponential mean of the values up to each one, as long as the values.

    Without the pull towards zero at the start, as Adam corrects its moments (Kingma and Ba 2015,
    section 3). What comes later never changes what was smoothed; a NaN is passed over.

    >>> smooth([1.0, 1.0, 2.0], momentum=0.5).round(3).tolist()
    [1.0, 1.0, 1.571]
    """
    series = np.asarray(list(values), float)
    known = np.isfinite(series)
    total, weight = 0.0, 0.0
    smoothed = np.full(len(series), np.nan)
    for place, value in enumerate(np.where(known, series, 0.0)):
        if known[place]:
            total = momentum * total + (1 - momentum) * value
            weight = momentum * weight + (1 - momentum)
        smoothed[place] = total / weight if weight else np.nan
    return smoothed


def find_spikes(losses: np.ndarray) -> np.ndarray:
    """Returns the steps whose loss stands far above that of their neighbours.

    Far is `SPIKE_SPREADS` robust standard deviations above the running median, both as a share of
    it, for the noise of a loss falls with the loss. The deviations themselves are measured by their
    median, so that spikes do not hide each other. The window is as long before a step as behind
    it, else a steep start would look like spikes: so the first and the last step are not judged.

    >>> find_spikes(np.array([1.0, 1.1, 0.9, 9.0, 1.0, 1.1, 0.9])).tolist()
    [3]
    """
    series = np.asarray(losses, float)
    places = np.arange(len(series))
    reach = np.minimum(np.minimum(places, places[::-1]), SPIKE_REACH)
    middle = np.array(
        [np.median(series[n - r : n + r + 1]) for n, r in zip(places, reach, strict=True)]
    )
    away = series / np.maximum(middle, np.finfo(float).tiny) - 1
    spread = TO_SPREAD * float(np.median(np.abs(away)))
    return np.flatnonzero(away > max(SPIKE_SPREADS * spread, SPIKE_LEAST))


def measure_noise(values: ArrayLike) -> float:
    """Returns the standard deviation of a curve from point to point, robust, its trend taken off.

    From second differences, which a straight line has not and a smooth curve hardly has.

    >>> round(measure_noise([0.5, 0.6, 0.7, 0.8]), 6)
    0.0
    """
    bends = np.diff(np.asarray(values, float), n=2)
    bends = bends[np.isfinite(bends)]
    if not len(bends):
        return 0.0
    # x - 2 y + z of three values with the noise s has the noise s times the root of 1 + 4 + 1.
    return TO_SPREAD * float(np.median(np.abs(bends))) / 6**0.5


def name_troubles(history: Iterable[Row]) -> list[dict[str, str]]:
    """Returns the troubles of every stage, each as stage, trouble and a sentence with figures.

    Args:
        history: Rows of `epoch_row`, of any number of stages, each stage's in order.
    """
    stages: dict[str, list[Row]] = {}
    for row in history:
        stages.setdefault(row["stage"], []).append(row)
    return [
        {"stage": stage, "trouble": name, "sentence": sentence}
        for stage, rows in stages.items()
        for name, fewest, tell in _RULES
        if len(rows) >= fewest and (sentence := tell(rows))
    ]


def _column(rows: list[Row], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], float)


def _least_auc(rows: list[Row]) -> float:
    """Returns by how much the tune AUC must change to be more than its noise."""
    return max(LEAST_AUC, NOISE_SPREADS * measure_noise(_column(rows, "tune_auc")))


def _tell_overfitting(rows: list[Row]) -> str | None:
    auc, loss = _column(rows, "tune_auc_smooth"), _column(rows, "loss_smooth")
    if not np.isfinite(auc).any():
        return None
    best = int(np.nanargmax(auc))
    lost, fell = auc[best] - auc[-1], 1 - loss[-1] / loss[best]
    if lost <= _least_auc(rows) or fell <= LEAST_FALL:
        return None
    return (
        f"It overfits: since epoch {rows[best]['epoch']} the tune AUC fell from {auc[best]:.3f} to "
        f"{auc[-1]:.3f} (smoothed), while the loss went on falling by {100 * fell:.0f} %. Keep the "
        "best epoch, stop earlier, or augment and decay more."
    )


def _tell_plateau(rows: list[Row]) -> str | None:
    auc, loss = _column(rows, "tune_auc"), _column(rows, "loss")
    epochs = max(PLATEAU_EPOCHS, int(np.ceil(PLATEAU_SHARE * len(rows))))
    early, late = (slice(-epochs, -(epochs // 2)), slice(-(epochs // 2), None))
    fell = float(1 - np.median(loss[late]) / np.median(loss[early]))
    gained = float(np.median(auc[late]) - np.median(auc[early]))
    flat = max(LEAST_FALL, measure_noise(loss) / float(np.median(loss)))
    if abs(fell) > flat or abs(gained) > LEAST_AUC:
        return None
    return (
        f"It stood still: between the halves of its last {epochs} of {len(rows)} epochs the loss "
        f"fell by {100 * fell:.1f} % and the tune AUC rose by {gained:.3f} (medians). Give it "
        "fewer epochs, or another learning rate."
    )


def _tell_noise(rows: list[Row]) -> str | None:
    auc = measure_noise(_column(rows, "tune_auc"))
    loss = _column(rows, "loss")
    shaken = measure_noise(loss) / max(float(np.median(loss)), 1e-12)
    if auc <= NOISY_AUC and shaken <= NOISY_LOSS:
        return None
    return (
        f"It is noisy: from epoch to epoch the tune AUC varies by {auc:.3f} and the loss by "
        f"{100 * shaken:.0f} % (standard deviations). Lower the learning rate, enlarge the batch, "
        "or keep an average of the weights."
    )


def _tell_spikes(rows: list[Row]) -> str | None:
    spikes, steps = (int(_column(rows, name).sum()) for name in ("spikes", "steps"))
    if spikes < max(SPIKY_STEPS, SPIKY_SHARE * steps):
        return None
    highest = float(np.max(_column(rows, "gradient_norm_max") / _column(rows, "gradient_norm")))
    return (
        f"Its loss has spikes: {spikes} of {steps} steps stood more than {SPIKE_SPREADS:g} robust "
        f"deviations above their neighbours, and a gradient came to {highest:.0f} times the median "
        "one. Clip the gradient or lower the rate; where cancers are rare, balance the batches."
    )


def _tell_growth(rows: list[Row]) -> str | None:
    norms = _column(rows, "weight_norm")
    grown = float(norms[-1] / max(norms[0], 1e-12))
    pace = float(np.min(norms[-3:] / norms[-4:-1]))
    if grown <= NORM_GROWTH or pace <= NORM_PACE:
        return None
    return (
        f"Its weights run away: their norm went from {norms[0]:.3g} to {norms[-1]:.3g} and still "
        f"grew by {100 * (pace - 1):.0f} % or more in each of the last epochs. Lower the learning "
        "rate or decay the weights."
    )


def _tell_feed(rows: list[Row]) -> str | None:
    # The first epoch warms the store's files up.
    warm = rows[1:] or rows
    share = float(np.median(_column(warm, "feed_wait_share")))
    if share <= FEED_WAIT:
        return None
    return (
        f"The feed holds it up: {100 * share:.0f} % of the time the device waited for pictures. "
        "Raise execution.prefetch, or give the machine more processors."
    )


def _tell_too_short(rows: list[Row]) -> str | None:
    auc, loss = _column(rows, "tune_auc_smooth"), _column(rows, "loss_smooth")
    third = len(rows) - 1 - max(1, len(rows) // 3)
    fall, late = loss[0] - loss[-1], loss[third] - loss[-1]
    gain = auc[-1] - auc[third]
    still = fall > LEAST_FALL * loss[0] and late > SHORT_SHARE * fall
    if not still or not gain > LEAST_AUC or auc[-1] < np.nanmax(auc):
        return None
    return (
        f"It was too short: its last {len(rows) - 1 - third} of {len(rows)} epochs still brought "
        f"{100 * late / fall:.0f} % of the fall of the loss and {gain:.3f} of tune AUC. Give it "
        "more epochs."
    )


# A trouble a line: its name, the fewest epochs that can show it, and what tells it.
_RULES: tuple[tuple[str, int, Callable[[list[Row]], str | None]], ...] = (
    ("overfitting", FEWEST_EPOCHS, _tell_overfitting),
    ("long plateau", PLATEAU_EPOCHS, _tell_plateau),
    ("noisy", NOISY_EPOCHS, _tell_noise),
    ("spiky", 1, _tell_spikes),
    ("diverging weights", FEWEST_EPOCHS, _tell_growth),
    ("feed-bound", 1, _tell_feed),
    ("too short", FEWEST_EPOCHS, _tell_too_short),
)
