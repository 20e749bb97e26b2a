"""VinDr-Mammo: 5,000 Vietnamese exams of four views, BI-RADS by double reading, boxes.

Nguyen et al., Scientific Data 10:277 (2023). Only the published format is known here, and the
adapter is tested against a sample made after it: breast-level_annotations.csv (one row an image),
finding_annotations.csv (one row a box, `finding_categories` a Python list) and, for ages,
metadata.csv. Files are `<study_id>/<image_id>.dicom`. No patient is named: each study counts as a
patient, and study, side and view of the listing take the place of the header's. BI-RADS is an
opinion; there is no pathology.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pandas as pd

from mammo_pipeline.mammo.collections.record import (
    IDENTITY,
    Collection,
    CollectionOptions,
    fill_listing,
    join_boxes,
    label_opinions,
)
from mammo_pipeline.mammo.collections.tables import Source, Tables, check_values, find_sources
from mammo_pipeline.mammo.labels import judge_opinion

EXPECTED = "breast-level_annotations.csv, finding_annotations.csv and metadata.csv"
CATEGORIES = {"": "", **{f"BI-RADS {number}": number for number in "0123456"}}
# A finding may have several categories; the first of this list that it has is its kind. Skin,
# nipple and lymph nodes are no lesion of the tissue.
KINDS = {
    "suspicious calcification": "calcification",
    "mass": "mass",
    "architectural distortion": "distortion",
    "asymmetry": "asymmetry",
    "focal asymmetry": "asymmetry",
    "global asymmetry": "asymmetry",
}
IMAGE = {
    "patient": ("study_id",),
    "image": ("image_id",),
    "laterality": ("laterality",),
    "view": ("view_position",),
    "birads": ("breast_birads",),
    "density": ("breast_density",),
}
WORDS = {
    "laterality": {"L": "L", "R": "R"},
    "view": {"CC": "CC", "MLO": "MLO"},
    "birads": CATEGORIES,
    "density": {"": "", **{f"DENSITY {letter}": letter for letter in "ABCD"}},
}
CORNERS = ("ymin", "xmin", "ymax", "xmax")
SOURCES = {
    "images": Source(columns=IMAGE, values=WORDS),
    "findings": Source(
        columns={
            "image": ("image_id",),
            "height": ("height",),
            "width": ("width",),
            "categories": ("finding_categories",),
            "finding_birads": ("finding_birads",),
            **{name: (name,) for name in CORNERS},
            # Not read here: they tell this table from the other, which it repeats.
            "study": ("study_id",),
            "side": ("laterality",),
        },
        values={"finding_birads": CATEGORIES},
    ),
    "headers": Source(columns={"image": ("sop instance uid",), "age": ("patient's age",)}),
}
OVERRIDES = IDENTITY | {"ImageLaterality", "ViewPosition"}


def read_tables(tables: Tables, options: CollectionOptions, names: Sequence[str]) -> Collection:
    """Returns labels by BI-RADS, and a listing by image_id.

    Boxes need a pathology, so they are there only where the opinion may stand for it.

    Raises:
        LabelError: The table of breasts is missing, or a value is none of those expected.
    """
    found = find_sources(tables, SOURCES, EXPECTED, "images")
    images = found["images"]
    ages = found.get("headers", pd.DataFrame({"image": [], "age": []})).drop_duplicates("image")
    text = images["image"].map(ages.set_index("image")["age"]).fillna("").astype("str")
    boxes = _write_boxes(found.get("findings")) if options.opinion_as_truth else {}
    listing = images.assign(
        key_kind="stem",
        key=images["image"],
        PatientID=images["patient"],
        StudyInstanceUID=images["patient"],
        ImageLaterality=images["laterality"],
        ViewPosition=images["view"],
        PatientAge=text.where(text.str.fullmatch(r"\d{3}Y"), ""),
        lesion_boxes=images["image"].map(boxes).fillna(""),
    )
    return Collection(label_opinions(images, options), fill_listing(listing), OVERRIDES)


def _write_boxes(findings: pd.DataFrame | None) -> dict[str, str]:
    """Returns, by image, the boxes of lesions that have a category, clipped to the matrix."""
    if findings is None:
        return {}
    kinds = [_kind_of(text) for text in findings["categories"]]
    cancer = judge_opinion(findings["finding_birads"])
    lesions = findings.assign(kind=kinds, cancer=cancer)
    lesions = lesions[(lesions["kind"] != "") & cancer.notna()]
    numbers = lesions[[*CORNERS, "height", "width"]].apply(pd.to_numeric, errors="coerce")
    for name in numbers:
        check_values(numbers[name], lesions["line"], str(name), "a number of pixels")
    corners = [_clip(*row) for row in numbers.itertuples(index=False)]
    pathology = lesions["cancer"].map({1: "malignant", 0: "benign"})
    written: dict[str, list[str]] = {}
    for image, kind, truth, corner in zip(
        lesions["image"], lesions["kind"], pathology, corners, strict=True
    ):
        if corner[2] > corner[0] and corner[3] > corner[1]:
            written.setdefault(image, []).append(join_boxes([kind], [truth], [corner]))
    return {image: ";".join(parts) for image, parts in written.items()}


def _kind_of(text: str) -> str:
    named = {name.strip().lower() for name in re.findall(r"[A-Za-z][A-Za-z ]*", text)}
    return next((kind for name, kind in KINDS.items() if name in named), "")


def _clip(
    top: float, left: float, bottom: float, right: float, height: float, width: float
) -> tuple[int, int, int, int]:
    """Returns the box as whole pixels within the matrix; corners outside it occur.

    >>> _clip(-2.5, 3.2, 10.1, 99.0, 50, 40)
    (0, 3, 11, 40)
    """
    low = max(0, math.floor(top)), max(0, math.floor(left))
    return *low, min(int(height), math.ceil(bottom)), min(int(width), math.ceil(right))
