"""Room `check`, the page on look-alike images: each pair side by side, for a person to judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.mammo.likeness import UNREVIEWED
from mammo_pipeline.pipelines.check.parameters import CheckParameters

PICTURE_PX = 400
_HOW = (
    "Two images of two patients whose perceptual hashes (256 bits of the picture's coarsest waves) "
    "differ by few bits: one woman under two names, a copy that was processed again, or two women "
    "who look alike. To judge a pair, copy near_duplicates.csv to the place that reviewed_pairs "
    "names in globals.yml and write same or different into the column verdict. Pictures are as "
    "stored, chest wall where the device put it."
)


def show_near_duplicates(
    near_duplicates: pd.DataFrame,
    images: pd.DataFrame,
    folder: FolderOfFiles,
    key: bytes,
    parameters: CheckParameters,
) -> dict[str, Any]:
    """Returns the page: the pairs without a verdict first, the most alike first.

    Args:
        near_duplicates: Pairs of images of two patients, with verdicts.
        images: One row an image.
        folder: The DICOM folder, to draw the pictures from.
        key: The secret of the pseudonyms.
        parameters: The room's parameters.
    """
    waiting = near_duplicates["verdict"] == UNREVIEWED
    ordered = near_duplicates.assign(done=~waiting).sort_values(["done", "distance_bits"])
    shown = ordered.head(parameters.near_duplicates.shown)
    joined = parameters.near_duplicates.join_unreviewed
    fate = "stay on one side of the split" if joined else "may lie on two sides of the split"
    text = f"{int(waiting.sum())} of {len(near_duplicates)} pairs wait for a verdict; they {fate}."
    return {
        "title": "Look-alike images",
        "subtitle": "Whether one woman stands in the study under two names.",
        "verdict": {"state": "info", "text": text},
        "facts": {"pairs": str(len(near_duplicates)), "without a verdict": str(int(waiting.sum()))},
        "sections": [_show_pairs(shown, images, folder, key), _list_pairs(shown, near_duplicates)],
    }


def _show_pairs(
    shown: pd.DataFrame, images: pd.DataFrame, folder: FolderOfFiles, key: bytes
) -> dict[str, Any]:
    from mammo_pipeline.reporting.charts import image_grid

    if shown.empty:
        return {"title": "Pairs", "text": f"There is none. {_HOW}"}
    rows = images.set_index("image_id")
    pairs = shown[["image_id", "other_image_id"]].to_numpy().ravel()
    names = folder.find_again(list(rows.loc[pairs, "file_id"]), key)
    pictures, captions = [], []
    for number, image_id in enumerate(pairs):
        row = rows.loc[image_id]
        with folder.open(names[row["file_id"]]) as stream:
            pictures.append(draw_picture(stream.read(), row["photometric"]))
        captions.append(f"{1 + number // 2}: {row['laterality']} {row['view']} {image_id}")
    return {
        "title": "Pairs",
        "text": _HOW,
        "image": image_grid(pictures, captions, columns=2, width_px=300),
        "caption": f"{len(shown)} pairs, one a line: number, breast, view, pseudonym of the image.",
    }


def draw_picture(content: bytes, photometric: str) -> np.ndarray:
    """Returns an accepted image as it is to be looked at, uint8, at most `PICTURE_PX` across.

    Args:
        content: The file.
        photometric: PhotometricInterpretation (0028,0004), as `images` states it.
    """
    from mammo_pipeline.mammo.dicom.pixels import decode_pixels
    from mammo_pipeline.mammo.dicom.presentation import present

    dataset, stored = decode_pixels(content)
    dataset.PhotometricInterpretation = photometric
    step = max(1, stored.shape[1] // PICTURE_PX)
    shown = present(dataset, np.ascontiguousarray(stored[::step, ::step]))
    return np.rint(shown * 255).astype(np.uint8)


def _list_pairs(shown: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, Any]:
    return {
        "title": "The list",
        "table": {
            "columns": ["Pair", "Image", "Other image", "Bits apart", "Verdict"],
            "rows": [
                [number, *row]
                for number, row in enumerate(
                    shown[
                        ["image_id", "other_image_id", "distance_bits", "verdict"]
                    ].values.tolist(),
                    start=1,
                )
            ],
            "note": f"{len(shown)} of {len(pairs)} pairs; all of them are in near_duplicates.csv.",
        },
    }
