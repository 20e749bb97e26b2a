"""The test set under seal: what the rooms before `evaluate` may know of an image of it."""

from __future__ import annotations

import pandas as pd

# What tells the outcome of a breast; the rest of a row is stated by the file or by the woman.
LABELS = ["cancer", "truth", "birads"]


def place_images(images: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Returns the images with their `side`; those of patients who are left out are not among them.

    Args:
        images: One row an image, with patient_id.
        split: What `split_patients` returned.
    """
    rows = split.set_index("patient_id")
    placed = images.assign(side=images["patient_id"].map(rows["side"]))
    kept = ~images["patient_id"].map(rows["left_out"]).astype(bool)
    return placed[kept].reset_index(drop=True)


def seal_test(placed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the images without the labels of the test side, and these labels by image_id.

    Args:
        placed: One row an image: image_id, side, cancer and, where there are opinions and
            their source, truth and birads as text.

    >>> placed = pd.DataFrame({"image_id": ["a", "b"], "side": ["tune", "test"], "cancer": [1, 1]})
    >>> cohort, truth = seal_test(placed)
    >>> cohort["cancer"].isna().tolist(), truth.to_numpy().tolist()
    ([False, True], [['b', 1]])
    """
    labels = [name for name in LABELS if name in placed]
    known = placed.astype({"cancer": "Int8"})
    test = known["side"].eq("test")
    truth = known.loc[test, ["image_id", *labels]].reset_index(drop=True)
    blank = {name: pd.NA if name == "cancer" else "" for name in labels}
    sealed = {name: known[name].mask(test, blank[name]) for name in labels}
    return known.assign(**sealed), truth


def part_lesions(lesions: pd.DataFrame, placed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the lesions that may be learnt from (train, tune), and those of the test side.

    Args:
        lesions: One row a lesion: image_id and its box.
        placed: image_id and side; a lesion of another image is in neither table.
    """
    side = lesions["image_id"].map(placed.set_index("image_id")["side"])
    known, test = side.isin(["train", "tune"]), side.eq("test")
    return lesions[known].reset_index(drop=True), lesions[test].reset_index(drop=True)


def open_truth(scores: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Returns the scored test images with their labels.

    Args:
        scores: One row a scored image of the test side: image_id.
        truth: The labels that `seal_test` set apart.

    Raises:
        ValueError: A scored image has no row of labels.
    """
    opened = scores.merge(truth, "left", "image_id", validate="one_to_one", indicator="_found")
    lost = int(opened["_found"].eq("left_only").sum())
    if lost:
        raise ValueError(
            f"{lost} of {len(scores)} scored images have no row in test_truth: the "
            "split changed since they were scored. Run `evaluate` again from its first node."
        )
    return opened.drop(columns="_found")
