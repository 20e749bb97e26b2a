"""The story, in the order in which a mammogram walks through the rooms."""

from __future__ import annotations

from importlib import import_module

from kedro.pipeline import Pipeline

ROOMS = (
    "fabricate",
    "ingest",
    "check",
    "standardize",
    "patches",
    "train",
    "sweep",
    "ensemble",
    "evaluate",
    "drift",
    "release",
    "score",
    "compare",
    "readers",
)

# What is asked of files that are no part of the study.
ON_REQUEST = frozenset({"score", "readers", "compare"})
# The main job on a user's own folder: nothing is fabricated.
STUDY = tuple(room for room in ROOMS if room not in {"fabricate", "drift"} | ON_REQUEST)


def register_pipelines() -> dict[str, Pipeline]:
    """Returns every room's pipeline by its name, and the study as `__default__`."""
    rooms = {
        room: import_module(f"mammo_pipeline.pipelines.{room}.pipeline").create_pipeline()
        for room in ROOMS
    }
    return {**rooms, "__default__": sum((rooms[room] for room in STUDY), Pipeline([]))}
