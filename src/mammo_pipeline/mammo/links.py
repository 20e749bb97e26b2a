"""Which patients may be one woman under several names: what they share, and whom that joins."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

LINK_COLUMNS = ["patient_id", "other_patient_id", "reason"]
# Column of the table of files, and the reason that a shared value of it gives.
SHARED = {"study_key": "study_uid", "sop_key": "sop_uid", "pixel_sha256": "pixels"}


class GroupError(ValueError):
    """So many patients hang together that a shared value cannot mean a shared woman."""


def list_links(files: pd.DataFrame) -> pd.DataFrame:
    """Returns pairs of patients who share a value that one woman alone can have.

    Shared are StudyInstanceUID (0020,000D) and SOPInstanceUID (0008,0018), which PS3.5 section 9
    makes unique in the world, and the hash of the decoded pixels. Patients who share one value are
    chained, each to the next, so that the table grows with the patients and not with their pairs.

    Args:
        files: One row an accepted image or a duplicate: patient_id and, as pseudonyms, study_key,
            sop_key and pixel_sha256; an empty or missing value is shared with nobody.

    Returns:
        patient_id, other_patient_id (the later in order) and reason: study_uid, sop_uid or pixels.

    >>> files = pd.DataFrame({"patient_id": ["a", "b", "b"], "study_key": ["1", "2", "2"],
    ...                       "sop_key": ["7", "8", "7"], "pixel_sha256": ""})
    >>> list_links(files).to_numpy().tolist()
    [['a', 'b', 'sop_uid']]
    """
    chains = [_chain(files, column).assign(reason=why) for column, why in SHARED.items()]
    links = pd.concat(chains, ignore_index=True).astype("str").drop_duplicates()
    return links.sort_values(LINK_COLUMNS, ignore_index=True)[LINK_COLUMNS]


def _chain(files: pd.DataFrame, column: str) -> pd.DataFrame:
    known = files[["patient_id", column]].dropna()
    known = known[known[column].ne("") & known["patient_id"].ne("")].drop_duplicates()
    shared = known[known.duplicated(column, keep=False)].sort_values([column, "patient_id"])
    follows = shared[column].eq(shared[column].shift()).to_numpy(bool)
    names = shared["patient_id"].to_numpy()
    before = np.flatnonzero(follows) - 1
    return pd.DataFrame({"patient_id": names[before], "other_patient_id": names[follows]})


def join_patients(patients: pd.Index, links: pd.DataFrame) -> np.ndarray:
    """Returns the number of each patient's group, counted in the order of the patients.

    A group is a connected component of the links: who is joined to a patient is joined to all that
    the patient is joined to.

    Args:
        patients: Every patient, the linked ones included, each once.
        links: patient_id and other_patient_id.

    >>> links = pd.DataFrame({"patient_id": ["a"], "other_patient_id": ["c"]})
    >>> join_patients(pd.Index(["a", "b", "c"]), links).tolist()
    [0, 1, 0]
    """
    ends = tuple(patients.get_indexer(links[n].to_numpy(object)) for n in LINK_COLUMNS[:2])
    size = (len(patients), len(patients))
    _, groups = connected_components(coo_array((np.ones(len(links)), ends), size), directed=False)
    return pd.factorize(groups)[0]


def refuse_large_groups(
    patients: pd.Index, groups: np.ndarray, links: pd.DataFrame, largest: int
) -> None:
    """Raises GroupError where more than `largest` patients are one group.

    Nobody has a dozen names: such a group comes from an identifier that an export wrote into many
    exams, or from pictures that only look alike.

    Args:
        patients: Every patient.
        groups: Each one's group, as `join_patients` returned them.
        links: patient_id, other_patient_id, reason.
        largest: Most patients that one group may have.
    """
    sizes = np.bincount(groups) if len(groups) else np.zeros(1, int)
    if sizes.max() <= largest:
        return
    members = patients[groups == sizes.argmax()]
    reasons = links.loc[links["patient_id"].isin(members), "reason"].value_counts()
    told = ", ".join(f"{why} {n}" for why, n in reasons.items())
    raise GroupError(
        f"{sizes.max()} patients hang together as if they were one woman, expected at most "
        f"{largest} (check.largest_group). They are linked by: {told}. If by likeness, lower "
        "check.near_duplicates.distance_bits or review the listed pairs; if by a UID or by pixels, "
        "an export wrote one value into many exams: correct it at the source."
    )
