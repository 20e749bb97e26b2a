"""A study small enough to train on in a test: discs are benign, stars are malignant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.ladder.lessons import Lessons, gather_lessons
from mammo_pipeline.mammo.ladder.stages import Ladder
from mammo_pipeline.mammo.patches.rules import Sampling
from mammo_pipeline.mammo.patches.sampling import sample_patches
from mammo_pipeline.pipelines.train.parameters import TrainParameters

CANVAS = (68, 48)  # two blocks and a pooled map of 3x2
NETWORK = {
    "family": "dreamnet",
    "block_widths": [4, 8],
    "head_widths": [8, 8],
    "image_widths": [4, 2],
    "image_shape": CANVAS,
    "patch_px": 14,
}
ADAM = {"name": "adam"}
IMAGES = {"data": "images", "normalization": "frozen", "balance": {"cancer_fraction": 0.5}}
STAGES = {
    "patch_adam": {"data": "patches", "start": "scratch", "optimizer": ADAM, "epochs": 2},
    "image_adam": {
        **IMAGES,
        "start": "patch_adam",
        "restore": ["weights", "optimizer"],
        "optimizer": ADAM,
        "epochs": 1,
    },
    "finetune_ema": {
        **IMAGES,
        "start": "image_adam",
        "restore": ["weights", "optimizer"],
        "optimizer": ADAM,
        "ema": {"momentum": 0.9},
        "keep": {"weights": "ema"},
        "epochs": 2,
    },
    "finetune_sgd": {
        **IMAGES,
        "start": "finetune_ema",
        "restore": ["weights"],
        "optimizer": {"name": "sgd"},
        "epochs": 1,
    },
}


def make_ladder(
    execution: dict | None = None,
    network: dict | None = None,
    wiring: dict | None = None,
    **changes: dict,
) -> Ladder:
    """The winner's four stages; `changes` are by stage: image_adam={"epochs": 3}."""
    stages = {
        name: {"learning_rate": 1e-3, "batch": 8, **stage, **changes.get(name, {})}
        for name, stage in STAGES.items()
    }
    return Ladder.model_validate(
        {
            "seed": 7,
            "network": {**NETWORK, **(network or {})},
            "stages": stages,
            "execution": execution or {},
            "wiring": wiring or {},
        }
    )


def make_train_parameters(stages: int = 4, **changes: Any) -> TrainParameters:
    """The first stages of `make_ladder`, declared as `toy` and once more as `other`."""
    described = make_ladder(**changes).model_dump(mode="json")
    kept = dict(list(described["stages"].items())[:stages])
    ladder = {"network": described["network"], "stages": kept}
    return TrainParameters.model_validate(
        {
            "seed": 7,
            "ladder": "toy",
            "ladders": {"toy": ladder, "other": ladder},
            "execution": described["execution"],
            "wiring": described["wiring"],
            "cases": 2,
        }
    )


def refuse_files(name: str, sha256: str) -> dict[str, np.ndarray]:
    """Stands for a folder of weights that no stage may ask for."""
    raise AssertionError(f"no stage starts from a file, {name} was asked for")


def make_sampling(**changes: Any) -> Sampling:
    """Patches on lesions, beside them and of healthy images; `changes` are by rule, or of all."""
    anywhere = {"overlap_with": "either", "overlap_most": 0.35, "breast_coverage": 0.5}
    background = {"kind": "background", "tries": 100, **anywhere}
    cutoff = {"cutoff": 0.75, "cutoff_step": 0.05, "tries_per_step": 1000, "tries": 20000}
    rules = {
        "lesion": {"kind": "lesion", "per_lesion": 4, "overlap_with": "either", **cutoff},
        "beside": {"images": "with_lesion", "as_many_as": "lesion", **background},
        "healthy": {"images": "healthy", "per_image": 2, **background},
    }
    shared = {name: changes.pop(name) for name in ("seed", "size_px") if name in changes}
    for name, change in changes.items():
        rules[name] = {**rules.get(name, {}), **change}
    return Sampling.model_validate({"seed": 3, "size_px": 14, "rules": rules, **shared})


def draw_toy_patches(
    store: StoredImages, cohort: pd.DataFrame, lesions: pd.DataFrame, **changes: Any
) -> pd.DataFrame:
    """The patches of a toy study; `changes` are those of `make_sampling`."""
    sampling = make_sampling(**changes)
    return sample_patches(store.pixels, store.index, cohort, lesions, sampling)[0]


def make_lessons(ladder: Ladder, breasts: int = 40, **changes: Any) -> Lessons:
    """What a ladder may learn from a toy study; `changes` are those of `make_sampling`."""
    store, cohort, lesions = make_study(breasts)
    patches = draw_toy_patches(store, cohort, lesions, **changes)
    tables = (store.pixels, store.index, cohort, patches, lesions)
    return gather_lessons(ladder, *tables, code="code", cases=2)


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
