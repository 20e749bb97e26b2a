"""The settings refuse what would be read wrongly."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.detection.settings import LesionSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"rates": (1, 0.5)},
        {"rates": (0, 1)},
        {"rates": (1,)},
        {"size_edges_mm": (10, 10)},
        {"tolerance_mm": -1},
        {"on_benign": "hit"},
        {"least_patients": 0},
        {"tolerance": 1},
    ],
)
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LesionSettings(**wrong)


def test_the_record_goes_into_json_and_back():
    settings = LesionSettings(tolerance_mm=2.5, rates=(0.5, 2))
    assert LesionSettings(**settings.model_dump(mode="json")) == settings
