"""The screening study with one fault planted for every rule on rows, each in women of its own."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mammo_pipeline.mammo.fates import describe_fate
from screening_study import KINDS, UNITS, lesion, make_files, make_images, make_lesions, name

FOREIGN = name("nobody's")
OTHER_UNIT = {key: value for key, value in UNITS[1].items() if key != "oriented"}
NO_MODE = {"rows_px": 1000}
BINNED = {"rows_px": 1664, "columns_px": 1280, "row_spacing_mm": 0.14, "column_spacing_mm": 0.14}

# Rule: what its fault writes, into how many images of one exam, and the rules it breaks as well.
IMAGE_FAULTS: dict[str, tuple[dict[str, Any], int, list[str]]] = {
    "states_patient_id": ({"patient_id": None}, 1, []),
    "states_exam_id": ({"exam_id": None}, 1, ["four_views", "both_views"]),
    "states_laterality": ({"laterality": None}, 1, ["four_views", "both_views", "no_other_view"]),
    "states_view": ({"view": None}, 1, ["four_views", "both_views", "no_other_view"]),
    "states_device": ({"device": None}, 1, []),
    "states_cancer": ({"cancer": pd.NA}, 1, []),
    "only_pseudonyms": ({"image_id": "Doe^Jane"}, 1, []),
    "exam_of_one_patient": ({"patient_id": FOREIGN}, 1, []),
    "exam_on_one_day": ({"exam_offset_days": 5}, 1, []),
    "exam_on_one_device": (OTHER_UNIT, 1, []),
    "days_count_from_first": ({"exam_offset_days": 30}, 4, []),
    "days_plausible": ({"exam_offset_days": 20000}, 4, ["days_count_from_first"]),
    "one_age_an_exam": ({"age": 46.5}, 1, []),
    "age_plausible": ({"age": 101.0}, 4, []),
    "states_age": ({"age": None}, 1, []),
    "states_density": ({"density": None}, 1, []),
    "density_letter": ({"density": "E"}, 1, []),
    "side": ({"laterality": "B"}, 1, ["four_views", "both_views", "no_other_view"]),
    "whole_breast_views": ({"view": "XCCL"}, 1, ["four_views", "no_other_view"]),
    "for_presentation": ({"presentation_intent": "FOR PROCESSING"}, 1, []),
    "states_intent": ({"presentation_intent": ""}, 1, []),
    "photometric": ({"photometric": "RGB"}, 1, ["one_photometric"]),
    "states_spacing": ({"row_spacing_mm": None}, 1, ["one_resolution"]),
    "spacing_credible": (
        {"row_spacing_mm": 5.0, "column_spacing_mm": 5.0},
        1,
        ["matrix_listed", "native_spacing", "one_resolution"],
    ),
    "pixels_square": ({"column_spacing_mm": 0.068}, 1, ["one_resolution"]),
    "matrix_listed": (NO_MODE, 1, ["one_resolution"]),
    "native_spacing": (BINNED, 1, ["one_resolution"]),
    "bits_hold_data": ({"stored_max": 9000}, 1, []),
    "bits_used": ({"stored_max": 255, "window_center": 128.0, "window_width": 256.0}, 1, []),
    "window_meets_data": (
        {"window_center": 60000.0},
        20,
        ["window_shows_range", "window_is_used"],
    ),
    "window_shows_range": ({"window_center": 100.0, "window_width": 200.0}, 1, []),
    "window_is_used": ({"window_width": 60000.0}, 1, []),
    "wall_as_stated": ({"picture_side": "right"}, 1, []),
    "wall_as_usual": ({"picture_side": "right", "patient_orientation": ""}, 1, []),
    "no_text_in_pixels": ({"burned_in": "yes"}, 1, []),
    "not_lossy": ({"lossy": "yes"}, 1, []),
    "no_implant": ({"implant": "yes"}, 1, []),
    "device_named": (
        {"device": "unknown"},
        1,
        ["exam_on_one_device", "device_listed", "device_has_patients"],
    ),
    "voltage_plausible": ({"kvp": 80.0}, 1, []),
    "exposure_plausible": ({"exposure_mas": 5000.0}, 1, []),
    "thickness_plausible": ({"thickness_mm": 2.0}, 1, []),
    "force_plausible": ({"force_n": 900.0}, 1, []),
    "one_bit_depth": ({"bits_stored": 14, "stored_max": 9000}, 1, []),
    "outcome_0_or_1": ({"cancer": 2}, 2, []),
    "no_contradiction": ({"cancer": 1}, 1, []),
    "truth_by_tissue": ({"truth": "opinion"}, 2, []),
}
# Rule: what its fault writes into a lesion box.
LESION_FAULTS: dict[str, dict[str, Any]] = {
    "lesion_has_image": {"image_id": FOREIGN},
    "lesion_kind": {"kind": "blob"},
    "lesion_pathology": {"pathology": "odd"},
    "lesion_in_matrix": {"row_max": 9999, "row_min": 9800},
    "malignant_on_cancer": {"pathology": "malignant"},
    "lesion_size": {"row_max": 1005, "column_max": 305},
    "lesion_on_breast_side": {"column_min": 2500, "column_max": 2559},
    "lesion_in_breast": {"inside_share": 0.1},
}


def plant_faults() -> tuple[dict[str, pd.DataFrame], dict[str, set[str]]]:
    """Returns (the tables, rule to the names that it must tell of)."""
    images = make_images(4 * (len(IMAGE_FAULTS) + len(LESION_FAULTS) + 10))
    told: dict[str, set[str]] = {}
    # Healthy patients of the first unit with one exam.
    free = [n for n in range(len(images) // 4) if n % 3 and n // 3 % 2 == 0 and n % 4 != 3]
    for rule, (change, size, also) in IMAGE_FAULTS.items():
        exams = [name("exam", free.pop(0), 0) for _ in range(-(-size // 4))]
        rows = images.index[images["exam_id"].isin(exams)][:size]
        before = images.loc[rows].copy()
        for column, value in change.items():
            images.loc[rows, column] = value
        for broken in [rule, *also]:
            told.setdefault(broken, set()).update(_tell(broken, before, images.loc[rows]))
    images = _plant_exams(images, told, free)
    lesions = _plant_lesions(images, told, free)
    files = _plant_files(make_files(images), told)
    return {"images": images, "lesions": lesions, "files": files}, told


def _tell(rule: str, before: pd.DataFrame, after: pd.DataFrame) -> set[str]:
    """The names by which a rule speaks of the images that a fault was planted into."""
    if rule in EXAM_RULES:
        return set(before["exam_id"])
    if rule == "both_views":
        sides = {*before["laterality"], *after["laterality"].dropna()}
        return {f"{exam} {side}" for exam in before["exam_id"] for side in sides}
    if rule in ("no_contradiction", "truth_by_tissue"):
        return set(before["exam_id"] + " " + before["laterality"])
    if rule == "days_count_from_first":
        return set(before["patient_id"])
    if rule in DEVICE_RULES:
        return set(after["device"])
    return set(before["image_id"])


EXAM_RULES = {"four_views", "no_other_view", "exam_of_one_patient", "exam_on_one_day"}
EXAM_RULES |= {"exam_on_one_device", "one_age_an_exam", "no_repeated_view", "age_follows_dates"}
DEVICE_RULES = {"one_photometric", "one_resolution", "device_listed", "device_has_patients"}
DEVICE_RULES |= {"one_bit_depth"}


def _plant_exams(images: pd.DataFrame, told: dict[str, set[str]], free: list[int]) -> pd.DataFrame:
    """The faults that more than a changed cell makes: of two exams, a row more, a row less."""
    twice = [n for n in range(8) if n % 4 == 3]
    late = images["exam_id"].eq(name("exam", twice[0], 1))
    images.loc[late, "exam_offset_days"] = 0
    told["one_exam_a_day"] = {name("exam", twice[0], exam) for exam in (0, 1)}
    late = images["exam_id"].eq(name("exam", twice[1], 1))
    images.loc[late, "age"] += 10
    told["age_follows_dates"] = {name("exam", twice[1], 1)}
    early = images["exam_id"].eq(name("exam", 11, 0)) & images["laterality"].eq("L")
    images.loc[early, "cancer"] = 1
    told["no_cancer_undone"] = {f"{name('exam', 11, 1)} L"}
    lost, again, same = (name("exam", free.pop(0), 0) for _ in range(3))
    told["four_views"].add(lost)
    told["both_views"].add(f"{lost} R")
    images = images.drop(index=images.index[images["exam_id"].eq(lost)][-1:])
    told["no_repeated_view"] = {again}
    more = images[images["exam_id"].eq(again)].head(1)
    more = more.assign(image_id=name("again"), file_id=name("again", "file"))
    rows = images.index[images["exam_id"].eq(same)]
    images.loc[rows[1], "image_id"] = images.loc[rows[0], "image_id"]
    told["image_once"] = {images.loc[rows[0], "image_id"]}
    return pd.concat([images, more], ignore_index=True)


def _plant_lesions(
    images: pd.DataFrame, told: dict[str, set[str]], free: list[int]
) -> pd.DataFrame:
    rows = []
    for rule, change in LESION_FAULTS.items():
        exam = images[images["exam_id"].eq(name("exam", free.pop(0), 0))].iloc[0]
        box = lesion(exam, *KINDS[0]) | change
        rows.append(box)
        told[rule] = {box["image_id"]}
    # Boxes on images that a fault was planted into would be told as well.
    touched = set().union(*told.values())
    sound = make_lesions(images)
    return pd.concat([sound[~sound["image_id"].isin(touched)], pd.DataFrame(rows)])


def _plant_files(files: pd.DataFrame, told: dict[str, set[str]]) -> pd.DataFrame:
    again = files.iloc[-1].to_dict()
    lost = {"file_id": name("lost"), **describe_fate("text_seen"), "fate": "lost"}
    odd = {"file_id": name("odd"), **describe_fate("text_seen"), "code": "because"}
    told["one_row_a_file"] = {again["file_id"]}
    told["fate_known"], told["reason_listed"] = {lost["file_id"]}, {odd["file_id"]}
    return pd.concat([files, pd.DataFrame([again, lost, odd])], ignore_index=True)
