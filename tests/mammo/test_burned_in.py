from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from mammo_pipeline.mammo import burned_in
from mammo_pipeline.mammo.burned_in import ROW_LIMITS, find_text, list_rows
from mammo_pipeline.mammo.phantom.archive import draw_women, render_exam_view
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.study import StudyDesign
from small_archive import draw_breast

NAME = "MUSTER, Erika"
LINES = (NAME, "Jane O'Connor", "DOB 3/19/1978", "1961-07-14", "ID 00483920", "SMITHS")
MARKERS = ("L", "R CC", "LMLO", "R-MLO", "RXCCL", "LCC AB")
ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("MAMMO_REALDATA", ROOT / "../shared/realdata")) / "nyu_dicom"


def write(text, size_px=16, jumps=None, sizes=None):
    """The share of ink of a line, letter by letter, so that each can jump or have its own size."""
    image = Image.new("L", (30 * size_px, 3 * size_px))
    x, draw = float(size_px), ImageDraw.Draw(image)
    for k, letter in enumerate(text):
        font = ImageFont.load_default(size=sizes[k % len(sizes)] if sizes else size_px)
        y = 2 * size_px + (jumps[k % len(jumps)] if jumps else 0)
        draw.text((x, y), letter, fill=255, font=font, anchor="ls")
        x += font.getlength(letter)
    ink = np.asarray(image) / 255
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def burn(picture, ink, at, value):
    burned = picture.astype(float)
    window = burned[at[0] : at[0] + ink.shape[0], at[1] : at[1] + ink.shape[1]]
    window += ink[: window.shape[0], : window.shape[1]] * (value - window)
    return np.rint(burned).astype(picture.dtype)


def draw_on_air(draw_shapes, shape_px=(160, 400)):
    image = Image.new("L", shape_px[::-1])
    draw_shapes(ImageDraw.Draw(image))
    return np.asarray(image)


@pytest.fixture(scope="module")
def breast():
    """400 x 320, twelve bits: air over the lower third, tissue above it."""
    return np.vstack([draw_breast((300, 320)) // 2 + 300, np.zeros((100, 320), np.uint16)])


def lies_on(line, box):
    return (
        abs(line.row_min - box[0]) <= 4
        and abs(line.column_min - box[1]) <= 4
        and abs(line.row_max - box[2]) <= 4
        and abs(line.column_max - box[3]) <= 4
    )


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("at", [(130, 20), (350, 20)], ids=["on tissue", "in air"])
def test_a_name_a_date_or_a_number_is_seen(breast, text, at):
    assert find_text(breast) == []
    assert len(find_text(burn(breast, write(text), at, 4095))) == 1


@pytest.mark.parametrize("size_px", [10, 12, 16, 24, 40, 60, 80, 120])
def test_text_is_seen_at_every_size(size_px):
    ink = write("DOE 480217", size_px)
    air = np.zeros((300, 900), np.uint16)
    (line,) = find_text(burn(air, ink, (50, 30), 3000))
    assert lies_on(line, (50, 30, 50 + ink.shape[0], 30 + ink.shape[1]))
    assert 8 <= line.glyphs <= 10


@pytest.mark.parametrize("turns", range(4))
def test_turned_text_is_seen_where_it_lies(breast, turns):
    ink = np.rot90(write("480217 DOE"), turns)
    (line,) = find_text(burn(breast, ink, (100, 30), 4095))
    assert lies_on(line, (100, 30, 100 + ink.shape[0], 30 + ink.shape[1]))


def test_mirrored_text_is_seen(breast):
    assert find_text(burn(breast, write(NAME)[:, ::-1], (130, 20), 4095))


def test_either_photometric_sees_the_same(breast):
    burned = burn(breast, write(NAME), (130, 20), 4095)
    seen, inverted = find_text(burned), find_text(4095 - burned)
    assert [line.glyphs for line in seen] == [line.glyphs for line in inverted] != []


def test_dark_text_on_tissue_is_seen(breast):
    assert find_text(burn(breast, write(NAME), (130, 20), 0))


def test_text_in_a_box_is_seen(breast):
    ink = np.pad(write(NAME), 6)
    assert find_text(burn(breast, np.where(ink > 0.5, 0.0, 1.0), (350, 20), 4095))


def test_faint_text_in_air_is_seen_down_to_the_stated_contrast():
    picture = burn(np.zeros((200, 300), np.uint16), np.ones((40, 40)), (0, 0), 4000)
    picture = burn(picture, write(NAME), (120, 20), 200)
    assert find_text(picture, faintest=0.02)
    assert find_text(picture, faintest=0.2) == []


def test_softened_text_is_seen(breast):
    ink = ndimage.gaussian_filter(np.pad(write(NAME), 4), 0.8)
    assert find_text(burn(breast, ink, (350, 20), 4095))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32])
def test_every_integer_type_is_read(breast, kind):
    burned = burn(breast // 16, write(NAME), (130, 20), 255)
    shift = 300 if np.dtype(kind).kind == "i" else 0
    assert find_text((burned.astype(np.int32) - shift).astype(kind))


@pytest.mark.parametrize("size_px", [10, 16, 30, 60])
@pytest.mark.parametrize("text", MARKERS)
def test_a_marker_is_no_text(text, size_px):
    air = np.zeros((200, 400), np.uint16)
    assert find_text(burn(air, write(text, size_px), (60, 20), 4095)) == []


def test_the_fewest_glyphs_of_a_text_can_be_chosen():
    burned = burn(np.zeros((100, 300), np.uint16), write("SMITHS"), (40, 20), 4095)
    assert find_text(burned, fewest_glyphs=6) and find_text(burned, fewest_glyphs=7) == []


def test_a_phantom_of_no_device_has_text():
    for device in DEVICES:
        (woman,) = draw_women(1, 5, StudyDesign(0.0, 0.5, 0.5, {device: 1.0}, 0.55))
        for side in "LR":
            drawn = render_exam_view(woman, woman.exams[-1], side, "MLO", 8)
            assert find_text(drawn.pixels) == [], device


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent: set MAMMO_REALDATA")
def test_a_real_mammogram_with_its_markers_has_no_text():
    from mammo_pipeline.mammo.dicom.pixels import decode_pixels

    for name in ("NYU1/L-CC.dcm", "NYUDENSITY/L-CC.dcm", "NYUDENSITY/R-MLO.dcm"):
        assert find_text(decode_pixels((REAL / name).read_bytes())[1]) == [], name


def draw_ticks(draw):
    for k in range(30):
        draw.line((20 + 10 * k, 60, 20 + 10 * k, 74 + 4 * (k % 5 == 0)), fill=255, width=2)


def draw_holes(draw):
    for k in range(12):
        draw.ellipse((20 + 26 * k, 60, 38 + 26 * k, 78), outline=255, width=2)


def draw_brackets(draw):
    for k, length in enumerate((52, 66, 56, 70)):
        draw.rectangle((10 + 76 * k, 60, 10 + 76 * k + length, 78), outline=255, width=2)


def draw_calcifications(draw):
    rng = np.random.default_rng(3)
    for x, y in rng.normal((200, 80), (40, 12), (40, 2)):
        draw.ellipse((x, y, x + rng.uniform(2, 7), y + rng.uniform(2, 7)), fill=200)


def draw_dots(draw):
    for k in range(14):
        draw.ellipse((20 + 10 * k, 60, 25 + 10 * k + k % 2, 65 + k % 2), fill=255)


def draw_wire(draw):
    draw.line([(5 * k, 80 + 40 * np.sin(k / 6)) for k in range(80)], fill=255, width=3)


def draw_stripes(draw):
    for k in range(20):
        draw.line((9 * k + k % 3, 0, 9 * k + k % 3, 160), fill=255)


@pytest.mark.parametrize(
    "draw_shapes",
    [
        draw_ticks,
        draw_holes,
        draw_brackets,
        draw_calcifications,
        draw_dots,
        draw_wire,
        draw_stripes,
    ],
)
def test_a_row_of_other_things_is_no_text(draw_shapes):
    assert find_text(draw_on_air(draw_shapes)) == []


@pytest.mark.parametrize(
    ("rule", "draw_shapes"),
    [("bars", draw_ticks), ("variety", draw_holes), ("pieces", draw_brackets)],
)
def test_each_limit_keeps_something_out(rule, draw_shapes, monkeypatch):
    monkeypatch.setitem(ROW_LIMITS, rule, (0, np.inf))
    assert find_text(draw_on_air(draw_shapes)) != []


def test_a_dot_is_too_thick_for_a_letter(monkeypatch):
    monkeypatch.setattr(burned_in, "_THICKEST", 2.0)
    assert find_text(draw_on_air(draw_dots)) != []


def test_hot_pixels_and_noise_are_no_text():
    rng = np.random.default_rng(0)
    assert find_text((4000 * (rng.random((400, 300)) < 0.01)).astype(np.uint16)) == []
    assert find_text(rng.integers(0, 4096, (400, 300), np.uint16)) == []


def weigh(picture):
    return max(line.log_odds for line, _ in list_rows(picture, 0.02))


@pytest.mark.parametrize(
    "odd", [{"jumps": (-6, 3, 7, -2)}, {"sizes": (14, 25)}], ids=["off the line", "two heights"]
)
def test_letters_that_stand_on_no_line_weigh_less(odd):
    air = np.zeros((160, 400), np.uint16)
    even, uneven = write("ABCDEFGH", 20), write("ABCDEFGH", 20, **odd)
    assert weigh(burn(air, uneven, (60, 20), 3000)) < weigh(burn(air, even, (60, 20), 3000)) - 3


def test_more_letters_weigh_more_up_to_a_dozen():
    air = np.zeros((100, 500), np.uint16)
    six, nine, twelve, twenty = (
        weigh(burn(air, write(("380147" * 4)[:n]), (40, 20), 3000)) for n in (6, 9, 12, 24)
    )
    assert six + 1 < nine < twelve - 1
    assert twenty == pytest.approx(twelve, abs=0.3)


def test_clear_letters_weigh_more(breast):
    clear, dim = (burn(breast, write("380147269"), (130, 20), ink) for ink in (4095, 2400))
    assert weigh(dim) + 1 < weigh(clear)


def test_a_slope_of_the_ground_weighs_little():
    slope = np.tile(np.linspace(0, 2500, 300), (100, 1)).astype(np.uint16)
    flat = np.full((100, 300), 1250, np.uint16)
    on_slope, on_flat = (
        weigh(burn(picture, write("3801472694"), (40, 60), 4000)) for picture in (slope, flat)
    )
    assert on_slope > on_flat - 1


def test_text_upside_down_weighs_the_same():
    air = np.zeros((100, 400), np.uint16)
    ink = write("Mappy gladly quips", 20)
    upright, turned = (weigh(burn(air, part, (40, 20), 3000)) for part in (ink, ink[::-1, ::-1]))
    assert upright == pytest.approx(turned, abs=0.5)


def test_a_row_that_hardly_stands_out_is_not_weighed(monkeypatch):
    grain = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 1, (300, 600)), 1.5)
    ground = (1000 + 200 * grain / grain.std()).astype(np.uint16)
    assert list(list_rows(ground, 0.02)) == []
    monkeypatch.setitem(ROW_LIMITS, "log_clarity", (-9.0, np.inf))
    assert list(list_rows(ground, 0.02)) != []


def test_the_gaps_between_letters_are_no_second_text():
    burned = burn(np.zeros((100, 300), np.uint16), write("HHHHEEHH 123"), (40, 20), 4095)
    assert len(find_text(burned)) == 1


def test_two_lines_are_two(breast):
    burned = burn(breast, write(NAME), (310, 20), 4095)
    burned = burn(burned, write("1961-07-14"), (350, 20), 4095)
    assert len(find_text(burned)) == 2


def test_a_search_changes_nothing_and_finds_the_same_again(breast):
    burned = burn(breast, write(NAME), (130, 20), 4095)
    before = burned.copy()
    assert find_text(burned) == find_text(burned)
    assert (burned == before).all()


@pytest.mark.parametrize("shape_px", [(0, 0), (1, 1), (7, 300), (9, 9), (16, 17), (33, 5)])
def test_a_small_picture_has_no_text(shape_px):
    assert find_text(np.full(shape_px, 7, np.uint16)) == []


@pytest.mark.parametrize("stored", [np.zeros((9, 9)), np.zeros((9, 9, 3), np.uint8)])
def test_what_is_no_picture_of_integers_is_refused(stored):
    with pytest.raises(ValueError, match="2-D picture of integers"):
        find_text(stored)
