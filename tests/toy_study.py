"""A study small enough to train on in a test: discs are benign, stars are malignant."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.ladder.stages import Ladder
from mammo_pipeline.mammo.patches import Sampling

CANVAS = (68, 48)  # two blocks and a pooled map of 3x2
NETWORK = {
    "block_widths": (4, 8),
    "head_widths": (8, 8),
    "image_widths": (4, 2),
    "image_shape": CANVAS,
}
STAGES = {
    "patch_adam": {"data": "patches", "start": "scratch", "learning_rate": 1e-3, "epochs": 2},
    "image_adam": {
        "data": "images",
        "start": "patch_adam",
        "restore": ["weights", "optimizer"],
        "learning_rate": 1e-3,
        "epochs": 1,
        "cancer_fraction": 0.5,
    },
    "finetune_ema": {
        "data": "images",
        "start": "image_adam",
        "restore": ["weights", "optimizer"],
        "learning_rate": 1e-3,
        "ema_momentum": 0.9,
        "epochs": 2,
    },
    "finetune_sgd": {
        "data": "images",
        "start": "finetune_ema",
        "restore": ["weights"],
        "optimizer": "sgd",
        "learning_rate": 1e-3,
        "epochs": 1,
    },
}


def make_ladder(**changes: dict) -> Ladder:
    """The four stages; `changes` are by stage: image_adam={"epochs": 3}."""
    stages = {
        name: {"optimizer": "adam", "batch": 8, **stage, **changes.get(name, {})}
        for name, stage in STAGES.items()
    }
    return Ladder.model_validate({"seed": 7, "network": NETWORK, "stages": stages})


def make_sampling(**changes: float) -> Sampling:
    settings = {
        "seed": 3,
        "size_px": 14,
        "per_lesion": 4,
        "per_healthy_image": 2,
        "background_overlap": 0.35,
        "breast_coverage": 0.5,
        "background_tries": 100,
    }
    return Sampling.model_validate({**settings, **changes})


def make_study(breasts: int = 40, seed: int = 0) -> tuple[StoredImages, pd.DataFrame, pd.DataFrame]:
    """Returns the store, the cohort and the lesions; every second breast has cancer."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((2 * breasts, *CANVAS), np.uint16)
    cohort, lesions = [], []
    for position in range(2 * breasts):
        breast = position // 2
        cancer, benign = breast % 2, breast % 4 == 0
        centre, radius = rng.integers((16, 8), (52, 28)), 5
        pixels[position] = draw_picture(rng, centre, radius, bool(cancer), bool(cancer or benign))
        row = {"image_id": f"image{position:03d}", "exam_id": f"exam{breast:03d}"}
        side = ("train", "train", "train", "tune", "tune", "test")[breast // 2 % 6]
        cohort.append({**row, "laterality": "L", "side": side, "cancer": cancer})
        if cancer or benign:
            low, high = centre - radius, centre + radius + 1
            box = dict(zip(("row_min", "column_min"), low.tolist(), strict=True))
            box |= dict(zip(("row_max", "column_max"), high.tolist(), strict=True))
            pathology = "malignant" if cancer else "benign"
            lesions.append({**row, "kind": "mass", "pathology": pathology, **box})
    table = pd.DataFrame(cohort)
    index = table[["image_id"]].assign(
        position=np.arange(len(table)), key=[digest_arrays({"canvas": image}) for image in pixels]
    )
    boxes = pd.DataFrame(lesions).drop(columns="exam_id")
    return StoredImages(pixels, index), table, boxes


def draw_picture(
    rng: np.random.Generator, centre: np.ndarray, radius: int, star: bool, lesion: bool
) -> np.ndarray:
    rows, columns = np.mgrid[: CANVAS[0], : CANVAS[1]]
    picture = rng.normal(20000, 2000, CANVAS)
    across, along = columns - centre[1], rows - centre[0]
    inside = np.hypot(along, across) <= radius
    if star:
        inside &= np.minimum(abs(across), abs(along)) <= 1
    picture[inside & lesion] += 25000
    breast = (rows / 34 - 1) ** 2 + (columns / 46) ** 2 < 1
    return (np.clip(picture, 1, 65535) * breast).astype(np.uint16)


def measure_store(
    images: pd.DataFrame, store: StoredImages, rng: np.random.Generator
) -> pd.DataFrame:
    """The stored images as the audit measures them: a feature and a curve, before and after."""
    stored = store.index.loc[store.index["position"] >= 0, "image_id"]
    measured = images[images["image_id"].isin(stored)]
    count = len(measured)
    return pd.DataFrame(
        {
            "image_id": measured["image_id"].to_numpy(),
            "before_width": 100 * measured["row_spacing_mm"].to_numpy() + rng.normal(0, 0.1, count),
            "before_net": [[0.0, 1.0]] * count,
            "after_width": rng.normal(0, 1, count),
            "after_histogram": [[0.5, 0.5]] * count,
        }
    )
