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
)

# The main job on a user's own folder: nothing is fabricated, and a folder is scored on request.
STUDY = tuple(room for room in ROOMS if room not in {"fabricate", "drift", "score"})


def register_pipelines() -> dict[str, Pipeline]:
    """Returns every room's pipeline by its name, and the study as `__default__`."""
    rooms = {
        room: import_module(f"mammo_pipeline.pipelines.{room}.pipeline").create_pipeline()
        for room in ROOMS
    }
    return {**rooms, "__default__": sum((rooms[room] for room in STUDY), Pipeline([]))}
