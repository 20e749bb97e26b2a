"""What a sampling came to: wanted and found, what fell short and why, how far the cutoff fell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mammo_pipeline.mammo.patches.classes import CLASS_NAMES
from mammo_pipeline.mammo.patches.rules import LesionRule, Sampling
from mammo_pipeline.mammo.patches.scenes import SAMPLED_SIDES, UNLOCATED


def count_patches(patches: pd.DataFrame, draws: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    """Returns the figures of a sampling, ready for JSON.

    Args:
        patches: One row a patch, as `sample_patches` returned it.
        draws: One row an image and rule, of the same.
        sampling: The table of rules.

    Returns:
        By side: `images` by state, `patches` with their number, images and classes, and `rules`;
        of each rule `wanted`, `found`, `images` where it wanted any, `images_short`, `short`
        (images by reason), and of a rule with a cutoff `cutoff_least` and `images_cutoff_fell`.
    """
    return {
        side: {
            "images": _count_states(draws[draws["side"] == side]),
            "patches": _count_classes(patches[patches["side"] == side]),
            "rules": _count_rules(draws[draws["side"] == side], sampling),
        }
        for side in SAMPLED_SIDES
    }


def _count_states(draws: pd.DataFrame) -> dict[str, int]:
    states = draws.drop_duplicates("image_id")["state"].value_counts().sort_index()
    return {str(state): int(count) for state, count in states.items()}


def _count_classes(patches: pd.DataFrame) -> dict[str, Any]:
    counts = patches["label"].value_counts()
    classes = {name: int(counts.get(label, 0)) for label, name in enumerate(CLASS_NAMES[5])}
    images = int(patches["image_id"].nunique())
    return {"patches": len(patches), "images": images, "classes": classes}


def _count_rules(draws: pd.DataFrame, sampling: Sampling) -> dict[str, dict[str, Any]]:
    asked = draws[draws["wanted"] > 0]
    found = {}
    for name, rule in sampling.rules.items():
        own = asked[asked["rule"] == name]
        short = own.loc[own["found"] < own["wanted"], "reason"].value_counts().sort_index()
        found[name] = {
            "wanted": int(own["wanted"].sum()),
            "found": int(own["found"].sum()),
            "images": len(own),
            "images_short": int(short.sum()),
            "short": {str(reason): int(count) for reason, count in short.items()},
        }
        if isinstance(rule, LesionRule) and len(own):
            fell = own["cutoff"] < rule.cutoff
            found[name] |= {"cutoff_least": float(own["cutoff"].min())}
            found[name] |= {"images_cutoff_fell": int(fell.sum())}
    return found


def tell_sides(facts: dict[str, Any]) -> dict[str, str]:
    """Returns a line a side: patches, images and classes, and images that may hide a cancer.

    Args:
        facts: What `count_patches` returned.
    """
    lines = {}
    for side in SAMPLED_SIDES:
        own = facts[side]["patches"]
        classes = ", ".join(f"{count} {name}" for name, count in own["classes"].items())
        lines[side] = f"{own['patches']} patches of {own['images']} images: {classes}"
        if lost := facts[side]["images"].get(UNLOCATED):
            lines[side] += f"; no background of {lost} images whose cancer no box shows"
    return lines


def tell_rules(facts: dict[str, Any]) -> dict[str, str]:
    """Returns a line a rule: found of wanted over all sides, what fell short and why.

    Args:
        facts: What `count_patches` returned.
    """
    names = facts[SAMPLED_SIDES[0]]["rules"]
    return {
        name: _tell_rule([facts[side]["rules"][name] for side in SAMPLED_SIDES]) for name in names
    }


def _tell_rule(parts: list[dict[str, Any]]) -> str:
    total = {
        name: sum(part.get(name, 0) for part in parts)
        for name in ("wanted", "found", "images", "images_short", "images_cutoff_fell")
    }
    line = f"{total['found']} of {total['wanted']} wanted, in {total['images']} images"
    if total["images_short"]:
        reasons = pd.DataFrame([part["short"] for part in parts]).sum().astype(int)
        told = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
        line += f"; fewer in {total['images_short']} ({told})"
    if total["images_cutoff_fell"]:
        least = min(part["cutoff_least"] for part in parts if "cutoff_least" in part)
        line += f"; the cutoff fell in {total['images_cutoff_fell']}, to {least:g} at least"
    return line
