"""What a frozen ensemble says of images and breasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.calibration.scale import score_on_scale
from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.ensembling.combine import combine_logits
from mammo_pipeline.mammo.units import aggregate_breasts


def read_members(
    ensemble: Mapping[str, Any], readers: Mapping[str, Callable[[], dict[str, np.ndarray]]]
) -> dict[str, dict[str, np.ndarray]]:
    """Returns the arrays of the ensemble's members, read only for those that it has."""
    wanted = [member["name"] for member in ensemble["members"]]
    return {name: readers[name]() for name in wanted if name in readers}


def check_members(ensemble: Mapping[str, Any], members: Mapping[str, Any]) -> None:
    """Refuses members that are not, to the bit, those that the ensemble was frozen with.

    Args:
        ensemble: Its "members" give name and sha256.
        members: Member name to its arrays.

    Raises:
        ValueError: A member is missing, or its digest differs.
    """
    for member in ensemble["members"]:
        name = member["name"]
        if name not in members:
            raise ValueError(
                f"member {name!r} of the ensemble is missing; found {sorted(members)}. "
                "Run the sweep and the ensemble again."
            )
        found = digest_arrays(members[name])
        if found != member["sha256"]:
            raise ValueError(
                f"member {name!r} has digest {found[:12]}, the ensemble was frozen with "
                f"{member['sha256'][:12]}: the weights changed since. Run the ensemble again."
            )


def score_members(
    ensemble: Mapping[str, Any],
    members: Mapping[str, Mapping[str, np.ndarray]],
    pixels: Any,
    positions: np.ndarray,
    batch: int,
) -> np.ndarray:
    """Returns each member's logit of each image, float64 (n, members), in the ensemble's order.

    A member's logit is the mean over the ensemble's flips.

    Args:
        ensemble: The frozen ensemble: "members" with name and sha256, "network" and "flips".
        members: Member name to its arrays; each is checked against its digest first.
        pixels: Canvas images, uint16, shape (N, rows, columns).
        positions: Which rows of `pixels` to score, shape (n,).
        batch: Images a forward pass.

    Raises:
        ValueError: A member is missing or changed, or a logit is not finite.
    """
    check_members(ensemble, members)
    from mammo_pipeline.mammo.networks.predict import member_logits

    columns = [
        member_logits(
            *(ensemble["network"], dict(members[member["name"]]), pixels, positions, batch),
            flips=tuple(ensemble["flips"]),
        )
        for member in ensemble["members"]
    ]
    logits = np.stack(columns, axis=1).astype(float)
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        bad = np.asarray(positions)[~finite]
        raise ValueError(f"{bad.size} images got no finite logit, the first at position {bad[0]}.")
    return logits


def score_images(
    ensemble: Mapping[str, Any],
    members: Mapping[str, Mapping[str, np.ndarray]],
    pixels: Any,
    positions: np.ndarray,
    batch: int,
) -> np.ndarray:
    """Returns the ensemble's uncalibrated logit of each image, float64, shape (n,).

    The arguments are those of `score_members`, and so are the refusals.
    """
    logits = score_members(ensemble, members, pixels, positions, batch)
    return combine_logits(logits, ensemble["members"], ensemble["combination"])


def score_breasts(images: pd.DataFrame, ensemble: Mapping[str, Any]) -> pd.DataFrame:
    """Returns a row a breast with logit, calibrated_logit, probability, recalled and score.

    The uncalibrated logits of a breast's images are aggregated first and calibrated then, for the
    maps were fitted on breasts. `score` is the place, 1 to 10, in the reference population.

    Args:
        images: What `aggregate_breasts` needs, and the ensemble's uncalibrated `logit`; with a
            column `device` where the calibration is by device, else the pooled map speaks.
        ensemble: Its aggregation, calibration, frozen operating point and scale.
    """
    breasts = aggregate_breasts(images, ["logit"], ensemble["aggregation"])
    return judge_breasts(breasts, ensemble)


def judge_breasts(breasts: pd.DataFrame, ensemble: Mapping[str, Any]) -> pd.DataFrame:
    """Returns breasts with aggregated `logit`, given calibrated_logit and what follows from it.

    >>> frozen = {"operating_point": {"threshold": 0.5}, "scale": {"edges": list(range(-4, 5))}}
    >>> frozen["calibration"] = {"scope": "pooled", "pooled": {"method": "identity"}}
    >>> frozen["calibration"]["by_device"] = {}
    >>> judge_breasts(pd.DataFrame({"logit": [1.5]}), frozen)[["recalled", "score"]].values.tolist()
    [[True, 7]]
    """
    devices = breasts.get("device")
    calibrated = apply_calibration(ensemble["calibration"], breasts["logit"], devices)
    probability = expit(calibrated)
    return breasts.assign(
        calibrated_logit=calibrated,
        probability=probability,
        recalled=probability >= ensemble["operating_point"]["threshold"],
        score=score_on_scale(calibrated, ensemble["scale"]),
    )
