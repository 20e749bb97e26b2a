"""The files of a released model, and the check that it says what its members say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def build_members(
    ensemble: Mapping[str, Any], readers: Mapping[str, Callable[[], dict[str, np.ndarray]]]
) -> dict[str, keras.Model]:
    """Returns the ensemble's members as Keras models, in its order.

    Raises:
        ValueError: A member is missing, or its weights changed since the ensemble was frozen.
    """
    from mammo_pipeline.mammo.ensembling.score import check_members, read_members

    arrays = read_members(ensemble, readers)
    check_members(ensemble, arrays)
    return {name: _build_member(ensemble["network"], found) for name, found in arrays.items()}


def _build_member(network: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> keras.Model:
    from mammo_pipeline.mammo.networks.families import build_image_net, read_network
    from mammo_pipeline.mammo.networks.predict import assign_variables

    # Seed and prevalence only set the starting weights, all of which are replaced.
    model = build_image_net(read_network(dict(network)), seed=0, prevalence=0.5)
    assign_variables({variable.path: variable for variable in model.weights}, arrays)
    return model


def write_artifacts(
    folder: Path,
    members: Mapping[str, keras.Model],
    records: Mapping[str, Any],
) -> dict[str, Path]:
    """Returns artifact name to the file written for it: members and JSON records."""
    artifacts = {}
    for place, model in enumerate(members.values()):
        artifacts[member_artifact(place)] = folder / f"{member_artifact(place)}.keras"
        model.save(artifacts[member_artifact(place)])
    for name, record in records.items():
        artifacts[name] = folder / f"{name}.json"
        artifacts[name].write_text(json.dumps(record, indent=1, allow_nan=False))
    return artifacts


def member_artifact(place: int) -> str:
    """Returns the artifact name of the member at `place`.

    >>> member_artifact(3)
    'member_03'
    """
    return f"member_{place:02d}"


def describe_model(
    ensemble: Mapping[str, Any], standard: Mapping[str, Any], artifacts: Mapping[str, Path]
) -> dict[str, Any]:
    """Returns the model config: all that a score needs but the weights, and each file's digest.

    Raises:
        ValueError: The ensemble is not one that the serving file can express.
    """
    shape_px = list(ensemble["network"]["image_shape"])
    if shape_px != standard["shape_px"]:
        raise ValueError(
            f"the network was made for canvases of {shape_px}, standardize now makes "
            f"{standard['shape_px']}. Run the rooms from train on again."
        )
    refuse_unservable(ensemble)
    calibration, point = ensemble["calibration"], ensemble["operating_point"]
    return {
        "members": [
            {"artifact": member_artifact(k), "name": m["name"], "weight": float(m["weight"])}
            for k, m in enumerate(ensemble["members"])
        ],
        "combination": dict(ensemble["combination"]),
        "flips": list(ensemble["flips"]),
        "aggregation": ensemble["aggregation"],
        "standard": dict(standard),
        "calibration": {name: calibration[name] for name in ("scope", "pooled", "by_device")},
        "operating_point": {name: point[name] for name in ("rule", "target", "threshold")},
        "devices": list(ensemble["devices"]),
        "scale": {"edges": [float(edge) for edge in ensemble["scale"]["edges"]]},
        "digests": {
            name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in artifacts.items()
        },
    }


def refuse_unservable(ensemble: Mapping[str, Any]) -> None:
    """Raises ValueError for a map, a flip or a weight that the serving file does not know."""
    from mammo_pipeline.serving.ensemble_model import FLIPS, MAPS

    calibration = ensemble["calibration"]
    maps = [calibration["pooled"], *calibration["by_device"].values()]
    if unknown := {fitted["method"] for fitted in maps} - MAPS.keys():
        raise ValueError(
            f"the serving file knows the calibrations {sorted(MAPS)}, found {sorted(unknown)}"
        )
    if unknown := set(ensemble["flips"]) - FLIPS.keys():
        raise ValueError(f"the serving file knows the flips {list(FLIPS)}, found {sorted(unknown)}")
    weights = [float(member["weight"]) for member in ensemble["members"]]
    if not weights or min(weights) <= 0:
        raise ValueError(f"every member needs a positive weight, found {weights}")


def compare_served(
    served: Any, ensemble: Mapping[str, Any], members: Mapping[str, keras.Model], images: np.ndarray
) -> float:
    """Returns the largest difference of the ensemble's logit, served against members in memory.

    It is taken relative to the logit where that is above 1. Logits, not probabilities: near 0 and
    1 two probabilities agree whatever the model.

    Args:
        served: The logged model, loaded again.
        ensemble: The frozen ensemble.
        members: The models that were saved.
        images: uint16 (n, rows, columns, 1).
    """
    from mammo_pipeline.mammo.ensembling.combine import combine_logits
    from mammo_pipeline.mammo.ensembling.flips import flip_images

    outputs = [
        [np.asarray(model(flip_images(images, f), training=False)) for f in ensemble["flips"]]
        for model in members.values()
    ]
    logits = np.mean(outputs, axis=1, dtype=float).reshape(len(members), len(images)).T
    expected = combine_logits(logits, ensemble["members"], ensemble["combination"])
    found = served.predict(images, params={"output": "logit"})
    return float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max())
