"""Public mammography collections as they come: one adapter each, one way to read them all.

A new collection is one module with a function `read_tables` and one line in `COLLECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mammo_pipeline.mammo.boxes import LabelError
from mammo_pipeline.mammo.collections import (
    cbis_ddsm,
    cmmd,
    dream,
    generic,
    inbreast,
    mini_mias,
    rsna,
    vindr,
)
from mammo_pipeline.mammo.collections.matching import (
    ListingIndex,
    count_matches,
    index_listing,
    match_files,
    match_listing,
    state_values,
)
from mammo_pipeline.mammo.collections.record import Collection, CollectionOptions
from mammo_pipeline.mammo.collections.tables import Tables

__all__ = [
    "COLLECTIONS",
    "Collection",
    "CollectionOptions",
    "ListingIndex",
    "count_matches",
    "index_listing",
    "match_files",
    "match_listing",
    "read_collection",
    "state_values",
]

COLLECTIONS: dict[str, Callable[[Tables, CollectionOptions, Sequence[str]], Collection]] = {
    "generic": generic.read_tables,
    "cbis_ddsm": cbis_ddsm.read_tables,
    "cmmd": cmmd.read_tables,
    "dream": dream.read_tables,
    "inbreast": inbreast.read_tables,
    "mini_mias": mini_mias.read_tables,
    "rsna": rsna.read_tables,
    "vindr": vindr.read_tables,
}


def read_collection(
    name: str,
    tables: Tables,
    options: CollectionOptions | None = None,
    names: Sequence[str] = (),
) -> Collection:
    """Returns what the tables of a collection say of its breasts and of its files.

    Args:
        name: A key of `COLLECTIONS`.
        tables: File name relative to the labels path to the file's text. Tables are known by
            their columns; those that the collection does not know are ignored.
        options: How opinions and lesions without callback count.
        names: The files of the image folder, for a collection that names its patients there only
            (INbreast).

    Raises:
        LabelError: The name is unknown, a table is missing, or a value is none of those expected.

    >>> text = "ID1,LeftRight,Age,classification\\nD1,R,44,Benign"
    >>> labels = read_collection("cmmd", {"clinical.csv": text}).labels
    >>> labels.loc[0, ["patient", "laterality", "truth"]].tolist(), int(labels.loc[0, "cancer"])
    (['D1', 'R', 'pathology'], 0)
    """
    if name not in COLLECTIONS:
        raise LabelError(
            f"Unknown collection '{name}'. Expected one of {', '.join(COLLECTIONS)}: parameter "
            "ingest.collection."
        )
    return COLLECTIONS[name](dict(sorted(tables.items())), options or CollectionOptions(), names)
