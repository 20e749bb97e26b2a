"""From files to exams: each file gets one fate, each image its exam, breast and pseudonyms."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mammo_pipeline.mammo.boxes import parse_boxes, parse_image_boxes
from mammo_pipeline.mammo.duplicates import DUPLICATES, list_used
from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.labels import join_labels, label_codes
from mammo_pipeline.mammo.mask import share_inside
from mammo_pipeline.mammo.pseudonym import pseudonym

# Columns of `images` and the type of each; a text is "" and a number NaN where nothing is stated.
IMAGE_COLUMNS = {
    **dict.fromkeys(("image_id", "file_id", "exam_id", "patient_id"), "str"),
    **dict.fromkeys(("laterality", "view", "device", "detector"), "str"),
    **dict.fromkeys(("unit_id", "site_id", "software"), "str"),
    **dict.fromkeys(("rows_px", "columns_px"), "Int64"),
    **dict.fromkeys(("row_spacing_mm", "column_spacing_mm"), "float64"),
    **dict.fromkeys(("spacing_source", "photometric", "presentation_intent"), "str"),
    **dict.fromkeys(("bits_allocated", "bits_stored", "high_bit"), "Int64"),
    "pixel_representation": "Int64",
    "transfer_syntax": "str",
    "size_bytes": "Int64",
    "window_count": "Int64",
    **dict.fromkeys(("window_center", "window_width"), "float64"),
    **dict.fromkeys(("window_names", "voi_function"), "str"),
    "lut_count": "Int64",
    **dict.fromkeys(("lut_names", "patient_orientation", "horizontal_flip"), "str"),
    **dict.fromkeys(("implant", "burned_in", "lossy"), "str"),
    **dict.fromkeys(("kvp", "exposure_mas"), "float64"),
    **dict.fromkeys(("target", "filter"), "str"),
    **dict.fromkeys(("thickness_mm", "force_n"), "float64"),
    "exam_offset_days": "Int64",
    "age": "float64",
    **dict.fromkeys(("density", "birads"), "str"),
    "cancer": "Int8",
    **dict.fromkeys(("truth", "pixel_sha256"), "str"),
    **dict.fromkeys(("stored_min", "stored_max"), "Int64"),
    **dict.fromkeys(("picture_side", "image_hash", "pixel_xxh3", "display_sha256"), "str"),
}
# Of these the label table and the pseudonyms come later than the files.
_LATER = {"image_id", "file_id", "exam_id", "patient_id", "unit_id", "site_id"}
_LATER |= {"exam_offset_days", "density", "birads", "cancer", "truth"}
# A row of a file before that; its identifiers are for this room alone.
FOUND_COLUMNS = {
    **dict.fromkeys(("name", "code", "found", "patient", "exam", "study_date"), "str"),
    **dict.fromkeys(("study_uid", "sop_instance", "unit", "site", "file_sha256"), "str"),
    **dict.fromkeys(("listing_key", "image_boxes", "listing_line"), "str"),
    **dict.fromkeys(("mask_of", "mask_kind", "mask_pathology", "mask_box"), "str"),
    "breast_map": "str",
    **{name: kind for name, kind in IMAGE_COLUMNS.items() if name not in _LATER},
}
# What examining a file's content adds to its row.
PIXEL_COLUMNS = [
    *("file_sha256", "pixel_sha256", "stored_min", "stored_max", "picture_side"),
    *("image_hash", "pixel_xxh3", "display_sha256", "breast_map", "mask_box"),
]
BOX_COLUMNS = ["row_min", "column_min", "row_max", "column_max"]
LESION_COLUMNS = ["image_id", "kind", "pathology", *BOX_COLUMNS]
_MATRIX = ["rows_px", "columns_px"]


def table_of_found(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Returns one row a file with every column of `FOUND_COLUMNS`, typed; "" or NaN where silent.

    Args:
        rows: What is known of each file; what is not named in `FOUND_COLUMNS` is dropped.
    """
    table = pd.DataFrame(rows, columns=list(FOUND_COLUMNS))
    text = [name for name, kind in FOUND_COLUMNS.items() if kind == "str"]
    return table.fillna(dict.fromkeys(text, "")).astype(FOUND_COLUMNS)


def label_images(
    files: pd.DataFrame, labels: pd.DataFrame | None, strict_patients: bool = True
) -> pd.DataFrame:
    """Returns one row a file, with the label of the breast for accepted images.

    An image whose breast has no label, none that is a diagnosis, or one that a parameter leaves
    out is no longer accepted. Without a label table every image stays.

    Args:
        files: What `table_of_found` returned, sorted by name.
        labels: The labels of a collection, or None where the folder has no labels.
        strict_patients: Whether a labelled patient without any image is an error.

    Raises:
        LabelError: The labels do not fit the images.
    """
    if labels is None:
        blank = {"cancer": pd.NA, "density": "", "birads": "", "truth": "", "lesion_boxes": ""}
        return files.assign(**blank, line="", labelled_age=float("nan"))
    used = files["code"] == "accepted"
    known = files.loc[files["patient"] != "", ["patient", "exam"]]
    joined = join_labels(files[used], labels, strict_patients, known)
    codes = label_codes(joined)
    joined["code"] = joined["code"].where(codes == "", codes)
    rest = files[~used]
    return pd.concat([joined, rest], ignore_index=True).sort_values("name", ignore_index=True)


def pseudonymize(files: pd.DataFrame, key: bytes) -> pd.DataFrame:
    """Returns the rows with pseudonyms and offsets beside names, identifiers and dates.

    An exam is what one patient had on one StudyDate (0008,0020), or in one StudyInstanceUID
    (0020,000D) where the date is not stated. `exam_offset_days` counts from the patient's first
    accepted exam.

    Args:
        files: What `settle_duplicates` returned.
        key: The secret of this installation.
    """
    known = files[files["patient"].fillna("") != ""]
    dates = pd.to_datetime(known["study_date"], format="%Y%m%d", errors="coerce")
    days = (dates - pd.Timestamp(0)).dt.days.astype("float64")
    used = known["code"] == "accepted"
    first = days.where(used).groupby(known["patient"]).transform("min")
    names = {
        "patient_id": [pseudonym(key, "patient", p) for p in known["patient"]],
        "exam_id": [
            pseudonym(key, "exam", p, e)
            for p, e in zip(known["patient"], known["exam"], strict=True)
        ],
        "image_id": [pseudonym(key, "image", uid) if uid else "" for uid in known["sop_instance"]],
        "study_id": [pseudonym(key, "study", uid) if uid else "" for uid in known["study_uid"]],
        "unit_id": [pseudonym(key, "unit", unit) if unit else "" for unit in known["unit"]],
        "site_id": [pseudonym(key, "site", site) if site else "" for site in known["site"]],
        "exam_offset_days": days - first,
    }
    renamed = files.assign(file_id=[pseudonym(key, "file", name) for name in files["name"]])
    named = renamed.join(pd.DataFrame(names, index=known.index))
    file_ids = dict(zip(named["name"], named["file_id"], strict=True))
    named["found"] = [file_ids.get(f, f) for f in named["found"].fillna("")]
    named["age"] = named["labelled_age"].fillna(named["age"].astype("float64"))
    return named


def table_of_files(named: pd.DataFrame) -> pd.DataFrame:
    """Returns `files`: every file that was found, its fate, and the reason in words."""
    fates = [
        {"file_id": file_id, **describe_fate(code, found)}
        for file_id, code, found in zip(
            named["file_id"], named["code"], named["found"], strict=True
        )
    ]
    return pd.DataFrame(fates, columns=["file_id", *describe_fate("accepted")])


def table_of_images(named: pd.DataFrame) -> pd.DataFrame:
    """Returns `images`: one row an accepted image, nothing in it that names a patient."""
    images = named.loc[named["code"] == "accepted"].reindex(columns=list(IMAGE_COLUMNS))
    text = [name for name, kind in IMAGE_COLUMNS.items() if kind == "str"]
    return images.fillna(dict.fromkeys(text, "")).astype(IMAGE_COLUMNS).reset_index(drop=True)


def table_of_sharers(named: pd.DataFrame) -> pd.DataFrame:
    """Returns patient, study, image and picture of accepted images and of their duplicates.

    It tells who shares something with whom, so that they are never parted by the split.
    """
    shared = list_used(named)
    keys = {"study_id": "study_key", "image_id": "sop_key"}
    return shared[["patient_id", *keys, "pixel_sha256"]].rename(columns=keys)


def table_of_lesions(named: pd.DataFrame) -> pd.DataFrame:
    """Returns `lesions`: one row a box of an accepted image, in pixels of its stored matrix.

    Boxes come from the label of the breast, from the listing of the file, and from the masks that
    a collection ships. `inside_share` is the share of the box that lies in the breast, NaN where
    the breast was not found.

    Raises:
        LabelError: A box is not written as the table's format asks.
    """
    used = named[named["code"] == "accepted"]
    rows = []
    for image in used[used["lesion_boxes"].fillna("") != ""].to_dict("records"):
        boxes = parse_boxes(image["lesion_boxes"], image["line"])
        rows += [
            {"image_id": image["image_id"], **box} for box in boxes if box["view"] == image["view"]
        ]
    places = _list_places(named)
    for place in places[places["image_boxes"] != ""].to_dict("records"):
        boxes = parse_image_boxes(place["image_boxes"], place["listing_line"])
        rows += [{"image_id": place["image_id"], **box} for box in boxes]
    rows += _list_masks(named, places)
    lesions = pd.DataFrame(rows, columns=LESION_COLUMNS).drop_duplicates(ignore_index=True)
    pictures = used.set_index("image_id")[[*_MATRIX, "breast_map"]].to_dict("index")
    return lesions.assign(
        inside_share=[
            _measure_inside(row, pictures[row["image_id"]]) for row in lesions.to_dict("records")
        ]
    ).astype({"inside_share": "float64"})


def _measure_inside(lesion: dict[str, Any], picture: dict[str, Any]) -> float:
    box = tuple(int(lesion[name]) for name in BOX_COLUMNS)
    shape = int(picture["rows_px"]), int(picture["columns_px"])
    return share_inside(box, shape, picture["breast_map"])


def _list_places(named: pd.DataFrame) -> pd.DataFrame:
    """Returns accepted images and their duplicates, each under the accepted image's pseudonym.

    A collection may list one picture twice, each time with another of its lesions.
    """
    kept = named.loc[named["code"] == "accepted"].set_index("file_id")["image_id"]
    first = named["found"].where(named["code"].isin(DUPLICATES), named["file_id"])
    places = named.assign(image_id=first.map(kept))
    return places[places["image_id"].notna()]


def _list_masks(named: pd.DataFrame, places: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the boxes of masks that have the matrix of their image; a crop has another."""
    masks = named[(named["mask_box"] != "") & (named["mask_pathology"] != "")]
    joined = masks.drop(columns=["listing_key", "image_id"], errors="ignore").merge(
        places[["listing_key", "image_id", *_MATRIX]],
        left_on=["mask_of", *_MATRIX],
        right_on=["listing_key", *_MATRIX],
    )
    return [
        {
            "image_id": row["image_id"],
            "kind": row["mask_kind"],
            "pathology": row["mask_pathology"],
            **dict(zip(BOX_COLUMNS, map(int, row["mask_box"].split(",")), strict=True)),
        }
        for row in joined.to_dict("records")
    ]


def count_flow(files: pd.DataFrame) -> dict[str, int]:
    """Returns how many files were found and what became of them; the parts add up to `found`.

    >>> count_flow(pd.DataFrame({"fate": ["accepted", "other"]}))["found"]
    2
    """
    counts = files["fate"].value_counts()
    parts = {f: int(counts.get(f, 0)) for f in ("accepted", "quarantined", "duplicate", "other")}
    return {"found": len(files), **parts}


def compare_files(before: dict[str, str], now: dict[str, str]) -> dict[str, Any]:
    """Returns how many files are new, changed, vanished and unchanged since an earlier ingest.

    Args:
        before: Name to SHA-256 at the end of the last ingest; empty where there was none.
        now: The same of this one.

    >>> compare_files({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    {'new': 1, 'changed': 1, 'vanished': 1, 'unchanged': 1}
    """
    both = before.keys() & now.keys()
    changed = sum(before[name] != now[name] for name in both)
    return {
        "new": len(now.keys() - before.keys()),
        "changed": changed,
        "vanished": len(before.keys() - now.keys()),
        "unchanged": len(both) - changed,
    }
