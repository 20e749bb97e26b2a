"""CMMD: 1,775 Chinese patients with a biopsy, labels by patient and side.

Cui et al., The Cancer Imaging Archive (2021), doi 10.7937/tcia.eqde-4b16; tested against the
published table (1,872 breasts) and a header dump of the 5,202 images. The archive ships it as
`CMMD_clinicaldata_revision.xlsx`: save it as CSV. The files' own headers are complete (spacing,
view code, laterality), so nothing is stated of them. The other breast of 729 patients is not in
the table: no diagnosis is known of it, and it is not taken for healthy.
"""

from __future__ import annotations

from collections.abc import Sequence

from mammo_pipeline.mammo.collections.record import (
    Collection,
    CollectionOptions,
    fill_listing,
    label_breasts,
)
from mammo_pipeline.mammo.collections.tables import Source, Tables, find_sources

EXPECTED = "CMMD_clinicaldata_revision saved as CSV"
SOURCES = {
    "breasts": Source(
        columns={
            "patient": ("id1",),
            "laterality": ("leftright",),
            "age": ("age",),
            "cancer": ("classification",),
        },
        values={
            "laterality": {"L": "L", "R": "R"},
            "cancer": {"BENIGN": "0", "MALIGNANT": "1"},
        },
    )
}


def read_tables(tables: Tables, options: CollectionOptions, names: Sequence[str]) -> Collection:
    """Returns labels by pathology; the listing is empty.

    Raises:
        LabelError: The table is missing, or a value is none of those expected.
    """
    breasts = find_sources(tables, SOURCES, EXPECTED, "breasts")["breasts"]
    labels = label_breasts(breasts.assign(cancer=breasts["cancer"].astype(int), truth="pathology"))
    return Collection(labels, fill_listing())
