"""CBIS-DDSM: scanned film of breasts with a finding; four tables of findings, masks as DICOM.

Lee et al., Scientific Data 4:170177 (2017); tested against the published tables. The same column
is `breast density` in two of them and `breast_density` in the others, and paths end in a line end.
The paths are not those of a download of today, where folders carry dates: PatientID (0010,0020)
tells which image a file is (`Mass-Training_P_00001_LEFT_CC`), and the listing's patient takes its
place. Crop and mask of a finding share a PatientID (`..._LEFT_CC_1`) and, in some downloads, a
folder; both are `mask` here, and only the picture tells which is which (`box_of_mask`).

The files carry no date of the examination, each image a StudyInstanceUID of its own: the listing
states one exam a patient. They are Secondary Capture objects; the listing says that they are
mammograms. Spacing is not stated: the films were scanned at 0.042 to 0.05 mm by four scanners.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mammo_pipeline.mammo.collections.record import (
    IDENTITY,
    MAMMOGRAM,
    Collection,
    CollectionOptions,
    fill_listing,
    label_breasts,
)
from mammo_pipeline.mammo.collections.tables import Source, Tables, find_sources
from mammo_pipeline.mammo.labels import exam_key

EXPECTED = (
    "mass_case_description_train_set.csv, mass_case_description_test_set.csv and the two of calc"
)
CALLED_BACK_NOT = "benign_without_callback"
SOURCES = {
    "findings": Source(
        columns={
            "patient": ("patient_id",),
            "density": ("breast_density", "breast density"),
            "laterality": ("left or right breast",),
            "view": ("image view",),
            "kind": ("abnormality type",),
            "birads": ("assessment",),
            "pathology": ("pathology",),
            "image": ("image file path",),
            "mask": ("roi mask file path",),
        },
        values={
            "density": {"": "", "0": "", "1": "A", "2": "B", "3": "C", "4": "D"},
            "laterality": {"LEFT": "L", "RIGHT": "R"},
            "view": {"CC": "CC", "MLO": "MLO"},
            "kind": {"MASS": "mass", "CALCIFICATION": "calcification"},
            "birads": {number: number for number in "012345"},
            "pathology": {
                "MALIGNANT": "malignant",
                "BENIGN": "benign",
                "BENIGN_WITHOUT_CALLBACK": CALLED_BACK_NOT,
            },
        },
    )
}
OVERRIDES = IDENTITY | {"SOPClassUID", "ImageLaterality", "ViewPosition"}


def read_tables(tables: Tables, options: CollectionOptions, names: Sequence[str]) -> Collection:
    """Returns labels by pathology, and a listing of images and masks by PatientID.

    A finding that was not called back has `follow_up` as truth; what it counts as is
    `options.benign_without_callback`.

    Raises:
        LabelError: No table of findings is there, or a value is none of those expected.
    """
    findings = find_sources(tables, SOURCES, EXPECTED, "findings")["findings"]
    findings = findings.assign(
        image=findings["image"].str.split("/").str[0],
        mask=findings["mask"].str.split("/").str[0],
        PatientID=findings["patient"],
        StudyInstanceUID=exam_key(findings["patient"], pd.Series("1", index=findings.index)),
        ImageLaterality=findings["laterality"],
        ViewPosition=findings["view"],
        key_kind="PatientID",
    )
    judged = judge_findings(findings, options)
    labels = label_breasts(judged)
    return Collection(labels, _list_files(judged), OVERRIDES)


def judge_findings(findings: pd.DataFrame, options: CollectionOptions) -> pd.DataFrame:
    """Returns the findings with `cancer`, `truth` and `left_out`; no pathology where no lesion.

    Args:
        findings: One row a finding: `pathology`.
        options: What a finding without callback counts as.

    >>> rows = pd.DataFrame({"pathology": ["malignant", "benign_without_callback"]})
    >>> judge_findings(rows, CollectionOptions())["pathology"].tolist()
    ['malignant', 'benign']
    """
    quiet = findings["pathology"] == CALLED_BACK_NOT
    benign = options.benign_without_callback == "benign"
    return findings.assign(
        cancer=(findings["pathology"] == "malignant").astype("int8"),
        truth=quiet.map({True: "follow_up", False: "pathology"}),
        left_out=quiet & (options.benign_without_callback == "leave_out"),
        pathology=findings["pathology"].mask(quiet, "benign" if benign else ""),
    )


def _list_files(findings: pd.DataFrame) -> pd.DataFrame:
    rows = findings.drop(columns="truth")
    images = rows.drop_duplicates("image").assign(key=rows["image"], SOPClassUID=MAMMOGRAM)
    images = images.assign(kind="", pathology="")
    masks = rows.assign(key=rows["mask"], of=rows["image"], role="mask", files=2)
    # A mask of no image would be joined to every image that the listing does not know.
    masks = masks.assign(pathology=rows["pathology"].where(rows["image"] != "", ""))
    files = pd.concat([images, masks], ignore_index=True)
    return fill_listing(files[files["key"] != ""])
