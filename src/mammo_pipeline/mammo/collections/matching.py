"""Which file is which row of a collection's listing, and what the row states of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mammo_pipeline.mammo.collections.record import STATED, Collection

Headers = Sequence[Mapping[str, Any] | None]
NO_ROW = -1
# Values of the header by which a listing may know a file.
HEADER_KINDS = ("SOPInstanceUID", "PatientID")
OTHERS = ("key", "role", "lesion_boxes", "of", "kind", "pathology", "line")


@dataclass(frozen=True)
class ListingIndex:
    """A listing made ready for many files.

    Attributes:
        rows: Kind of key to key to row number; `NO_ROW` for a key that two rows carry.
        depth: Most folders and names that a key of the kind `path_end` holds.
        stated: What the rows state, by column: DICOM keywords, `spacing_mm`, `key`, `role`,
            `lesion_boxes`, `of`, `kind`, `pathology` and `line`.
        files: How many files each row speaks of.
        overrides: Keywords for which the listing wins over the header.
    """

    rows: Mapping[str, Mapping[str, int]]
    depth: int
    stated: Mapping[str, Sequence[Any]]
    files: Sequence[int]
    overrides: frozenset[str]


def index_listing(collection: Collection) -> ListingIndex:
    """Returns the listing of a collection with a dictionary for each kind of key.

    A row without a key speaks of no file: every file that is silent would be it.
    """
    listing = collection.listing
    rows: dict[str, dict[str, int]] = {}
    for row, (kind, key) in enumerate(zip(listing["key_kind"], listing["key"], strict=True)):
        if key:
            known = rows.setdefault(kind, {})
            known[key] = NO_ROW if key in known else row
    filled = {name: list(listing[name]) for name in (*STATED, *OTHERS)}
    stated = {name: column for name, column in filled.items() if any(column)}
    # NaN, the spacing that is not stated, is the one value that does not equal itself.
    stated["spacing_mm"] = [mm if mm == mm else None for mm in listing["spacing_mm"]]
    depth = max((key.count("/") + 1 for key in rows.get("path_end", {})), default=0)
    return ListingIndex(rows, depth, stated, list(listing["files"]), collection.overrides)


def match_files(index: ListingIndex, names: Sequence[str], headers: Headers) -> list[int]:
    """Returns the row of each file, `NO_ROW` where the listing does not know it.

    A `path` is the file's whole relative POSIX path; a `path_end` is its end from a folder on,
    with or without the ending of the name; a `stem` is the name without its endings; a
    `stem_prefix` is its beginning up to an underscore; other kinds are values of the header.

    Args:
        index: What `index_listing` returned.
        names: Relative POSIX paths.
        headers: The header values of each, by DICOM keyword, or None.
    """
    return [_find(index, name, header or {}) for name, header in zip(names, headers, strict=True)]


def state_values(index: ListingIndex, row: int, header: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns what the listing adds to the header of one file, or puts in its place.

    DICOM keywords are returned where the header is silent or the collection overrides it, or the
    file has no header of its own. An exam is stated by StudyDate (0008,0020) or StudyInstanceUID
    (0020,000D): where the listing overrides the exam and states one of the two, the other comes
    back empty. Where it overrides ViewPosition (0018,5101), the codes of the view come back empty,
    for they would go before it. `spacing_mm`, `key`, `role`, `lesion_boxes`, `of`, `kind`,
    `pathology` and `line` come along where they are stated.

    Args:
        index: What `index_listing` returned.
        row: What `match_files` returned.
        header: Header values of the file by DICOM keyword, or None.
    """
    if row == NO_ROW:
        return {}
    stated = {name: column[row] for name, column in index.stated.items()}
    values = {name: value for name, value in stated.items() if value}
    header = header or {}
    own = bool(header.get("SOPClassUID") or header.get("MediaStorageSOPClassUID"))
    wins = index.overrides if own else frozenset(STATED)
    exam = {"StudyDate", "StudyInstanceUID"}
    if exam <= wins and exam & values.keys():
        values = {**dict.fromkeys(exam, ""), **values}
    if "ViewPosition" in wins & values.keys():
        values |= {"ViewCodeSequence": [], "ViewModifierCodeSequence": []}
    return {
        name: value
        for name, value in values.items()
        if name not in STATED or name in wins or not header.get(name)
    }


def count_matches(index: ListingIndex, rows: Sequence[int]) -> dict[str, int]:
    """Returns how the files of the folder answer to the listing.

    Returns:
        `listed` rows; `found` rows with a file and `missing` rows without one; `repeated` rows
        with more files than they speak of; `ambiguous` keys that two rows carry, whose files are
        not matched.
    """
    files = Counter(row for row in rows if row != NO_ROW)
    ambiguous = sum(row == NO_ROW for known in index.rows.values() for row in known.values())
    return {
        "listed": len(index.files),
        "found": len(files),
        "missing": len(index.files) - len(files),
        "repeated": sum(count > index.files[row] for row, count in files.items()),
        "ambiguous": ambiguous,
    }


def match_listing(
    names: Sequence[str], headers: Headers, collection: Collection
) -> tuple[list[int], dict[str, int]]:
    """Returns the row of each file and the counts of `count_matches`, in one go."""
    index = index_listing(collection)
    rows = match_files(index, names, headers)
    return rows, count_matches(index, rows)


def _find(index: ListingIndex, name: str, header: Mapping[str, Any]) -> int:
    """Returns the row by the surest key first: the header, then the path, then the name."""
    for kind in HEADER_KINDS:
        row = index.rows.get(kind, {}).get(str(header.get(kind, "")))
        if row is not None:
            return row
    parts = name.split("/")
    stem = parts[-1].split(".")[0]
    ends = range(1, min(index.depth, len(parts)) + 1)
    paths = ["/".join(parts[-n:]) for n in reversed(ends)]
    bare = ["/".join([*parts[-n:-1], stem]) for n in reversed(ends)]
    candidates = {
        "path": [name],
        "path_end": paths + bare,
        "stem": [stem],
        "stem_prefix": _beginnings(stem),
    }
    for kind, keys in candidates.items():
        known = index.rows.get(kind, {})
        for key in keys if known else ():
            if key in known:
                return known[key]
    return NO_ROW


def _beginnings(stem: str) -> list[str]:
    pieces = stem.split("_")
    return ["_".join(pieces[:n]) for n in range(len(pieces), 0, -1)]
