"""The model in use, asked about the same test images: what the ensemble is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.standard import describe_standard
from mammo_pipeline.pipelines.evaluate.closer import find_positions
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

NOBODY = "the parameters compare it with nobody"


def score_with_earlier(
    test_scores: pd.DataFrame,
    store: StoredImages,
    device_maps: dict[str, Any] | None,
    standardize: StandardizeParameters,
    parameters: EvaluateParameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Returns `earlier_scores` (image_id, logit) and `earlier_model`, or why there is none.

    The record is {name, version, alias, aggregation, calibration, operating_point, devices (that
    it learnt from)} or {reason}.
    """
    blank = pd.DataFrame({"image_id": pd.Series(dtype=str), "logit": pd.Series(dtype=float)})
    if parameters.earlier_model == "nobody":
        return blank, {"reason": NOBODY}
    released, reason = find_released(describe_standard(standardize.standard, device_maps))
    if released is None:
        return blank, {"reason": reason}
    positions = find_positions(test_scores, store)
    logits = np.full(len(positions), np.nan)
    for start in range(0, len(positions), parameters.batch):
        rows = slice(start, start + parameters.batch)
        canvases = np.asarray(store.pixels[positions[rows]])[..., None]
        logits[rows] = released.model.predict(canvases, params={"output": "logit"}).ravel()
    config = released.config
    record = {"name": released.name, "version": released.version, "alias": released.alias}
    record |= {key: config[key] for key in ("aggregation", "calibration", "operating_point")}
    record["devices"] = config.get("devices")
    return test_scores[["image_id"]].assign(logit=logits), record


def find_released(standard: dict[str, Any]) -> tuple[Any, str]:
    """Returns (the model in use, "") or (None, why it cannot be compared with)."""
    from mammo_pipeline.tracking import TrackingError
    from mammo_pipeline.tracking.promotion import PromotionError
    from mammo_pipeline.tracking.released import load_released

    try:
        released = load_released()
    except (PromotionError, TrackingError) as error:
        return None, f"no model is released: {str(error).split('. ')[0].rstrip('.')}"
    who = f"{released.name} version {released.version}"
    if "operating_point" not in released.config:
        return None, f"{who} was released before thresholds were kept with a model"
    if released.config["standard"] != standard:
        return None, f"{who} was made for images of another standard"
    return released, ""
