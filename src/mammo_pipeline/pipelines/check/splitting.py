"""Room `check`, the split: who may be one woman, which side she is on, and the test set's seal."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.mammo import likeness
from mammo_pipeline.mammo.balance import count_split, list_missed_shares
from mammo_pipeline.mammo.sealed import part_lesions, place_images, seal_test
from mammo_pipeline.mammo.split import LockError, split_patients
from mammo_pipeline.pipelines.check.contract import refuse_broken
from mammo_pipeline.pipelines.check.parameters import CheckParameters

log = logging.getLogger(__name__)

# How far a side's share may lie from the one asked for before a warning says so.
SHARE_TOLERANCE = 0.02


def find_near_duplicates(
    images: pd.DataFrame, reviewed_pairs: pd.DataFrame | None, parameters: CheckParameters
) -> pd.DataFrame:
    """Returns `near_duplicates`: the pairs of images of two patients to look at, with verdicts.

    Args:
        images: One row an image, with its perceptual hash.
        reviewed_pairs: An earlier list in which a person filled in verdicts, or None.
        parameters: The room's parameters.

    Raises:
        LikenessError: More images look alike than can be listed.
        ReviewError: The reviewed list cannot be read.
    """
    rules = parameters.near_duplicates
    reviewed = likeness.read_reviewed(reviewed_pairs)
    pairs = likeness.list_near_duplicates(images, rules.most, rules.distance_bits)
    listed = likeness.add_verdicts(pairs, reviewed, images)
    waiting = int(listed["verdict"].eq(likeness.UNREVIEWED).sum())
    if waiting:
        fate = "stay on one side" if rules.join_unreviewed else "may lie on two sides"
        log.warning(
            "%d pairs of look-alike images wait for a review; they %s. Look at look_alikes.html, "
            "copy near_duplicates.csv to the place of reviewed_pairs in globals.yml and write same "
            "or different.",
            *(waiting, fate),
        )
    return listed


def draw_split(
    images: pd.DataFrame,
    links: pd.DataFrame,
    near_duplicates: pd.DataFrame,
    split_lock: pd.DataFrame | None,
    contract: dict[str, Any],
    contract_page: dict[str, Any],
    parameters: CheckParameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Returns `split`, the lock that the next run reads, and `split_record`.

    It waits until the contract's page is written.

    Args:
        images: One row an image.
        links: Pairs of patients who share a study, an image or a picture.
        near_duplicates: Pairs of look-alike images, with verdicts.
        split_lock: The split of an earlier run, or None; its patients keep their side, whatever
            seed and shares say now.
        contract: What the contract found.
        contract_page: Where its page was written.
        parameters: The room's parameters.

    Raises:
        ContractError: A stop rule of the contract is broken.
        LockError: The earlier split cannot be read.
        GroupError: Too many patients hang together.
    """
    refuse_broken(contract, contract_page["page"])
    join = parameters.near_duplicates.join_unreviewed
    alike = likeness.link_alike(near_duplicates, images, join)
    joined = pd.concat([links, alike], ignore_index=True)
    shares, seed = parameters.shares.model_dump(), parameters.seed
    lock = None if parameters.new_split else split_lock
    _refuse_strangers(lock, images)
    split = split_patients(images, joined, shares, seed, parameters.largest_group, lock)
    record = count_split(images, split, joined)
    _warn(split_lock, split, record, parameters)
    return split, record


def _refuse_strangers(lock: pd.DataFrame | None, images: pd.DataFrame) -> None:
    """Returns nothing where the lock speaks of these patients, or there is none.

    Raises:
        LockError: It names none of them: with another key every woman has another pseudonym, and
            she would be dealt anew, perhaps from train to test.
    """
    if lock is None or lock.empty or lock["patient_id"].isin(images["patient_id"]).any():
        return
    raise LockError(
        f"None of the {len(lock)} patients of the earlier split is among the images. Were the "
        "pseudonyms made with another key? Restore the key_file of globals.yml and run `ingest` "
        "again. If the data are really others, name another data folder for them, or draw anew: "
        "check.new_split."
    )


def _warn(
    earlier: pd.DataFrame | None,
    split: pd.DataFrame,
    record: dict[str, Any],
    parameters: CheckParameters,
) -> None:
    if earlier is not None and parameters.new_split:
        _warn_of_moves(earlier, split)
    elif earlier is not None and parameters.seed not in set(earlier["seed"]):
        log.warning(
            "check.seed is %d, the split was drawn with another: nobody moves, the seed deals new "
            "patients alone. check.new_split draws anew.",
            parameters.seed,
        )
    for side, counts in record["sides"].items():
        lacking = [
            words
            for words, n in (
                ("with cancer", counts["breasts_with_cancer"]),
                ("without cancer", counts["breasts"] - counts["breasts_with_cancer"]),
            )
            if not n
        ]
        if lacking:
            log.warning(
                "%s holds no breast %s: no figure can be made.", side, " nor ".join(lacking)
            )
    missed = list_missed_shares(record, parameters.shares.model_dump(), SHARE_TOLERANCE)
    for side, (asked, found) in missed.items():
        log.warning(
            "%s holds %.3f of the patients, %.3f was asked for: patients of an earlier split and "
            "linked patients do not move.",
            *(side, found, asked),
        )
    if record["left_out"]["patients"]:
        log.warning(
            "%d patients (%d images) are left out: they turned out to be linked to patients of a "
            "later side (train, tune, test), and nobody moves.",
            *record["left_out"].values(),
        )


def _warn_of_moves(earlier: pd.DataFrame, split: pd.DataFrame) -> None:
    before = earlier.set_index("patient_id")["side"]
    now = split.set_index("patient_id")["side"].reindex(before.index)
    log.warning(
        "A NEW SPLIT WAS DRAWN (check.new_split): %d of %d patients moved. Every model trained "
        "before may have seen women who are on test now: run the study from `patches` on.",
        int((now.notna() & now.ne(before)).sum()),
        len(before),
    )


def seal_cohort(
    images: pd.DataFrame, lesions: pd.DataFrame, split: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns `cohort`, `test_truth`, `known_lesions` and `test_lesions`.

    The cohort holds every image with its side, but of the test side neither outcome nor opinion;
    these, and the test side's lesions, are for `evaluate` alone.
    """
    placed = place_images(images, split)
    return *seal_test(placed), *part_lesions(lesions, placed)


def close_check(
    contract: dict[str, Any], split_record: dict[str, Any], contract_page: dict[str, Any]
) -> None:
    """Logs the room's closing block."""
    rules = contract["rules"]
    broken = sum(not rule["held"] for rule in rules)
    rows = {"contract": f"no stop rule is broken; {broken} of {len(rules)} rules: see the report"}
    for name, side in split_record["sides"].items():
        rows[name] = (
            f"{side['patients']} patients, {side['images']} images, {side['breasts']} breasts of "
            f"which {side['breasts_with_cancer']} with cancer"
        )
    rows["left out"] = "{patients} patients, {images} images".format(**split_record["left_out"])
    last = split_record["draws"][-1]
    rows["split"] = (
        f"{split_record['digest']}, {split_record['patients']} patients locked, the last "
        f"{last['patients']} by draw {last['draw']}"
    )
    next_command = "kedro run --pipelines standardize"
    log.info(closing_block("check", rows, contract_page["page"], next_command))
