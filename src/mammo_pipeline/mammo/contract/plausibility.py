"""What an image says of itself, set against what it is: bits, window, chest wall, lesion boxes."""

from __future__ import annotations

import numpy as np
import pandas as pd

BOX = ["row_min", "column_min", "row_max", "column_max"]
IDENTITIES = ("patient_id", "exam_id", "image_id")
# What `pseudonym` writes; anything else may be somebody's name.
PSEUDONYM = r"[0-9a-f]{16}"


def describe_images(images: pd.DataFrame) -> pd.DataFrame:
    """Returns the facts of each image that two or more of its columns give; index of `images`.

    Args:
        images: One row an image: the three identities, row_spacing_mm, column_spacing_mm,
            bits_stored, pixel_representation, stored_min, stored_max, window_center, window_width,
            picture_side, patient_orientation, laterality, horizontal_flip.

    Returns:
        pseudonymous, pixel_aspect (height over width), bits_spare, window_covers, window_used,
        wall_as_stated, wall_as_usual.
    """
    return pd.DataFrame(
        {
            "pseudonymous": find_pseudonyms(images),
            "pixel_aspect": numbers(images, "row_spacing_mm")
            / numbers(images, "column_spacing_mm"),
            "bits_spare": count_spare_bits(images),
            **dict(zip(("window_covers", "window_used"), compare_windows(images), strict=True)),
            **compare_walls(images),
        },
        index=images.index,
    )


def find_pseudonyms(images: pd.DataFrame) -> np.ndarray:
    """Returns "yes" where every identity is 16 hexadecimal digits, else "no", shape (n,)."""
    hidden = [images[name].astype("string").str.fullmatch(PSEUDONYM) for name in IDENTITIES]
    # What is missing names nobody.
    return np.where(pd.concat(hidden, axis=1).fillna(True).all(axis=1), "yes", "no")


def count_spare_bits(images: pd.DataFrame) -> pd.Series:
    """Returns BitsStored (0028,0101) less the bits that the stored values need; below 0 is wrong.

    A signed image, PixelRepresentation (0028,0103) 1, needs one bit for the sign.

    >>> count_spare_bits(pd.DataFrame({"bits_stored": [12, 12], "pixel_representation": 0,
    ...     "stored_min": 0, "stored_max": [4095, 4096]})).tolist()
    [0.0, -1.0]
    """
    low, high = numbers(images, "stored_min"), numbers(images, "stored_max")
    signed = numbers(images, "pixel_representation").eq(1)
    # frexp's exponent is the number of binary digits of a whole number; -2 ** k needs k of them.
    needed = np.maximum(np.frexp(high.clip(lower=0))[1], np.frexp((-low - 1).clip(lower=0))[1])
    spare = numbers(images, "bits_stored") - needed - signed
    return spare.where(high.notna() & low.notna())


def compare_windows(images: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Returns the share of the stored range that the first window covers, and of it that is used.

    Window Center (0028,1050) and Window Width (0028,1051) in stored values: an image whose Rescale
    Slope or Intercept changes the values does not belong here (PS3.3 C.11.2.1.2).

    >>> covers, used = compare_windows(pd.DataFrame({"window_center": [2048],
    ...     "window_width": [4096], "stored_min": [0], "stored_max": [1024]}))
    >>> float(covers[0]), float(used[0])
    (1.0, 0.25)
    """
    centre, width = numbers(images, "window_center"), numbers(images, "window_width")
    low, high = numbers(images, "stored_min"), numbers(images, "stored_max")
    above = np.maximum(low, centre - width / 2)
    below = np.minimum(high, centre + width / 2)
    known = (width > 0) & (high > low) & centre.notna()
    overlap = (below - above).clip(lower=0).where(known)
    return overlap / (high - low), overlap / width


def compare_walls(images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Returns whether the breast lies on the side that the header implies: "yes", "no" or None.

    `wall_as_stated` holds it against PatientOrientation (0020,0020): columns that run to anterior
    have the chest wall at the left (PS3.3 C.7.6.1.1.1). Where that is not stated, `wall_as_usual`
    holds it against the usual hanging, left breasts with the wall at the left, turned over by
    FieldOfViewHorizontalFlip (0018,7034).
    """
    seen = images["picture_side"].where(images["picture_side"].isin(["left", "right"]))
    first = images["patient_orientation"].astype("string").str.upper().str[:1]
    stated = first.map({"A": "left", "P": "right"})
    usual = images["laterality"].map({"L": "left", "R": "right"})
    flipped = images["horizontal_flip"].astype("string").str.lower().eq("yes").fillna(False)
    usual = usual.where(~flipped, usual.map({"left": "right", "right": "left"}))
    usual = usual.where(stated.isna())
    return {"wall_as_stated": _agree(seen, stated), "wall_as_usual": _agree(seen, usual)}


def _agree(seen: pd.Series, implied: pd.Series) -> np.ndarray:
    same = (seen.astype("object") == implied.astype("object")).fillna(False)
    return _answer(same, seen.notna() & implied.notna())


def _answer(holds: pd.Series, known: pd.Series) -> np.ndarray:
    answer = np.where(holds.to_numpy(bool), "yes", "no").astype(object)
    answer[~known.to_numpy(bool)] = None
    return answer


def describe_lesions(lesions: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Returns the lesions with what can be told of their boxes without the pixels.

    Args:
        lesions: One row a box: image_id, pathology, and its edges in stored pixels, maxima
            exclusive.
        images: image_id, rows_px, columns_px, row_spacing_mm, column_spacing_mm, cancer,
            picture_side.

    Returns:
        The columns of `lesions` and image_known, inside_matrix, on_cancer ("no" for a malignant box
        on a breast without cancer), longest_mm and wall_distance (from the chest wall's side of the
        frame to the box, as a share of the frame's width); None or NaN where not known.
    """
    columns = ["rows_px", "columns_px", "row_spacing_mm", "column_spacing_mm", "cancer"]
    columns += ["picture_side"]
    known = images.drop_duplicates("image_id").set_index("image_id")[columns]
    found = lesions.join(known, on="image_id", rsuffix="_of_image")
    seen = lesions["image_id"].isin(known.index)
    edge = {name: numbers(found, name) for name in [*BOX, "rows_px", "columns_px"]}
    inside = (edge["row_min"] >= 0) & (edge["column_min"] >= 0)
    inside &= (edge["row_max"] <= edge["rows_px"]) & (edge["column_max"] <= edge["columns_px"])
    inside &= (edge["row_max"] > edge["row_min"]) & (edge["column_max"] > edge["column_min"])
    tall = (edge["row_max"] - edge["row_min"]) * numbers(found, "row_spacing_mm")
    wide = (edge["column_max"] - edge["column_min"]) * numbers(found, "column_spacing_mm")
    malignant = found["pathology"].eq("malignant") & found["cancer"].notna()
    return lesions.assign(
        image_known=np.where(seen, "yes", "no"),
        inside_matrix=_answer(inside, seen),
        on_cancer=_answer(numbers(found, "cancer").eq(1), malignant),
        longest_mm=np.maximum(tall, wide),
        wall_distance=_measure_wall_distance(edge, found["picture_side"]),
    )


def _measure_wall_distance(edge: dict[str, pd.Series], side: pd.Series) -> pd.Series:
    from_left = edge["column_min"] / edge["columns_px"]
    from_right = 1 - edge["column_max"] / edge["columns_px"]
    return from_left.where(side.eq("left"), from_right.where(side.eq("right")))


def numbers(table: pd.DataFrame, column: str) -> pd.Series:
    """Returns a column as floats; what is no number is NaN."""
    return pd.to_numeric(table[column], errors="coerce").astype(float)
