"""How an image asks to be shown."""

from __future__ import annotations

import math

from mammo_pipeline.mammo.dicom.windows import name_all, read_windows


def test_three_windows_and_three_tables_are_named():
    names = ["NORMAL", "HARDER", "SOFTER"]
    shown = read_windows(
        {
            "WindowCenter": ["2262", "2286", "2262"],
            "WindowWidth": ["380", "380", "500"],
            "WindowCenterWidthExplanation": names,
            "VOILUTFunction": "SIGMOID",
            "VOILUTSequence": [{"LUTExplanation": name} for name in names],
        }
    )
    assert shown == {
        "window_count": 3,
        "window_center": 2262.0,
        "window_width": 380.0,
        "window_names": "NORMAL|HARDER|SOFTER",
        "voi_function": "SIGMOID",
        "lut_count": 3,
        "lut_names": "NORMAL|HARDER|SOFTER",
    }


def test_an_image_without_windows_has_none():
    shown = read_windows({"VOILUTFunction": "", "VOILUTSequence": []})
    assert (shown["window_count"], shown["lut_count"]) == (0, 0)
    assert math.isnan(shown["window_center"])
    assert shown["window_names"] == shown["voi_function"] == shown["lut_names"] == ""


def test_a_center_without_a_width_is_no_window():
    assert read_windows({"WindowCenter": ["1", "2"], "WindowWidth": "9"})["window_count"] == 1


def test_explanations_are_words_of_a_closed_list():
    assert name_all(["Algo1", "USER 2", "standard", "Doe, Jane"]) == "ALGO1|USER2|STANDARD|other"
    assert read_windows({"VOILUTFunction": "DOE"})["voi_function"] == "other"
