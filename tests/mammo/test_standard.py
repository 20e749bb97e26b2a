"""One image from its file to the canvas."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless
from scipy import ndimage

from canvases import STANDARD, describe_file, expose_phantom, lay_phantom, read_map
from mammo_pipeline.mammo import intensity
from mammo_pipeline.mammo.frame import Frame, read_between, read_frame, sketch_frame
from mammo_pipeline.mammo.mask import find_parts
from mammo_pipeline.mammo.muscle import draw_muscle
from mammo_pipeline.mammo.place import find_window, place_sketch
from mammo_pipeline.mammo.standard import (
    match_bandwidth,
    match_image,
    standardize_file,
)
from small_archive import draw_breast, expose, make_raw, mammogram

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("MAMMO_REALDATA", ROOT / "../shared/realdata")) / "nyu_dicom"


def run(pixels=None, standard=STANDARD, row=(), **tags):
    content = mammogram(pixels=pixels, **tags)
    canvas, record = standardize_file(content, describe_file(content) | dict(row), standard)
    assert canvas is not None, record
    return canvas, record


@cache
def run_plain():
    return run()


def draw_smooth(shape_px=(300, 240), spacing_mm=(0.6, 0.6), middle_mm=90.0, radii_mm=(72.0, 100.8)):
    """Half an ellipse at the left edge that grows darker to its skin, and its mask."""
    y, x = np.mgrid[: shape_px[0], : shape_px[1]] + 0.5
    away = ((y * spacing_mm[0] - middle_mm) / radii_mm[0]) ** 2
    away = away + (x * spacing_mm[1] / radii_mm[1]) ** 2
    texture = ndimage.gaussian_filter(np.random.default_rng(3).normal(0, 1500, shape_px), 3)
    grey = 2200 - 600 * away + texture
    return np.where(away < 1, np.clip(grey, 300, 3300), 20).astype(np.uint16), away < 1


def on_canvas(mask, record, shape_px=STANDARD.shape_px):
    return read_map(record).mask_to_canvas(mask, shape_px)


@pytest.mark.parametrize("shape_px", [(300, 240), (250, 310), (301, 243)])
def test_every_image_gets_the_canvas_whatever_its_matrix(shape_px):
    pixels, _ = draw_smooth(shape_px, middle_mm=shape_px[0] * 0.3)
    canvas, record = run(pixels)
    assert (canvas.shape, canvas.dtype, record["code"]) == ((288, 224), np.uint16, "accepted")
    assert record["found"] == ""
    assert canvas[:, -1].max() == 0


@pytest.mark.parametrize("shape_px", [(300, 240), (301, 243)])
def test_a_mirrored_image_lands_like_its_twin(shape_px):
    pixels, _ = draw_smooth(shape_px)
    left, record = run(pixels)
    right, mirrored = run(pixels[:, ::-1].copy())
    assert mirrored["column_scale"] == pytest.approx(-record["column_scale"])
    assert mirrored["column_offset"] == pytest.approx(shape_px[1] * record["column_scale"])
    assert ((left > 0) != (right > 0)).sum() < 0.02 * (left > 0).sum()
    both = (left > 0) & (right > 0)
    difference = np.abs(left.astype(int) - right.astype(int))[both]
    assert np.quantile(difference, 0.99) < 0.02 * 65535


def test_an_image_that_is_upside_down_lands_like_its_twin():
    # Off the middle, so that a turn that is forgotten shows.
    pixels, _ = draw_smooth(middle_mm=80.0)
    upright, _ = run(pixels)
    turned, record = run(pixels[::-1].copy(), PatientOrientation=["A", "L"])
    assert record["row_scale"] < 0
    np.testing.assert_allclose(turned.astype(int), upright.astype(int), atol=20)


def test_an_inverted_image_lands_like_its_twin():
    dark = (4095 - draw_breast()).astype(np.uint16)
    canvas, _ = run(dark, PhotometricInterpretation="MONOCHROME1")
    twin, _ = run_plain()
    assert np.abs(canvas.astype(int) - twin.astype(int)).max() < 700


def test_the_rows_photometric_interpretation_counts():
    canvas, _ = run((4095 - draw_breast()).astype(np.uint16), row={"photometric": "MONOCHROME1"})
    assert np.abs(canvas.astype(int) - run_plain()[0].astype(int)).max() < 700


@pytest.mark.parametrize("gamma", [0.7, 1.4])
def test_a_grey_curve_of_a_device_leaves_no_trace(gamma):
    pixels, _ = draw_smooth()
    curved = np.rint(4095 * (pixels / 4095) ** gamma).astype(np.uint16)
    first, second = run(pixels)[0], run(curved)[0]
    both = (first > 0) & (second > 0)
    assert ((first > 0) != (second > 0)).sum() < 0.01 * both.sum()
    assert np.abs(first.astype(int) - second.astype(int))[both].mean() < 0.02 * 65535


@pytest.mark.parametrize("wall", ["left", "right"])
@pytest.mark.parametrize("place", [(150, 70), (110, 95), (185, 30)])
def test_a_bright_spot_is_where_the_transform_says(place, wall):
    pixels, _ = draw_smooth((301, 243))
    y, x = np.mgrid[:301, :243] + 0.5
    spot = 700 * np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / (2 * 2.5**2))
    canvases = []
    for image in (pixels, pixels + spot.astype(np.uint16)):
        canvas, record = run(image if wall == "left" else image[:, ::-1].copy())
        canvases.append(canvas.astype(float))
    point = (place[0], place[1] if wall == "left" else 243 - place[1])
    row, column = read_map(record).points_to_canvas(np.array([point]))[0]
    added = canvases[1] - canvases[0]
    added = np.where(added > 0.5 * added.max(), added, 0)
    found = np.array(ndimage.center_of_mass(added)) + 0.5
    assert found == pytest.approx((row, column), abs=0.5)
    assert added.max() > 2000


@pytest.mark.parametrize("spacing_mm", [(0.6, 0.6), (0.7, 0.5), (0.45, 0.75)])
@pytest.mark.parametrize("flip", [False, True])
def test_nothing_of_the_breast_is_lost(spacing_mm, flip):
    shape_px = round(181 / spacing_mm[0]), round(145 / spacing_mm[1])
    pixels, breast = draw_smooth(shape_px, spacing_mm)
    if flip:
        pixels, breast = pixels[:, ::-1].copy(), breast[:, ::-1]
    canvas, record = run(pixels, ImagerPixelSpacing=list(spacing_mm))
    assert record["lost_mm2"] == 0 and record["beyond_field_mm2"] == 0
    drawn_mm2 = breast.sum() * spacing_mm[0] * spacing_mm[1]
    assert record["breast_mm2"] == pytest.approx(drawn_mm2, rel=0.01)
    assert record["breast_height_mm"] == pytest.approx(144, abs=1.5)
    assert record["breast_width_mm"] == pytest.approx(100.8, abs=1.5)
    # From the edge of the frame at the chest wall on: all but the skin is there, and no air is.
    wide = np.pad(on_canvas(breast, record), ((0, 0), (9, 0)), "edge")
    depth_mm = 0.8 * ndimage.distance_transform_edt(wide)[:, 9:]
    assert (canvas[depth_mm > STANDARD.skin_mm + 1.2] > 0).all()
    assert (canvas[depth_mm < STANDARD.skin_mm - 1.2] == 0).all()
    assert (canvas[100:180, 0] > 0).all()


@pytest.mark.parametrize("spacing_mm", [(0.6, 0.6), (0.7, 0.45)])
def test_a_disc_stays_round(spacing_mm):
    shape_px = round(180 / spacing_mm[0]), round(144 / spacing_mm[1])
    pixels, _ = draw_smooth(shape_px, spacing_mm)
    y, x = np.mgrid[: shape_px[0], : shape_px[1]] + 0.5
    away_mm = np.hypot(y * spacing_mm[0] - 92, x * spacing_mm[1] - 45)
    disc = (500 * np.clip((12.5 - away_mm) / 1.0, 0, 1)).astype(np.uint16)
    plain, marked = (
        run(p, ImagerPixelSpacing=list(spacing_mm))[0] for p in (pixels, pixels + disc)
    )
    added = marked.astype(float) - plain
    added = added > 0.5 * np.quantile(added, 0.999)
    pieces, _ = ndimage.label(added)
    disc = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    height, width = (np.flatnonzero(disc.any(axis=axis)).size for axis in (1, 0))
    assert height == pytest.approx(width, abs=1)
    assert height * 0.8 == pytest.approx(24, abs=1.7)


def test_an_image_of_8_and_one_of_16_bits_land_like_their_twin():
    pixels, _ = draw_smooth()
    twin, _ = run(pixels)
    fine, _ = run(pixels * 16, BitsStored=16)
    coarse, _ = run((pixels >> 4).astype(np.uint8), BitsStored=8)
    assert np.abs(fine.astype(int) - twin.astype(int)).max() < 300
    assert np.abs(coarse.astype(int) - twin.astype(int))[twin > 0].mean() < 0.02 * 65535


def test_the_same_input_gives_the_same_bytes():
    file = expose_phantom(1, "hologic_dimensions")
    first, second = (standardize_file(file.content, file.image, STANDARD) for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1] == second[1]


def test_the_fastest_and_the_strictest_decoder_give_the_same_bytes():
    content = mammogram()
    row = describe_file(content)
    fast, _ = standardize_file(content, row, STANDARD)
    strict, _ = standardize_file(content, row | {"pixel_xxh3": ""}, STANDARD)
    np.testing.assert_array_equal(fast, strict)


@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_what_lies_beyond_the_field_is_counted_and_left_out(view):
    pixels, breast = draw_smooth()
    small = replace(STANDARD, field_mm=(100.0, 60.0))
    canvas, record = run(pixels, small, ViewPosition=view)
    rows_mm, columns_mm = (np.mgrid[:300, :240] + 0.5) * 0.6
    top_mm = 0 if view == "MLO" else 40
    inside = (rows_mm > top_mm) & (rows_mm < top_mm + 100) & (columns_mm < 60)
    beyond_mm2 = (breast & ~inside).sum() * 0.36
    assert record["beyond_field_mm2"] == pytest.approx(beyond_mm2, rel=0.03)
    assert record["breast_mm2"] == pytest.approx((breast & inside).sum() * 0.36, rel=0.03)
    assert record["lost_mm2"] == 0
    reach = np.flatnonzero((canvas > 0).any(axis=0))[-1] + 1
    assert reach * 0.8 == pytest.approx(60, abs=1.0)
    assert (~on_canvas(inside, record) & (canvas > 0)).sum() == 0


@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_a_field_is_cut_like_the_detector_of_that_size_cuts_it(view):
    # One breast on a large detector, and on one of 216 x 166 mm that sees what the field leaves.
    large, _ = draw_smooth((500, 340), middle_mm=150.0, radii_mm=(125.0, 185.0))
    top = 70 if view == "CC" else 0
    small = large[top : top + 360, :277].copy()
    first, second = (run(pixels, ViewPosition=view)[0] for pixels in (large, small))
    both = (first > 0) & (second > 0)
    assert 2 * both.sum() / ((first > 0).sum() + (second > 0).sum()) > 0.995
    assert np.abs(first.astype(int) - second.astype(int))[both].mean() < 0.02 * 65535


def test_what_does_not_fit_on_the_canvas_is_counted():
    pixels, breast = draw_smooth()
    canvas, record = run(pixels, replace(STANDARD, shape_px=(120, 100)))
    rows_mm, columns_mm = (np.mgrid[:300, :240] + 0.5) * 0.6
    fits = (np.abs(rows_mm - 90) < 48) & (columns_mm < 80)
    assert canvas.shape == (120, 100)
    assert record["lost_mm2"] == pytest.approx((breast & ~fits).sum() * 0.36, rel=0.03)


@pytest.mark.parametrize("number", [1, 3])
def test_the_muscle_is_drawn_back_from_its_edge(number):
    file = expose_phantom(number, "hologic_dimensions")
    _, record = standardize_file(file.content, file.image, STANDARD)
    frame = read_frame(file.content, file.image, STANDARD.show)
    sketch = sketch_frame(frame)
    parts = find_parts(sketch.picture, sketch.cell_mm, "MLO")
    place = place_sketch(frame, sketch, parts.mask, STANDARD.grid)
    whole = (slice(0, 288), slice(0, 224)), 0.8
    muscle = read_between(parts.muscle.astype(np.float32), place.first_mm, sketch.cell_mm, whole)
    framed = on_canvas(np.ones(frame.stored.shape, bool), record)
    muscle = (muscle >= 0.5) & framed
    drawn = draw_muscle(record["muscle_edge"], STANDARD.shape_px)
    assert 2 * (drawn & muscle).sum() / (drawn.sum() + muscle.sum()) > 0.95
    assert record["muscle_mm2"] == pytest.approx(muscle.sum() * 0.64, rel=0.02)


def test_a_cc_view_has_no_muscle():
    _, record = run_plain()
    assert (record["muscle_edge"], record["muscle_mm2"]) == ("", 0)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("device", ["hologic_dimensions", "philips_microdose"])
def test_nothing_beyond_the_frame_is_tissue(number, device):
    file = expose_phantom(number, device)
    canvas, record = standardize_file(file.content, file.image, STANDARD)
    shape_px = file.image["rows_px"], file.image["columns_px"]
    corners = read_map(record).box_to_canvas((0, 0, *shape_px))
    y, x = np.mgrid[:288, :224]
    beyond = (y + 1 <= corners[0]) | (y >= corners[2]) | (x + 1 <= corners[1]) | (x >= corners[3])
    assert (canvas[beyond] > 0).sum() == 0


def test_the_record_is_plain_finite_and_complete():
    file = expose_phantom(1, "hologic_dimensions")
    _, record = standardize_file(file.content, file.image, STANDARD)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    areas = {"breast_mm2", "beyond_field_mm2", "lost_mm2", "muscle_mm2"}
    removed = {f"removed_{kind}_mm2" for kind in ("border", "line", "marker", "other_tissue")}
    axes = {"row_scale", "row_offset", "column_scale", "column_offset"}
    sizes = {"breast_height_mm", "breast_width_mm"}
    assert set(record) == areas | removed | axes | sizes | {
        "code", "found", "muscle_edge", "meaning"
    }  # fmt: skip
    assert all(type(record[name]) is float for name in areas | removed | axes | sizes)
    assert all(record[name] >= 0 for name in areas | removed | sizes)
    assert record["meaning"] == "window LINEAR"


def test_every_image_has_the_reference_distribution():
    for number, device in ((0, "hologic_dimensions"), (1, "philips_microdose")):
        file = expose_phantom(number, device)
        canvas, _ = standardize_file(file.content, file.image, STANDARD)
        grey = canvas[canvas > 0] / 65535
        assert (grey.mean(), grey.std()) == pytest.approx((0.5, 0.15), abs=0.004)


def test_one_breast_on_two_devices_lands_at_the_same_place():
    canvases = []
    for device in ("hologic_dimensions", "philips_microdose"):
        file = expose_phantom(0, device)
        canvases.append(standardize_file(file.content, file.image, STANDARD)[0])
    first, second = (canvas > 0 for canvas in canvases)
    assert 2 * (first & second).sum() / (first.sum() + second.sum()) > 0.985
    both = first & second
    assert np.corrcoef(canvases[0][both], canvases[1][both])[0, 1] > 0.9


def test_a_device_map_is_applied():
    content = mammogram()
    row = describe_file(content, device="d")
    plain, _ = standardize_file(content, row, STANDARD)
    levels = intensity.find_levels((plain / 65535).astype(np.float32), plain > 0, 9)
    other = np.clip(levels * 0.8, 0, 1)
    maps = intensity.fit_device_maps(np.array([levels, other]), np.array(["d", "e"]))
    mapped, _ = standardize_file(content, row, STANDARD, maps)
    np.testing.assert_array_equal(mapped, intensity.map_device(plain, "d", maps))
    assert mapped[plain > 0].mean() == pytest.approx(0.9 * plain[plain > 0].mean(), rel=0.02)
    unknown, _ = standardize_file(content, row | {"device": "f"}, STANDARD, maps)
    np.testing.assert_array_equal(unknown, plain)


@pytest.mark.parametrize("keep", [0.9, 0.5])
def test_a_broken_codestream_is_refused_and_raises_nothing(keep):
    content = mammogram(syntax=JPEG2000Lossless)
    row = describe_file(content)
    canvas, record = standardize_file(content[: int(len(content) * keep)], row, STANDARD)
    assert canvas is None
    assert record["code"] == "truncated"
    assert set(record) == {"code", "found"}


def refuse(content, row, standard=STANDARD):
    canvas, record = standardize_file(content, row, standard)
    assert canvas is None
    return record["code"]


def test_what_is_no_image_of_a_breast_is_refused_with_its_reason():
    flat = mammogram(pixels=np.full((300, 240), 7, np.uint16))
    noise = np.random.default_rng(0).integers(0, 60, (300, 240)).astype(np.uint16)
    air = mammogram(pixels=noise)
    assert refuse(flat, describe_file(flat)) == "no_breast"
    assert refuse(air, describe_file(air)) == "no_breast"
    raw = make_raw(mammogram(pixels=expose(draw_breast()), BitsStored=14))
    assert refuse(raw, describe_file(raw)) == "for_processing"


def test_a_breast_that_is_all_skin_or_lies_beyond_the_field_is_refused():
    content = mammogram()
    row = describe_file(content)
    assert refuse(content, row, replace(STANDARD, skin_mm=90.0)) == "no_breast"
    assert refuse(content, row, replace(STANDARD, field_mm=(0.1, 0.1))) == "no_breast"


@pytest.mark.parametrize("name", ["pixel_xxh3", "pixel_sha256"])
def test_pixels_that_are_not_those_of_ingest_are_refused(name):
    content = mammogram()
    row = describe_file(content, pixel_xxh3="")
    assert refuse(content, row | {name: "f" * 64}) == "changed_since_ingest"


def test_the_window_holds_the_breast_and_a_margin_within_the_canvas():
    breast = np.zeros((100, 80), bool)
    breast[30:60, 0:40] = True
    rows, columns = find_window(breast, (10.0, 0.3), (0.56, 0.6), STANDARD.grid)
    assert (rows.start, rows.stop) == (
        int(np.floor((10 + 30 * 0.56) / 0.8 - 20)),
        int(np.ceil((10 + 60 * 0.56) / 0.8 + 20)),
    )
    assert (columns.start, columns.stop) == (0, int(np.ceil((0.3 + 40 * 0.6) / 0.8 + 20)))
    whole = find_window(np.ones((500, 400), bool), (-9.0, 0.0), (0.56, 0.56), STANDARD.grid)
    assert whole == (slice(0, 288), slice(0, 224))


@pytest.mark.parametrize(("row_mm", "column_mm"), [(0.1, 0.1), (0.5, 0.2), (3.0, 0.1)])
def test_every_image_ends_with_the_same_bandwidth(row_mm, column_mm):
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    blurred = match_bandwidth(point, (row_mm, column_mm), STANDARD)
    places = np.arange(41) - 20
    for axis, mm in ((1, row_mm), (0, column_mm)):
        added = (blurred.sum(axis=axis) * places**2).sum() * 0.8**2
        own = (mm**2 + 0.8**2) / 12
        assert added == pytest.approx(max(0.36 - own, 0), abs=0.012)


def test_the_way_to_the_skin_tells_no_device():
    grey, depth_mm = lay_phantom()
    thin = np.clip(depth_mm / 16, 0.05, 1).astype(np.float32)
    flat, steep = (
        match_image(grey * thin**bend, depth_mm, (0.26, 0.26), STANDARD) for bend in (0.1, 0.5)
    )
    for low in np.arange(3.0, 12.0):
        ring = (depth_mm > low) & (depth_mm <= low + 1)
        assert flat[ring].mean() == pytest.approx(steep[ring].mean(), abs=0.02), low


def test_the_match_looks_at_tissue_alone():
    grey, depth_mm = lay_phantom()
    far = np.where(depth_mm < -17, np.float32(0.9), grey)
    first, second = (match_image(g, depth_mm, (0.26, 0.26), STANDARD) for g in (grey, far))
    tissue = depth_mm > STANDARD.skin_mm
    np.testing.assert_allclose(first[tissue], second[tissue], atol=1e-3)


def test_a_frame_is_left_as_it_was():
    pixels, _ = draw_smooth()
    table = (np.arange(4096) / 4095).astype(np.float32)
    frame = Frame(pixels, table, 0, "", (0.6, 0.6), "L", "CC", "")
    before = pixels.copy()
    pixels.flags.writeable = False
    sketch = sketch_frame(frame)
    place_sketch(frame, sketch, sketch.picture > 0.05, STANDARD.grid)
    np.testing.assert_array_equal(pixels, before)


# Area of the breast in mm2 as outlined by eye, and the view's true spacing where none is stated.
REAL_VIEWS = {
    "NYU1/L-CC": (9800, 0.07),
    "NYU1/R-CC": (8400, 0.07),
    "NYU2/L-CC": (10500, 0.07),
    "NYU2/R-CC": (10000, 0.07),
    "NYUDENSITY/L-CC": (20800, 0.09),
    "NYUDENSITY/L-MLO": (26500, 0.09),
    "NYUDENSITY/R-CC": (17600, 0.09),
    "NYUDENSITY/R-MLO": (23400, 0.09),
}


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent: set MAMMO_REALDATA")
@pytest.mark.parametrize("name", REAL_VIEWS)
def test_a_real_view_is_standardized_without_loss(name):
    area_mm2, spacing_mm = REAL_VIEWS[name]
    content = (REAL / f"{name}.dcm").read_bytes()
    side, view = name.split("/")[1].split("-")
    spacing = {"row_spacing_mm": spacing_mm, "column_spacing_mm": spacing_mm}
    row = describe_file(content, laterality=side, view=view, **spacing)
    canvas, record = standardize_file(content, row, STANDARD)
    assert canvas is not None, record
    assert record["lost_mm2"] == 0
    whole_mm2 = record["breast_mm2"] + record["beyond_field_mm2"]
    assert whole_mm2 == pytest.approx(area_mm2, rel=0.02)
    tissue = canvas > 0
    # All but the skin, which is a rim of 2.4 mm along the outline.
    rim_mm2 = record["breast_mm2"] - 0.64 * tissue.sum()
    assert 300 < rim_mm2 < 2.4 * 1.3 * 2 * (record["breast_height_mm"] + record["breast_width_mm"])
    # The nipple is to the right: the farthest tissue lies far from the wall, whose column is full.
    wall = np.flatnonzero(tissue[:, 0])
    assert wall.size == wall[-1] + 1 - wall[0] and wall.size * 0.8 > 90
    farthest = np.flatnonzero(tissue.any(axis=0))[-1] * 0.8
    assert farthest == pytest.approx(record["breast_width_mm"] - 2.4, abs=1.6)
    assert farthest > 65
    assert tissue.any(axis=1)[wall[0] : wall[-1]].all()
    assert ndimage.label(tissue)[1] == 1
    assert (record["muscle_mm2"] > 2500) == (view == "MLO")
    assert canvas[tissue].mean() / 65535 == pytest.approx(0.5, abs=0.005)
