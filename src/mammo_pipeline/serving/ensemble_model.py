"""The released ensemble, as MLflow stores and loads it (models-from-code).

MLflow copies this file into the model, so it stands alone: numpy, keras and mlflow, nothing of
this package. Members are plain Keras files with built-in layers. Its equations are those of the
package's `ensembling/combine.py`, `ensembling/flips.py` and `calibration/maps.py`; a test holds the
two equal for every combination, flip and calibration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

IMAGES_A_BATCH = 8
# Axes of (images, rows, columns, 1) that are turned round.
FLIPS = {"none": (), "up_down": (1,), "left_right": (2,), "both": (1, 2)}
# A rank is read from a member's 0 %, 1 %, ... 100 % of logits, and kept half a step from the ends.
RANKS = np.linspace(0, 1, 101)
LEAST_RANK = 1 / 202


class Ensemble(PythonModel):
    """Canvases in, one number an image out: by default a calibrated probability of cancer.

    The model config carries `digests` (artifact to SHA-256), `members` (artifact, name, weight),
    `combination`, `flips`, `calibration` and `scale`, all as plain numbers, and for what is done
    with the images of one breast: `aggregation` and `operating_point`.

    A breast is not the mean of its images' probabilities: ask for output="logit", aggregate those,
    and only then calibrate.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Reads the members, after every file was compared with its digest.

        Raises:
            ValueError: A file differs from the one that was released. MLflow does not look.
        """
        import keras

        refuse_changed_files(context.artifacts, context.model_config["digests"])
        self.config = dict(context.model_config)
        self.members = [
            keras.saving.load_model(
                context.artifacts[member["artifact"]], compile=False, safe_mode=True
            )
            for member in self.config["members"]
        ]

    def predict(
        self,
        context: PythonModelContext,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Returns float64 (n,): what `params["output"]` names, of each image.

        Args:
            context: Of MLflow; unused, the config was read at load.
            model_input: Canvases, uint16 (n, rows, columns, 1).
            params: output: probability, logit (uncalibrated), calibrated_logit, or score (1 to 10
                on the frozen scale). device: which device took the images, for a calibration by
                device; empty or unknown is the pooled map.

        Raises:
            ValueError: The output is unknown.
        """
        asked = {"output": "probability", "device": ""} | dict(params or {})
        if asked["output"] not in OUTPUTS:
            raise ValueError(f"output {asked['output']!r} is unknown; one of {sorted(OUTPUTS)}.")
        logits = self.combined_logits(model_input)
        calibrated = calibrate(self.config["calibration"], logits, asked["device"])
        return OUTPUTS[asked["output"]](self.config, logits, calibrated)

    def combined_logits(self, pixels: np.ndarray) -> np.ndarray:
        """Returns float64 (n,): the members' logits combined, before calibration."""
        flips = self.config["flips"]
        logits = np.zeros((len(pixels), len(self.members)))
        for place, member in enumerate(self.members):
            for flip in flips:
                seen = np.flip(pixels, FLIPS[flip])
                found = member.predict(seen, batch_size=IMAGES_A_BATCH, verbose=0)
                logits[:, place] += found.reshape(len(pixels)).astype(float) / len(flips)
        return combine(self.config["members"], self.config["combination"], logits)


def combine(
    members: list[dict[str, Any]], combination: Mapping[str, Any], logits: np.ndarray
) -> np.ndarray:
    """Returns float64 (n,): members' logits (n, members) as one, by weight or by rank."""
    weights = np.array([member["weight"] for member in members], float)
    if combination["reference"] is None:
        return combination["intercept"] + logits @ weights
    references = [combination["reference"][member["name"]] for member in members]
    ranks = [
        np.clip(np.interp(column, known, RANKS), LEAST_RANK, 1 - LEAST_RANK)
        for column, known in zip(logits.T, references, strict=True)
    ]
    mean = np.stack(ranks, axis=1) @ weights / weights.sum()
    return np.log(mean) - np.log1p(-mean)


def calibrate(calibration: Mapping[str, Any], logits: np.ndarray, device: str) -> np.ndarray:
    """Returns calibrated logits by the device's own map, or the pooled one."""
    fitted = calibration["by_device"].get(device, calibration["pooled"])
    return MAPS[fitted["method"]](fitted, logits)


def _bend_by_beta(fitted: Mapping[str, Any], logits: np.ndarray) -> np.ndarray:
    # -logaddexp(0, -x) is log p, -logaddexp(0, x) is log(1 - p): no overflow at any logit.
    risen, fallen = np.logaddexp(0, logits), np.logaddexp(0, -logits)
    return fitted["b"] * risen - fitted["a"] * fallen + fitted["c"]


MAPS: dict[str, Callable[[Mapping[str, Any], np.ndarray], np.ndarray]] = {
    "identity": lambda _, x: x,
    "platt": lambda m, x: m["slope"] * x + m["intercept"],
    "temperature": lambda m, x: x / m["temperature"],
    "beta": _bend_by_beta,
    "isotonic": lambda m, x: np.interp(x, m["logits"], m["calibrated"]),
}
OUTPUTS: dict[str, Callable[[Mapping[str, Any], np.ndarray, np.ndarray], np.ndarray]] = {
    "logit": lambda _, logits, calibrated: logits,
    "calibrated_logit": lambda _, logits, calibrated: calibrated,
    "probability": lambda _, logits, calibrated: np.exp(-np.logaddexp(0, -calibrated)),
    "score": lambda config, logits, calibrated: (
        1.0 + np.searchsorted(config["scale"]["edges"], calibrated, side="right")
    ),
}


def refuse_changed_files(artifacts: dict[str, str], digests: dict[str, str]) -> None:
    """Raises ValueError unless the files are exactly those that were released."""
    if artifacts.keys() != digests.keys():
        raise ValueError(
            f"the model holds the files {sorted(artifacts)}, it was released with "
            f"{sorted(digests)}. Do not use it; release it again."
        )
    for name, path in artifacts.items():
        found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        if found != digests[name]:
            raise ValueError(
                f"{name} has SHA-256 {found[:12]}..., it was released with {digests[name][:12]}... "
                "The file was changed after the release. Do not use it; release it again."
            )


set_model(Ensemble())
