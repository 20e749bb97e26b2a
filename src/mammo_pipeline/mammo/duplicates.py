"""What is there more than once: the first file stays, later ones name it, contradictions go."""

from __future__ import annotations

import pandas as pd

# The codes of what is there more than once.
DUPLICATES = ("duplicate", "duplicate_pixels")
# What must agree wherever the same picture stands.
SAID = ["laterality", "view", "cancer"]
VIEW = ["patient", "exam", "laterality", "view"]


def settle_duplicates(files: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows, with a fate for every image that is there more than once.

    The first file by name stays; later ones with the same SOPInstanceUID (0008,0018) and picture
    are `duplicate`, with the same picture alone `duplicate_pixels`. One identifier with two
    pictures is refused whole, for nobody can tell which is the image; so is one picture of which
    two things are said (laterality, view or outcome).

    Args:
        files: One row a file, sorted by name, with `sop_instance`, `pixel_sha256`, `laterality`,
            `view` and `cancer` for the accepted ones.
    """
    settled = files.copy()
    for key, code in (("sop_instance", "duplicate"), ("pixel_sha256", "duplicate_pixels")):
        settled = _settle_by(settled, key, code)
    return _follow_chains(settled)


def _settle_by(files: pd.DataFrame, key: str, code: str) -> pd.DataFrame:
    """Returns the rows with a fate for every accepted image that shares its key with another."""
    used = files[files["code"] == "accepted"]
    used = used[used.duplicated(key, keep=False)]
    said = used.groupby(SAID, dropna=False).ngroup()
    groups = used[key]
    pictures = used["pixel_sha256"].groupby(groups).transform("nunique")
    words = said.groupby(groups).transform("nunique")
    first = used["name"].groupby(groups).transform("first")
    fates = pd.Series(code, index=used.index).mask(first == used["name"], "accepted")
    fates = fates.mask(words > 1, "contradicting_labels").mask(pictures > 1, "two_images_one_uid")
    settled = files.copy()
    settled.loc[used.index, "code"] = fates
    again = fates.index[fates == code]
    settled.loc[again, "found"] = first[again]
    return settled


def _follow_chains(files: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows with every duplicate naming an accepted file, or sharing its refusal.

    A duplicate by identifier may name a file that turned out a duplicate by picture.
    """
    names = files.set_index("name")
    again = files.index[files["code"].isin(DUPLICATES)]
    found = files.loc[again, "found"]
    codes, further = found.map(names["code"]), found.map(names["found"])
    chained = codes.isin(DUPLICATES)
    root = found.mask(chained, further)
    refused = root.map(names["code"])
    followed = files.copy()
    followed.loc[again, "found"] = root.mask(refused != "accepted", "")
    followed.loc[again, "code"] = files.loc[again, "code"].mask(refused != "accepted", refused)
    return followed


def settle_raw(files: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows, raw images refused where their view is there FOR PRESENTATION as well.

    A view counts once. Which raw image belongs to which other one is not asked: where an exam has
    a view twice FOR PRESENTATION, both stay and every raw image of that view goes.

    Args:
        files: What `settle_duplicates` returned; `presentation_intent` tells raw images.
    """
    used = files["code"] == "accepted"
    raw = files["presentation_intent"] == "FOR PROCESSING"
    views = pd.MultiIndex.from_frame(files[VIEW])
    again = used & raw & views.isin(views[used & ~raw])
    settled = files.copy()
    settled.loc[again, ["code", "found"]] = ["for_processing", "its FOR PRESENTATION image is read"]
    return _follow_chains(settled)


def list_used(files: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of accepted images and of their duplicates."""
    return files[files["code"].isin(["accepted", *DUPLICATES])]
