"""Images of two patients that look alike: listed for a person to look at, then joined or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.links import LINK_COLUMNS

PAIR = ["image_id", "other_image_id"]
PAIR_COLUMNS = [*PAIR, "distance_bits", "verdict"]
SAME, DIFFERENT, UNREVIEWED = VERDICTS = ("same", "different", "")
# A quarter million distances at a time: 2 MB, which stay in the processor's cache.
TILE = (64, 4096)


class LikenessError(ValueError):
    """More images look alike than can be listed, or a hash is none."""


class ReviewError(ValueError):
    """The table of reviewed pairs cannot be read; the message names its lines."""


def list_near_duplicates(images: pd.DataFrame, most: int, distance_bits: int) -> pd.DataFrame:
    """Returns the pairs of images of two patients whose perceptual hashes are close.

    Compared are images of the same laterality and view, every one with every other: the time grows
    with the square of their number, the memory does not.

    Args:
        images: One row an image: image_id, patient_id, laterality, view and image_hash, the
            perceptual hash in hexadecimal digits, as many for every image; an image without a
            hash is like no other.
        most: How many pairs may be listed.
        distance_bits: Largest Hamming distance that counts as alike; -1 looks for none.

    Returns:
        image_id, other_image_id (the later in order), distance_bits and an empty verdict, the
        nearest first.

    Raises:
        LikenessError: More than `most` pairs are alike, or a hash cannot be read.
    """
    known = images[images["image_hash"].fillna("").ne("")]
    known = known.sort_values("image_id", ignore_index=True)
    hashes = read_hashes(known["image_hash"])
    patients = pd.factorize(known["patient_id"])[0]
    counts = np.zeros(distance_bits + 1, np.int64)
    kept = [np.zeros((3, 0), np.int64)]
    for rows in known.groupby(["laterality", "view"], dropna=False).indices.values():
        for first, second, distance in _compare(hashes[rows], patients[rows], distance_bits):
            counts += np.bincount(distance, minlength=len(counts))
            if counts.sum() <= most:
                kept.append(np.stack([rows[first], rows[second], distance]))
            elif counts[0] > most:  # No smaller distance will do, so the rest need not be counted.
                _refuse_many(counts, most)
    _refuse_many(counts, most)
    first, second, distance = np.concatenate(kept, axis=1)
    names = known["image_id"].to_numpy()
    pairs = pd.DataFrame({"image_id": names[first], "other_image_id": names[second]}, dtype="str")
    pairs = pairs.assign(distance_bits=distance, verdict=UNREVIEWED)
    return pairs.sort_values(["distance_bits", *PAIR], ignore_index=True)


def read_hashes(texts: pd.Series) -> np.ndarray:
    """Returns hashes as numbers of 64 bits, uint64 (images, words).

    >>> read_hashes(pd.Series(["00000000000000ff0000000000000001"])).tolist()
    [[255, 1]]
    """
    digits = 16 if texts.empty else len(texts.iloc[0])
    wrong = ~texts.str.fullmatch(f"([0-9a-f]{{16}}){{{digits // 16}}}").astype(bool)
    if digits % 16 or wrong.any():
        raise LikenessError(
            f"{int(wrong.sum())} of {len(texts)} values of image_hash are not {digits} hexadecimal "
            "digits, a multiple of 16 like the first. Run `ingest` again."
        )
    whole = b"".join(bytes.fromhex(text) for text in texts)
    return np.frombuffer(whole, ">u8").astype(np.uint64).reshape(len(texts), digits // 16)


def _compare(
    hashes: np.ndarray, patients: np.ndarray, bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields the places of pairs of two patients within `bits`, and their distances.

    The first 64 bits cannot lie further apart than the whole, so few pairs need the rest.
    """
    rows, columns = TILE
    word = hashes[:, 0]
    for top in range(0, len(hashes), rows):
        for left in range(top, len(hashes), columns):
            across = word[top : top + rows, None] ^ word[None, left : left + columns]
            near = np.bitwise_count(across) <= bits
            if not near.any():
                continue
            i, j = np.nonzero(near) + np.array([[top], [left]])
            distance = np.bitwise_count(hashes[i] ^ hashes[j]).sum(1, dtype=np.int64)
            found = (distance <= bits) & (i < j) & (patients[i] != patients[j])
            if found.any():
                yield i[found], j[found], distance[found]


def _refuse_many(counts: np.ndarray, most: int) -> None:
    total = np.cumsum(counts)
    if not len(total) or total[-1] <= most:
        return
    fits = int((total <= most).sum()) - 1
    raise LikenessError(
        f"{total[-1]} pairs or more of images of two patients lie within {len(counts) - 1} bits, "
        f"expected at most {most} (check.near_duplicates.most): so many only look alike. Set "
        f"check.near_duplicates.distance_bits to {fits}"
        + (f", which lists {total[fits]}." if fits >= 0 else ", which looks for none.")
    )


def read_reviewed(table: pd.DataFrame | None) -> pd.DataFrame:
    """Returns the reviewed pairs: image_id, other_image_id in order, and verdict.

    Args:
        table: The list of pairs as text, with the verdicts that a person filled in: same for one
            woman (her images under two names), different, or empty while nobody looked. None
            where there is no such file.

    Raises:
        ReviewError: A column is missing or unknown, a verdict is none, a pair is no pair, or two
            rows contradict each other.
    """
    if table is None:
        return pd.DataFrame(columns=[*PAIR, "verdict"], dtype="str")
    wrong = set(table.columns) ^ set(PAIR_COLUMNS) - {"distance_bits"}
    if wrong - {"distance_bits"}:
        raise ReviewError(
            f"Reviewed pairs: expected the columns {', '.join(PAIR_COLUMNS)}, as `check` wrote "
            f"them (distance_bits may be left out), found {len(table.columns)} others or fewer."
        )
    rows = table[[*PAIR, "verdict"]].astype("string").fillna("")
    rows = rows.apply(lambda column: column.str.strip())
    rows["verdict"] = rows["verdict"].str.lower()
    _refuse_lines(~rows["verdict"].isin(VERDICTS), "verdict", "same, different or nothing")
    _refuse_lines(rows[PAIR].eq("").any(axis=1), "image_id", "two image_ids, as listed")
    _refuse_lines(rows[PAIR[0]].eq(rows[PAIR[1]]), "other_image_id", "another image")
    rows[PAIR] = np.sort(rows[PAIR].to_numpy(object), axis=1)
    said = rows[rows["verdict"].ne("")].drop_duplicates()
    _refuse_lines(said.duplicated(PAIR, keep=False), "verdict", "one verdict a pair")
    return said.astype("str").reset_index(drop=True)


def _refuse_lines(wrong: pd.Series, column: str, expected: str) -> None:
    lines = [str(line + 2) for line in wrong.index[wrong.to_numpy(bool)]]
    if lines:
        more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise ReviewError(
            f"Reviewed pairs, line {', '.join(lines[:5])}{more}, {column}: expected {expected}."
        )


def add_verdicts(pairs: pd.DataFrame, reviewed: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Returns the pairs with their verdicts: those listed, and the unlisted that are the same.

    Args:
        pairs: What `list_near_duplicates` returned.
        reviewed: What `read_reviewed` returned. A pair of images that are no longer here, or of one
            patient, changes nothing; one called the same without being listed has distance -1.
        images: image_id and patient_id.
    """
    who = images.set_index("image_id")["patient_id"]
    one, other = (reviewed[name].map(who) for name in PAIR)
    useful = one.notna() & other.notna() & one.ne(other)
    listed = pairs.drop(columns="verdict").merge(reviewed[useful], on=PAIR, how="outer")
    listed["distance_bits"] = listed["distance_bits"].fillna(-1).astype("int64")
    listed["verdict"] = listed["verdict"].fillna(UNREVIEWED)
    kept = listed["distance_bits"].ge(0) | listed["verdict"].eq(SAME)
    return listed[kept].sort_values(["distance_bits", *PAIR], ignore_index=True)[PAIR_COLUMNS]


def link_alike(pairs: pd.DataFrame, images: pd.DataFrame, join_unreviewed: bool) -> pd.DataFrame:
    """Returns the links of patients whose images are the same, reason `likeness`.

    Args:
        pairs: What `add_verdicts` returned.
        images: image_id and patient_id.
        join_unreviewed: Whether a pair that nobody looked at counts as the same.
    """
    joining = [SAME, UNREVIEWED] if join_unreviewed else [SAME]
    who = images.set_index("image_id")["patient_id"]
    joined = pairs[pairs["verdict"].isin(joining)]
    ends = np.sort(
        np.stack([joined[name].map(who).to_numpy(object) for name in PAIR], axis=1), axis=1
    )
    links = pd.DataFrame(ends, columns=LINK_COLUMNS[:2], dtype="str").assign(reason="likeness")
    return links.drop_duplicates(ignore_index=True)
