"""Who is learnt from, who is tuned on and who is tested: drawn by patient, locked, balanced."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.links import join_patients, refuse_large_groups

# In the order of worth: where linked patients lie apart, those on an earlier side give way.
SIDES = ("train", "tune", "test")
LOCK_COLUMNS = ["patient_id", "side", "draw", "seed"]
SPLIT_COLUMNS = [*LOCK_COLUMNS, "left_out"]
STRATUM = ["outcome", "device", "density"]
OUTCOMES = {1: "cancer", 0: "no cancer", -1: "no outcome"}


class LockError(ValueError):
    """The table of an earlier split is not one."""


def split_patients(
    images: pd.DataFrame,
    links: pd.DataFrame,
    shares: dict[str, float],
    seed: int,
    largest: int,
    lock: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Returns the side of every patient; a patient of the lock keeps the side that it states.

    Patients joined by links are one group and lie on one side. Groups are sorted by stratum (see
    `describe_groups`), shuffled within it and dealt one after the other, each to the side that lags
    furthest behind its share, so that the shares hold in every stretch of strata and over the
    whole. Locked groups count first in their stratum. A new patient who is linked to a locked one
    takes that side. Where links join locked patients of several sides nobody moves: those on the
    earlier side of train, tune, test are left out of the study.

    A first draw depends on the order in which patients first appear, and not on their names, so
    that the same study is split alike under another key.

    Args:
        images: One row an image: `patient_id`, `cancer`, `device`, `density`.
        links: Pairs of patients: `patient_id`, `other_patient_id`, `reason`.
        shares: Share of the patients for each of `train`, `tune` and `test`; they add up to one.
        seed: Of the shuffle; it is kept with the patients that it dealt.
        largest: Most patients that one group may have.
        lock: What an earlier call returned.

    Returns:
        One row a patient, sorted: patient_id, side, draw (the number of the draw that dealt the
        patient, from 1), seed and left_out. Patients of the lock who have no image now stay in it.

    Raises:
        ValueError: The shares do not add up to one.
        LockError: The lock is not the table of a split.
        GroupError: A group is larger than `largest`.
    """
    if abs(sum(shares.values()) - 1) > 1e-9 or set(shares) != set(SIDES):
        raise ValueError(f"Shares {shares}: expected train, tune and test, adding up to one.")
    known, place, draws, seeds = _read_lock(lock)
    codes, present = pd.factorize(images["patient_id"].to_numpy(object))
    patients, groups = _group_patients(present, links, largest)
    # The place in SIDES of each patient and of each group, -1 where nobody was dealt yet.
    locked = np.append(place, -1)[pd.Index(known, dtype=object).get_indexer(patients)]
    side = np.full(groups.max(initial=-1) + 1, -1)
    np.maximum.at(side, groups, locked)
    left_out = (locked >= 0) & (locked < side[groups])
    here = np.arange(len(patients)) < len(present)
    strata = describe_groups(images, groups[codes])
    sizes = np.bincount(groups[here & ~left_out], minlength=len(strata["outcome"]))
    draw = draws.max(initial=0) + 1
    order = _order_groups(strata, side, np.random.default_rng([seed, draw]))
    side[order] = _deal(side[order], sizes[order], [shares[name] for name in SIDES])
    new = np.flatnonzero(here & (locked < 0))
    dealt = (patients[new], side[groups[new]], np.full(len(new), draw), np.full(len(new), seed))
    names, places, *rest = map(
        np.concatenate, zip((known, place, draws, seeds), dealt, strict=True)
    )
    apart = np.isin(names, patients[left_out].to_numpy())
    whole = zip(SPLIT_COLUMNS, (names, np.array(SIDES, object)[places], *rest, apart), strict=True)
    by_name = np.argsort(names)
    return pd.DataFrame({column: values[by_name] for column, values in whole})


def _group_patients(
    present: pd.Index, links: pd.DataFrame, largest: int
) -> tuple[pd.Index, np.ndarray]:
    """Returns every patient, those with an image first, and the number of each one's group."""
    linked = [links["patient_id"], links["other_patient_id"]]
    names = pd.unique(np.concatenate([np.asarray(part, object) for part in (present, *linked)]))
    patients = pd.Index(names, dtype=object)
    groups = join_patients(patients, links)
    refuse_large_groups(patients, groups, links, largest)
    return patients, groups


def describe_groups(images: pd.DataFrame, groups: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the stratum of each group: outcome, device, density, each of shape (groups,).

    The outcome is cancer (1) when any breast has one, else 0, -1 where no image has an outcome.
    Device and density are those of most of the group's images, the first in the alphabet where two
    are as frequent, and "" where none is stated.

    Args:
        images: One row an image: `cancer`, `device`, `density`.
        groups: The number of each image's group, from 0 without a gap.
    """
    count = groups.max(initial=-1) + 1
    outcome = np.full(count, -1)
    np.maximum.at(outcome, groups, images["cancer"].to_numpy(float, na_value=-1).astype(int))
    frequent = {name: _most_frequent(images[name], groups, count) for name in STRATUM[1:]}
    return {"outcome": outcome, **frequent}


def _most_frequent(values: pd.Series, groups: np.ndarray, count: int) -> np.ndarray:
    codes, names = pd.factorize(values.to_numpy(object), sort=True)
    names = np.array(["", *names], dtype=object)
    table = np.bincount(groups * len(names) + codes + 1, minlength=count * len(names))
    table = table.reshape(count, len(names)) * (names != "")
    return names[table.argmax(1)]


def _order_groups(
    strata: dict[str, np.ndarray], side: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Returns the groups with an image: by stratum, within it the locked ones first, shuffled."""
    codes = [np.unique(strata[name], return_inverse=True)[1] for name in reversed(STRATUM)]
    chance = rng.permutation(len(codes[0]))
    return np.lexsort((chance, side[: len(chance)] < 0, *codes))


def _deal(fixed: np.ndarray, sizes: np.ndarray, shares: list[float]) -> list[int]:
    """Returns a side for each group of a long row, every stretch of it close to the shares.

    Each group goes to the side that lags furthest behind its share (largest remainder); one that
    is fixed (0 or above) only counts.
    """
    given, count, sides = [0] * len(shares), 0, []
    for side, size in zip(fixed.tolist(), sizes.tolist(), strict=True):
        count += size
        if side < 0:
            lag = [share * count - had for share, had in zip(shares, given, strict=True)]
            side = max(range(len(lag)), key=lag.__getitem__)
        given[side] += size
        sides.append(side)
    return sides


def _read_lock(
    lock: pd.DataFrame | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns patient, place in `SIDES`, draw and seed of every locked patient."""
    if lock is None:
        lock = pd.DataFrame(columns=LOCK_COLUMNS)
    missing = [name for name in LOCK_COLUMNS if name not in lock]
    if missing:
        raise LockError(f"The split's table lacks {missing}; expected {LOCK_COLUMNS}. {_REMEDY}")
    names = lock["patient_id"].to_numpy(object)
    places = pd.Index(SIDES, dtype=object).get_indexer(lock["side"].to_numpy(object))
    strange, twice = int((places < 0).sum()), len(names) - len(set(names))
    if strange or twice:
        raise LockError(
            f"The split's table names {strange} sides beside {', '.join(SIDES)}, and {twice} "
            f"patients twice. {_REMEDY}"
        )
    return names, places, lock["draw"].to_numpy(int), lock["seed"].to_numpy(int)


_REMEDY = "Restore the file (`dvc checkout`); `check.new_split` draws anew and moves patients."
