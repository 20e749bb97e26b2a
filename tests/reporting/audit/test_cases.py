"""Single breasts are shown by shortened pseudonyms, with their scores and their views."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.cases import pick_cases
from mammo_pipeline.reporting.audit.cases import draw_view, frame_tissue, show_cases, tell_case
from mammo_pipeline.reporting.page import render_page


@pytest.fixture
def cases():
    breasts = pd.DataFrame(
        {
            "exam_id": [f"{number:02x}23456789abcdef" for number in range(6)],
            "patient_id": "feedfacefeedface",
            "laterality": "L",
            "cancer": [1, 0, 1, 0, 1, 0],
            "probability": [0.01, 0.9, 0.4, 0.1, 0.7, 0.2],
            "recalled": [False, True, True, False, True, False],
            "score": [1, 10, 6, 2, 9, 4],
            "member a": [-3.0, 2, 0, -2, 1, -1],
            "member b": [2.0, 1, 0, -3, -2, -1],
        }
    )
    return pick_cases(breasts, 2)


@pytest.fixture
def canvas():
    rng = np.random.default_rng(0)
    canvas = np.zeros((288, 224), np.uint16)
    canvas[40:240, :120] = rng.integers(9000, 60000, (200, 120))
    return canvas


def pictures_of(cases, canvas):
    view = draw_view(canvas, np.array([[60, 20, 80, 40]]), np.eye(16, 12), (16, 0, 56))
    return dict.fromkeys(zip(cases["exam_id"], cases["laterality"], strict=True), view * 2)


def test_a_page_of_cases_names_no_one_by_more_than_eight_digits(cases, canvas):
    section = show_cases(cases, pictures_of(cases, canvas))
    page = render_page({"title": "t", "sections": [section]})
    assert "00234567 L" in page
    assert "0023456789" not in page and "feedface" not in page


def test_a_caption_holds_outcome_probability_score_and_each_member(cases):
    told = tell_case(cases.iloc[0])
    for words in (
        "lowest with cancer",
        "cancer, missed",
        "0.010",
        "score 1 of 10",
        "a 0.05, b 0.88",
    ):
        assert words in told


def test_every_case_is_in_the_table_with_or_without_a_picture(cases, canvas):
    pictures = pictures_of(cases, canvas)
    pictures.pop((cases["exam_id"][0], "L"))
    section = show_cases(cases, pictures)
    assert len(section["table"]["rows"]) == len(cases)
    assert len(section["pictures"]) == len(cases) - 1
    assert section["pictures"][0]["caption"].startswith("2. ")


def test_without_pictures_scores_or_members_the_section_stands(cases):
    plain = cases.drop(columns=["score", "member a", "member b", "spread"])
    section = show_cases(plain, {})
    assert "pictures" not in section
    render_page({"title": "t", "sections": [section]})


def test_nobody_to_show_is_said(cases):
    assert "No breast" in show_cases(cases.head(0), {})["text"]


def test_sixteen_breasts_of_four_pictures_fit_a_page_of_three_megabytes(canvas):
    rng = np.random.default_rng(1)
    noisy = np.where(canvas > 0, rng.integers(1, 65535, canvas.shape), 0).astype(np.uint16)
    case = {"exam_id": "0" * 16, "laterality": "L", "kind": "x", "outcome": "y", "probability": 0.5}
    cases = pd.DataFrame([case] * 16)
    view = draw_view(noisy, np.zeros((0, 4)), rng.random((16, 12)), (16, 0, 56))
    section = show_cases(cases, {("0" * 16, "L"): view * 2})
    assert sum(len(picture["image"]) for picture in section["pictures"]) < 2.2e6


def test_a_view_has_a_second_picture_only_where_there_is_heat(canvas):
    boxes = np.zeros((0, 4))
    assert len(draw_view(canvas, boxes, None, None)) == 1
    plain, heated = draw_view(canvas, boxes, np.ones((16, 12)), (16, 0, 56))
    assert plain.shape == heated.shape
    assert (plain != heated).any()
    assert (draw_view(canvas, boxes, np.zeros((16, 12)), (16, 0, 56))[1] == plain).all()


def test_lesions_and_heat_stay_in_place_when_the_air_is_cut_off(canvas):
    dark = np.where(canvas > 0, np.uint16(20000), np.uint16(0))
    dark[100:108, 60:68] = 65535
    heat = np.zeros((288, 224))
    heat[104, 64] = 1
    plain, heated = draw_view(dark, np.array([[100, 60, 108, 68]]), heat, (1, 0, 1))
    grey = plain.astype(int)
    bright = np.argwhere(grey.min(axis=2) > 240).mean(axis=0)
    frame = np.argwhere(grey[..., 2] - grey[..., 0] > 60).mean(axis=0)
    hot = np.argwhere(np.abs(heated.astype(int) - grey).max(axis=2) > 30).mean(axis=0)
    assert np.abs(bright - frame).max() < 2
    assert np.abs(bright - hot).max() < 2


def test_a_canvas_of_air_is_shown_whole():
    assert frame_tissue(np.zeros((20, 10), np.uint16)) == (0, 0, 20, 10)
    assert len(draw_view(np.zeros((20, 10, 1), np.uint16), np.zeros((0, 4)), None, None)) == 1
