"""mini-MIAS: 322 scanned films of 161 patients, MLO, reduced to 0.2 mm, as PGM of 1024 x 1024.

Suckling et al., The Mammographic Image Analysis Society digital mammogram database (1994). Only
the published format is known here, and the adapter is tested against a sample made after it:
Info.txt, one row a finding (`mdb001 G CIRC B 535 425 197`: reference, tissue, class, severity, x
and y of the centre from the bottom left corner, radius), without numbers where calcifications are
scattered (`*NOTE 3*`). Pairs of numbers are a patient: odd is left and even right, as the file
names of the unreduced database say (`mdb001l`, `mdb002r`); the text of mini-MIAS says the
opposite. The tissue classes F, G and D are no BI-RADS densities and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from mammo_pipeline.mammo.boxes import LabelError
from mammo_pipeline.mammo.collections.record import (
    ALL_STATED,
    MAMMOGRAM,
    Collection,
    CollectionOptions,
    fill_listing,
    join_boxes,
    label_breasts,
)
from mammo_pipeline.mammo.collections.tables import TABLE_ENDINGS, Tables
from mammo_pipeline.mammo.labels import exam_key

SIDE_PX = 1024
SPACING_MM = 0.2
KINDS = {
    "CALC": "calcification",
    "CIRC": "mass",
    "SPIC": "mass",
    "MISC": "mass",
    "ARCH": "distortion",
    "ASYM": "asymmetry",
    "NORM": "",
}
PATHOLOGIES = {"B": "benign", "M": "malignant", None: ""}
ROW = re.compile(
    rf"(?P<reference>mdb(?P<number>\d{{3}}))\s+(?:[FGD]\s+)?(?P<kind>{'|'.join(KINDS)})"
    r"(?:\s+(?P<severity>[BM]))?(?:\s+(?P<x>\d+)\s+(?P<y>\d+)\s+(?P<radius>\d+))?"
    r"\s*(?:\*\s*NOTE\s*3\s*\*?)?\s*"
)


def read_tables(tables: Tables, options: CollectionOptions, names: Sequence[str]) -> Collection:
    """Returns labels by severity, and a listing of the pictures by name.

    Raises:
        LabelError: No table has such rows, or a row of an image cannot be read.
    """
    findings = pd.DataFrame(_read_rows(tables))
    if findings.empty:
        raise LabelError(
            f"Label table: none of the {len(tables)} files below the labels path has a row like "
            "'mdb001 G CIRC B 535 425 197'. Expected Info.txt of mini-MIAS: name its folder in "
            "globals.yml of your environment."
        )
    images = findings.drop_duplicates("reference")
    listing = images.assign(
        key_kind="stem",
        key=images["reference"],
        SOPClassUID=MAMMOGRAM,
        PatientID=images["patient"],
        StudyInstanceUID=exam_key(images["patient"], pd.Series("1", index=images.index)),
        ImageLaterality=images["laterality"],
        ViewPosition="MLO",
        Manufacturer="MIAS",
        ManufacturerModelName="film scanner",
        PhotometricInterpretation="MONOCHROME2",
        spacing_mm=SPACING_MM,
        lesion_boxes=images["reference"].map(_gather_boxes(findings)),
    ).drop(columns=["kind", "pathology"])
    return Collection(label_breasts(findings), fill_listing(listing), ALL_STATED)


def circle_box(x: int, y: int, radius: int) -> tuple[int, int, int, int]:
    """Returns the box of a circle in pixels of the matrix, whose first row is the topmost.

    Args:
        x: Column of the centre.
        y: Its distance from the bottom edge in pixels.
        radius: Pixels.

    >>> circle_box(535, 425, 197)
    (402, 338, 796, 732)
    """
    row = SIDE_PX - y
    low = max(0, row - radius), max(0, x - radius)
    return *low, min(SIDE_PX, row + radius), min(SIDE_PX, x + radius)


def _read_rows(tables: Tables) -> list[dict[str, object]]:
    found = []
    for name, text in tables.items():
        if not name.lower().endswith(TABLE_ENDINGS) or not isinstance(text, str):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if re.match(r"\s*mdb\d", line):
                found.append(_read_row(line.strip(), f"{name} line {number}"))
    return found


def _read_row(text: str, line: str) -> dict[str, object]:
    row = ROW.fullmatch(text)
    pathology = PATHOLOGIES[row["severity"]] if row else ""
    if not row or bool(pathology) != bool(KINDS[row["kind"]]):
        raise LabelError(
            f"Label table, {line}: expected reference, tissue (F, G, D), class "
            f"({', '.join(KINDS)}), severity (B, M; none for NORM) and x, y, radius."
        )
    number, kind, boxes = int(row["number"]), KINDS[row["kind"]], ""
    if row["x"]:
        corners = circle_box(int(row["x"]), int(row["y"]), int(row["radius"]))
        boxes = join_boxes([kind], [pathology], [corners])
    return {
        "reference": row["reference"],
        "patient": f"mias {(number + 1) // 2:03d}",
        "laterality": "L" if number % 2 else "R",
        "cancer": int(pathology == "malignant"),
        "truth": "pathology" if pathology else "follow_up",
        "box": boxes,
        "kind": kind,
        "pathology": pathology,
        "line": line,
    }


def _gather_boxes(findings: pd.DataFrame) -> pd.Series:
    stated = findings[findings["box"] != ""]
    boxes = stated.groupby("reference")["box"].agg(";".join)
    return boxes.reindex(findings["reference"].unique(), fill_value="")
