"""The released ensemble, as MLflow stores and loads it (models-from-code).

MLflow copies this file into the model, so it stands alone: numpy, keras and mlflow, nothing of
this package. Members are plain Keras files with built-in layers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

IMAGES_A_BATCH = 8


class Ensemble(PythonModel):
    """Canvases in, one calibrated probability of cancer per image out.

    The model config carries `digests` (artifact to SHA-256), `members` (artifact and weight),
    `slope` and `intercept`. The score of a breast is the same map applied to the mean of its
    images' logits.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Reads the members, after every file was compared with its digest.

        Raises:
            ValueError: A file differs from the one that was released. MLflow does not look.
        """
        import keras

        refuse_changed_files(context.artifacts, context.model_config["digests"])
        self.members = [
            keras.saving.load_model(
                context.artifacts[member["artifact"]], compile=False, safe_mode=True
            )
            for member in context.model_config["members"]
        ]
        self.weights = np.array([m["weight"] for m in context.model_config["members"]], float)

    def predict(
        self,
        context: PythonModelContext,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Returns float64 (n,): sigmoid(slope * mean member logit + intercept) per image."""
        mean = self.mean_logits(model_input)
        config = context.model_config
        return np.exp(-np.logaddexp(0, -(config["slope"] * mean + config["intercept"])))

    def mean_logits(self, pixels: np.ndarray) -> np.ndarray:
        """Returns float64 (n,): the weighted mean of the members' logits, before calibration."""
        logits = [
            member.predict(pixels, batch_size=IMAGES_A_BATCH, verbose=0).reshape(len(pixels))
            for member in self.members
        ]
        return self.weights @ np.asarray(logits, float) / self.weights.sum()


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
