"""Tables of scores with members that are worth combining."""

from __future__ import annotations

import numpy as np
import pandas as pd

NAMES = ["m0", "m1", "m2", "m3"]


def make_images(
    patients: int, seed: int, strengths: tuple[float, ...] = (1.5, 1.5, 1.5, 1.5)
) -> pd.DataFrame:
    """Four images a patient, every tenth breast with cancer, one column of logits a strength."""
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(patients), 4)
    breast = np.repeat(np.arange(2 * patients), 2)
    cancer = (breast % 10 == 0).astype(int)
    images = pd.DataFrame(
        {
            "image_id": [f"i{k:04d}" for k in range(4 * patients)],
            "exam_id": [f"e{k:04d}" for k in number],
            "patient_id": [f"p{k:04d}" for k in number],
            "laterality": np.tile(["L", "L", "R", "R"], patients),
            "view": np.tile(["CC", "MLO"], 2 * patients),
            "device": np.array(["A", "B"])[number % 2],
            "cancer": cancer,
        }
    )
    shared = 0.3 * rng.normal(size=len(images))
    for place, strength in enumerate(strengths):
        images[f"m{place}"] = strength * cancer - 2 + shared + rng.normal(size=len(images))
    return images
