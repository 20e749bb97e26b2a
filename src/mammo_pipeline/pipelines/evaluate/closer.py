"""A closer look at the test images: where the net sees something, what it holds, what it lives on.

No label is read here: marks, embeddings and the scores of masked images are written before the
seal is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.ensembling import score as ensembling
from mammo_pipeline.mammo.exam import BOX_COLUMNS
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

Members = dict[str, Callable[[], dict[str, np.ndarray]]]
MARK_COLUMNS = ["image_id", "score", "row_px", "column_px", *BOX_COLUMNS]
# Of the square that a place of the heatmap stands for, so much lies on breast.
LEAST_TISSUE = 0.5
# Masked canvases that are held at once: 0.26 GB at 1152x896.
AT_ONCE = 128


def look_closer(
    test_scores: pd.DataFrame,
    ensemble: dict[str, Any],
    sweep_members: Members,
    store: StoredImages,
    standardize: StandardizeParameters,
    parameters: EvaluateParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns `test_marks`, `test_embeddings` and `test_masked_scores`.

    Marks are peaks of the members' heatmaps, averaged by their weights; the embedding is that of
    the heaviest member; masked images are scored by the whole ensemble.

    Raises:
        ValueError: A member is not the one that was frozen, or an answer is not finite.
    """
    members = ensembling.read_members(ensemble, sweep_members)
    ensembling.check_members(ensemble, members)
    positions = find_positions(test_scores, store)
    marks = mark_images(ensemble, members, store.pixels, positions, parameters)
    marks.insert(0, "image_id", test_scores["image_id"].to_numpy()[marks.pop("image")])
    embeddings = embed_test_images(ensemble, members, store, positions, parameters.batch)
    masked = score_masked(ensemble, members, store, positions, standardize, parameters)
    ids = test_scores[["image_id"]].reset_index(drop=True)
    return (
        marks[MARK_COLUMNS].reset_index(drop=True),
        pd.concat([ids, embeddings], axis=1),
        pd.concat([ids, masked], axis=1),
    )


def find_positions(test_scores: pd.DataFrame, store: StoredImages) -> np.ndarray:
    """Returns where each scored image lies in the store, shape (n,)."""
    places = store.index.set_index("image_id")["position"]
    return places.loc[test_scores["image_id"]].to_numpy()


def map_images(
    ensemble: dict[str, Any],
    members: dict[str, dict[str, np.ndarray]],
    pixels: Any,
    positions: np.ndarray,
    batch: int,
) -> np.ndarray | None:
    """Returns the ensemble's map of malignancy of each image, None where its nets have none."""
    from mammo_pipeline.mammo.detection.marks import average_maps
    from mammo_pipeline.mammo.networks.heat import malignancy_maps

    maps = [
        malignancy_maps(
            *(ensemble["network"], members[m["name"]], pixels, positions, batch),
            loss=ensemble["patch_loss"],
        )
        for m in ensemble["members"]
    ]
    known = [one for one in maps if one is not None]
    if len(known) < len(maps):
        return None
    return average_maps(known, [member["weight"] for member in ensemble["members"]])


def mark_images(
    ensemble: dict[str, Any],
    members: dict[str, dict[str, np.ndarray]],
    pixels: Any,
    positions: np.ndarray,
    parameters: EvaluateParameters,
) -> pd.DataFrame:
    """Returns the marks of all images, `image` counting from 0; none where there is no heatmap."""
    from mammo_pipeline.mammo.detection.marks import find_marks
    from mammo_pipeline.mammo.networks.families import heatmap_places, read_network
    from mammo_pipeline.mammo.networks.heat import find_tissue

    maps = map_images(ensemble, members, pixels, positions, parameters.batch)
    if maps is None:
        blank = dict.fromkeys(MARK_COLUMNS[1:], pd.Series(dtype=float))
        return pd.DataFrame({"image": pd.Series(dtype=int), **blank})
    network = read_network(ensemble["network"])
    places = heatmap_places(network)
    tissue = find_tissue(pixels, positions, places, maps.shape[1:], LEAST_TISSUE)
    shape_px = tuple(ensemble["network"]["image_shape"])
    chosen = parameters.marks
    return find_marks(maps, places, shape_px, chosen.most, chosen.least_score, tissue)


def embed_test_images(
    ensemble: dict[str, Any],
    members: dict[str, dict[str, np.ndarray]],
    store: StoredImages,
    positions: np.ndarray,
    batch: int,
) -> pd.DataFrame:
    """Returns the embedding of each image by the heaviest member, columns e0, e1, ..."""
    from mammo_pipeline.mammo.networks.embedding import embed_images

    heaviest = max(ensemble["members"], key=lambda member: member["weight"])["name"]
    found = embed_images(ensemble["network"], members[heaviest], store.pixels, positions, batch)
    return pd.DataFrame(found, columns=[f"e{number}" for number in range(found.shape[1])])


def score_masked(
    ensemble: dict[str, Any],
    members: dict[str, dict[str, np.ndarray]],
    store: StoredImages,
    positions: np.ndarray,
    standardize: StandardizeParameters,
    parameters: EvaluateParameters,
) -> pd.DataFrame:
    """Returns one column of uncalibrated logits a way of masking."""
    from mammo_pipeline.mammo.shortcuts.masking import CONDITIONS, mask_pixels

    columns: dict[str, list[np.ndarray]] = {name: [] for name in CONDITIONS}
    for start in range(0, len(positions), AT_ONCE):
        part = positions[start : start + AT_ONCE]
        for name, scored in columns.items():
            # Every member and flip sees the same masked canvases, which cost more than a net.
            seen = mask_pixels(store.pixels, name, standardize.spacing_mm)[part]
            places = np.arange(len(part))
            scored.append(
                ensembling.score_images(ensemble, members, seen, places, parameters.batch)
            )
    return pd.DataFrame({name: np.concatenate(scored) for name, scored in columns.items()})
