"""A parameter that no room reads stops the run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mammo_pipeline.rooms import RoomHooks


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_PIPELINE_ENV", "")


def start(*names: str) -> None:
    loader = {"parameters": {name: {} for name in names}}
    RoomHooks().after_context_created(SimpleNamespace(config_loader=loader, env="demo"))


def test_rooms_and_places_are_known():
    start("train", "score_folder")


@pytest.mark.parametrize("name", ["trian", "seed", "data"])
def test_any_other_name_is_refused(name):
    with pytest.raises(ValueError, match=f"unknown parameter '{name}'"):
        start(name)
