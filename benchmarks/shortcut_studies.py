"""Small phantom studies with and without planted confounding, and real nets that learnt from them.

What `shortcut_rates.py` audits. The frames are the whole field resized to the net's size, as most
published systems feed their nets, not standardized canvases: standardization is made to hide the
device, so a net could hardly take the shortcut that is to be found. Here marker, grey and size of
the field are plain.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.dicom.write import write_mammogram
from mammo_pipeline.mammo.digest import digest_record
from mammo_pipeline.mammo.frame import Frame, stretch_frame
from mammo_pipeline.mammo.networks.embedding import embed_images
from mammo_pipeline.mammo.networks.families import build_image_net, read_network
from mammo_pipeline.mammo.networks.predict import member_logits
from mammo_pipeline.mammo.phantom.archive import draw_women, list_views, render_exam_view
from mammo_pipeline.mammo.phantom.devices import Device, find_device
from mammo_pipeline.mammo.phantom.header import describe_view, make_patient_id, make_uid
from mammo_pipeline.mammo.phantom.study import Exam, StudyDesign, Woman
from mammo_pipeline.mammo.shortcuts.masking import MASKS, mask_pixels

# The first is the source that is added, and the one to which planted confounding draws cancers. It
# draws softly: a sharp one (hologic_dimensions, on the seeds for tuning) is scored high by accident
# by a net that never saw it, and then adding it has little left to gain between sources.
DEVICES = {"siemens_inspiration": 0.3, "ge_essential": 0.35, "hologic_dimensions": 0.35}
ADDED = next(iter(DEVICES))
SHAPE_PX = (68, 48)
FIELD_MM = 240.0  # height of the largest field: the resized frames have no spacing of their own
NETWORK = {
    "family": "dreamnet",
    "block_widths": [8, 16],
    "head_widths": [24, 16],
    "top": "vgg_512",
    "image_widths": [16],
    "classes": 2,
    "image_shape": list(SHAPE_PX),
}
BATCH = 32
LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class Recipe:
    """What a study is made of.

    Attributes:
        women: In the study.
        taught: How many of them teach; the others are tested.
        epochs: Passes of the net that has seen every source; the one before it takes as many
            steps.
        confounding: `StudyDesign.confounding`.
        binning: Stored pixels over the detector's own.
        cancer_share: Of the women.
        contrast: `StudyDesign.lesion_contrast`; high enough for a narrow net to learn an honest
            score in a few epochs, low enough for a shortcut to be easier.
    """

    women: int
    taught: int
    epochs: int
    confounding: float
    binning: float = 24.0
    cancer_share: float = 0.5
    contrast: float = 1.2


def make_study(seed: int, recipe: Recipe) -> dict[str, Any]:
    """Returns {images, embedding}: a table, one row an image, and the tested images' embedding.

    The table has the facts of the header, `side` (train or test), `cancer`, and for images of the
    test side `before` and `after`, the logits of two nets of which only the second saw the added
    source, and `masked <condition>`, the second net's logits of masked images.
    """
    images, pixels = draw_frames(seed, recipe)
    tested = np.flatnonzero(images["side"] == "test")
    spacing_mm = FIELD_MM / SHAPE_PX[0]
    for name, known in {"before": images["device"] != ADDED, "after": True}.items():
        learnt = np.flatnonzero((images["side"] == "train") & known)
        arrays = train_net(pixels, images["cancer"].to_numpy(), learnt, seed, recipe)
        answers = member_logits(NETWORK, arrays, pixels, tested, BATCH)
        images.loc[tested, name] = answers.astype(float)
    for condition in MASKS:
        view = mask_pixels(pixels, condition, spacing_mm)
        answers = member_logits(NETWORK, arrays, view, tested, BATCH)
        images.loc[tested, f"masked {condition}"] = answers.astype(float)
    return {"images": images, "embedding": embed_images(NETWORK, arrays, pixels, tested, BATCH)}


def draw_frames(seed: int, recipe: Recipe) -> tuple[pd.DataFrame, np.ndarray]:
    """Returns the table of images and their resized frames, uint16 (images, rows, columns)."""
    share, contrast = recipe.cancer_share, recipe.contrast
    design = StudyDesign(0.0, share, 0.2, DEVICES, contrast, recipe.confounding)
    women = draw_women(recipe.women, seed, design)
    taught = np.random.default_rng(seed).permutation(recipe.women) < recipe.taught
    rows, frames = [], []
    for woman in women:
        for exam, laterality, view in list_views(woman):
            stored = render_exam_view(woman, exam, laterality, view, recipe.binning).pixels
            side = "train" if taught[woman.number] else "test"
            facts = describe_image(woman, exam, laterality, view, stored, recipe.binning)
            rows.append({**facts, "side": side})
            frames.append(resize_frame(stored, find_device(exam.device), laterality, view))
    return pd.DataFrame(rows), np.stack(frames)


def describe_image(
    woman: Woman, exam: Exam, laterality: str, view: str, stored: np.ndarray, binning: float
) -> dict[str, Any]:
    """Returns what a cohort's row says of one image, as far as the audit asks."""
    device = find_device(exam.device)
    tags = describe_view(woman, exam, laterality, view, binning)
    cancer = any(lesion.pathology == "malignant" for lesion in exam.lesions[laterality])
    return {
        "exam_id": make_uid(woman, exam.date.isoformat()),
        "patient_id": make_patient_id(woman),
        "laterality": laterality,
        "view": view,
        "device": exam.device,
        "unit_id": device.serial,
        "size_bytes": len(write_mammogram(stored, tags, device.transfer_syntax)),
        "exam_offset_days": exam.date.toordinal(),
        "age": exam.age,
        "density": woman.density,
        "cancer": int(cancer),
    }


def resize_frame(stored: np.ndarray, device: Device, laterality: str, view: str) -> np.ndarray:
    """Returns the whole field at the net's size, chest wall left, uint16; 0 is no signal."""
    table = np.linspace(0, 1, 2**device.bits_stored, dtype=np.float32)
    if device.photometric == "MONOCHROME1":
        table = np.ascontiguousarray(table[::-1])
    picture = stored.astype(np.uint16)
    frame = Frame(picture, table, 0, "stored values", (1.0, 1.0), laterality, view, "")
    return stretch_frame(frame, SHAPE_PX)


def train_net(
    pixels: np.ndarray, labels: np.ndarray, learnt: np.ndarray, seed: int, recipe: Recipe
) -> dict[str, np.ndarray]:
    """Returns the weights, by Keras variable path, of a net that learnt from the given images."""
    import keras

    keras.utils.set_random_seed(seed)
    truth = labels[learnt].astype(np.float32)
    model = build_image_net(read_network(NETWORK), seed, float(truth.mean().clip(0.01, 0.99)))
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE), keras.losses.BinaryCrossentropy(from_logits=True)
    )
    rng = np.random.default_rng(seed)
    steps = recipe.epochs * -(-recipe.taught * 4 // BATCH)
    order = np.concatenate(
        [rng.permutation(len(learnt)) for _ in range(-(-steps * BATCH // len(learnt)))]
    )
    for step in range(steps):
        batch = order[step * BATCH : (step + 1) * BATCH]
        model.train_on_batch(pixels[learnt[batch]][..., np.newaxis], truth[batch, np.newaxis])
    return {variable.path: np.asarray(variable) for variable in model.weights}


def keep_study(folder: Path, seed: int, recipe: Recipe) -> dict[str, Any]:
    """Returns the study, made once and kept in the folder, so that an audit may run again."""
    made_of = {**asdict(recipe), "network": NETWORK, "devices": DEVICES, "rate": LEARNING_RATE}
    name = f"{seed:04d}_{recipe.confounding:g}_{digest_record(made_of)[:12]}"
    path = folder / f"{name}.npz"
    table = folder / f"{name}.parquet"
    if not table.exists():
        study = make_study(seed, recipe)
        np.savez_compressed(path, embedding=study["embedding"])
        study["images"].to_parquet(table)
    with np.load(path) as kept:
        return {"images": pd.read_parquet(table), "embedding": kept["embedding"]}
