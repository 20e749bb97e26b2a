"""The list of SHA-256 sums that may come with a folder: whether its files are the stated ones."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mammo_pipeline.datasets.files import Entry, FolderOfFiles, read_name, write_name
from mammo_pipeline.mammo.manifest import find_manifests, join_sums

# A line has about a hundred bytes, an archive some hundred thousand files.
LARGEST_LIST = 2**28


def read_sums(folder: FolderOfFiles, entries: Sequence[Entry]) -> tuple[list[str], dict[str, str]]:
    """Returns the names of the lists in the folder, and name to SHA-256 of the files they list.

    Raises:
        ValueError: A list cannot be read: a folder whose list is broken is not to be trusted.
    """
    sizes = {e.name: e.size_bytes for e in entries if e.kind == "file"}
    lists = find_manifests(sizes)
    joined: dict[str, str] = {}
    for number, name in enumerate(lists, start=1):
        place = f"List {number} of the {len(lists)} lists of SHA-256 sums in the folder, by name"
        if sizes[name] > LARGEST_LIST:
            raise ValueError(f"{place}: it is larger than any list. Remove it or split it.")
        try:
            text = folder.path_of(name).read_bytes().decode("utf-8", "surrogateescape")
            joined |= join_sums({read_name(name): text})
        except OSError as error:
            # The message of the error holds the name, which may be a patient's.
            raise ValueError(f"{place}: it cannot be read ({type(error).__name__}).") from None
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
    return lists, {write_name(name): digest for name, digest in joined.items()}


def check_sums(
    files: pd.DataFrame, lists: Sequence[str], sums: dict[str, str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Returns the rows with every file refused that is not the listed one, and the counts.

    A file that was not read to its end keeps the reason that it has.

    Args:
        files: One row a file: name, code, found, file_sha256.
        lists: Names of the lists; they are no image, and have a fate of their own.
        sums: Name to the SHA-256 that the lists state.
    """
    checked = files.copy()
    checked.loc[checked["name"].isin(list(lists)), "code"] = "manifest"
    own = checked["code"] == "manifest"
    stated = checked["name"].map(sums)
    listed = stated.notna()
    read = checked["file_sha256"] != ""
    other = listed & read & (stated != checked["file_sha256"])
    judged = other & ~checked["code"].isin(["manifest", "not_dicom"])
    checked.loc[judged, ["code", "found"]] = ["changed_since_manifest", "another SHA-256"]
    return checked, {
        "listed": len(sums),
        "listed_not_found": len(sums) - int(listed.sum()),
        "listed_not_read": int((listed & ~read).sum()),
        "listed_and_changed": int(other.sum()),
        "found_not_listed": int((~listed & ~own).sum()) if sums else 0,
    }
