"""Stored values come to one meaning, whatever the header makes of them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_windowing

from header_files import REAL_DATA
from mammo_pipeline.mammo.dicom.presentation import (
    SHOW_ALL,
    ShowRule,
    make_presentation,
    present,
)
from mammo_pipeline.mammo.dicom.write import fill_dataset
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.header import build_voi_lut

GE = REAL_DATA / "openrem_MG_GPLv3"
THREE = {
    "WindowCenter": ["2000", "2100", "1900"],
    "WindowWidth": ["400", "300", "600"],
    "WindowCenterWidthExplanation": ["HARDER", "normal", "for Dr. Doe"],
}


def header(**tags: Any) -> Dataset:
    plain = {"PhotometricInterpretation": "MONOCHROME2", "BitsStored": 12, "PixelRepresentation": 0}
    return fill_dataset(plain | tags)


def lookup(name: str = "", first: int = 0, entries: tuple[int, ...] = (0, 1000, 4095)) -> dict:
    data = np.asarray(entries, "<u2").tobytes()
    return {"LUTDescriptor": [len(entries), first, 12], "LUTExplanation": name, "LUTData": data}


def show(
    dataset: Dataset, lowest: int = 0, highest: int = 4095, rule: ShowRule | None = None
) -> tuple[np.ndarray, str]:
    shown = make_presentation(dataset, lowest, highest, np.uint16, rule or ShowRule())
    assert shown.table.dtype == np.float32 and shown.lowest == lowest
    assert shown.table.shape == (highest - lowest + 1,)
    assert shown.table.min() >= 0 and shown.table.max() <= 1
    return shown.table, shown.meaning


def refusal(dataset: Dataset, rule: ShowRule | None = None, highest: int = 4095) -> str:
    with pytest.raises(RefusedError) as refused:
        make_presentation(dataset, 0, highest, np.uint16, rule or ShowRule())
    assert "Doe" not in refused.value.found
    return refused.value.code


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", ""])
@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": "0.5", "RescaleIntercept": "-300"}])
def test_a_second_implementation_agrees(function, rescale):
    tags = {"WindowCenter": "700", "WindowWidth": "900", "VOILUTFunction": function or "LINEAR"}
    dataset = header(**tags, **rescale)
    theirs = apply_windowing(apply_modality_lut(np.arange(4096), dataset), dataset)
    slope = float(rescale.get("RescaleSlope", 1))
    # Theirs runs over the rescaled depth, ours from 0 to 1.
    theirs = (theirs - float(rescale.get("RescaleIntercept", 0))) / (4095 * slope)
    dataset.VOILUTFunction = function
    ours, meaning = show(dataset)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert meaning == f"window {function or 'LINEAR'}"


@pytest.mark.parametrize(
    ("prefer", "order", "meaning"),
    [
        (("NORMAL",), "table_first", "table NORMAL"),
        (("SOFTER", "NORMAL"), "table_first", "table SOFTER"),
        (("SMOOTH",), "table_first", "table SOFTER"),
        (("NORMAL",), "window_first", "window NORMAL LINEAR"),
        ((), "window_first", "window HARDER LINEAR"),
        (("SMOOTH", "HARDER"), "window_first", "window HARDER LINEAR"),
    ],
)
def test_the_declared_preference_chooses_and_else_the_first_counts(prefer, order, meaning):
    dataset = header(**THREE, VOILUTSequence=[lookup("SOFTER", 5), lookup("Normal", 9)])
    shown, told = show(dataset, rule=ShowRule(prefer, order))
    assert told == meaning
    where = {"table SOFTER": 6, "table NORMAL": 10}.get(meaning)
    if where:
        assert shown[[where - 1, where, where + 1]].tolist() == pytest.approx([0, 1000 / 4095, 1])
    else:
        center, width = (2100, 300) if "NORMAL" in meaning else (2000, 400)
        assert shown[center] == pytest.approx(0.5, abs=1 / width)


def test_a_window_of_free_text_is_told_by_no_word_of_it():
    dataset = header(WindowCenter="9", WindowWidth="5", WindowCenterWidthExplanation="Doe, Jane")
    assert show(dataset)[1] == "window other LINEAR"


def test_the_table_and_the_sigmoid_that_it_was_made_from_agree():
    center, width, _ = DEVICES["ge_essential"].windows[0]
    table = header(VOILUTSequence=[build_voi_lut(center, width, "NORMAL")])
    sigmoid = header(WindowCenter=str(center), WindowWidth=str(width), VOILUTFunction="SIGMOID")
    np.testing.assert_allclose(show(table)[0], show(sigmoid)[0], atol=0.008)


@pytest.mark.parametrize("shape", [None, "INVERSE", "IDENTITY"])
@pytest.mark.parametrize(
    "tags",
    [{}, {"WindowCenter": "1000", "WindowWidth": "800"}, {"VOILUTSequence": [lookup("", 50)]}],
)
def test_monochrome1_is_turned_over_once_whatever_the_presentation_lut_shape_repeats(shape, tags):
    plain = header(**tags)
    turned = header(**tags, PhotometricInterpretation="MONOCHROME1")
    if shape:
        turned.PresentationLUTShape = shape
    np.testing.assert_allclose(show(turned)[0], 1 - show(plain)[0], atol=1e-6)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        THREE,
        {"VOILUTSequence": [lookup()]},
        {"PhotometricInterpretation": "MONOCHROME1"},
    ],
)
def test_the_scale_does_not_depend_on_what_the_image_holds(tags):
    whole, part = show(header(**tags))[0], show(header(**tags), 1, 2050)[0]
    np.testing.assert_array_equal(whole[1:2051], part)


@pytest.mark.parametrize(
    ("bits", "highest", "full"),
    [(12, 900, 4095), (10, 900, 1023), (16, 3900, 4095), (16, 4100, 16383), (16, 65535, 65535)],
)
def test_without_a_window_the_depth_is_the_scale(bits, highest, full):
    shown, meaning = show(header(BitsStored=bits), 0, highest)
    assert shown[highest] == pytest.approx(highest / full)
    assert meaning == "modality values"


@pytest.mark.parametrize("pair", [("32768", "65536"), ("32767", "65535")])
def test_a_window_that_repeats_a_wrong_depth_is_none(pair):
    dataset = header(BitsStored=16, WindowCenter=pair[0], WindowWidth=pair[1])
    shown, meaning = show(dataset, 0, 4000)
    assert (shown[4000], meaning) == (pytest.approx(4000 / 4095), "modality values")
    assert show(dataset, 0, 60000)[1] == "window LINEAR"
    dataset.WindowCenter, dataset.WindowWidth = "2047", "4096"
    assert show(dataset, 0, 4200)[1] == "window LINEAR"


def test_a_falling_rescale_turns_values_over():
    dataset = header(RescaleSlope="-1", RescaleIntercept="4095")
    np.testing.assert_allclose(show(dataset)[0], 1 - np.arange(4096) / 4095, atol=1e-6)
    windowed = header(
        RescaleSlope="-1", RescaleIntercept="4095", WindowCenter="2048", WindowWidth="4096"
    )
    assert show(windowed)[0][[0, 4095]].tolist() == [1, 0]


def test_a_table_is_entered_with_rescaled_and_negative_values():
    tags = {"RescaleSlope": "0.5", "RescaleIntercept": "-100"}
    shown, _ = show(header(**tags, VOILUTSequence=[lookup("", 2**16 - 50)]))
    assert shown[[99, 100, 102, 104]].tolist() == pytest.approx([0, 0, 1000 / 4095, 1])


def test_a_modality_table_comes_before_the_window():
    modality = lookup("", 1, (0, 2048, 4095)) | {"ModalityLUTType": "US"}
    dataset = header(ModalityLUTSequence=[modality], RescaleSlope="9", RescaleIntercept="9")
    assert show(dataset)[0][[0, 2, 3]].tolist() == pytest.approx([0, 2048 / 4095, 1])
    dataset.WindowCenter, dataset.WindowWidth = "2048.5", "1"
    assert show(dataset)[0][[1, 2, 3]].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "tags",
    [
        {"WindowCenter": "9", "WindowWidth": "0.5"},
        {"WindowCenter": "9", "WindowWidth": "0", "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": "9", "WindowWidth": "-4", "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": "9", "WindowWidth": "4", "VOILUTFunction": "DOE"},
        {"VOILUTSequence": [lookup() | {"LUTDescriptor": [7, 0, 12]}]},
        {"VOILUTSequence": [{"LUTExplanation": "Doe"}]},
        {"RescaleSlope": "1e400", "RescaleIntercept": "0"},
        {"WindowCenter": "9", "WindowWidth": "1e400"},
    ],
)
def test_a_window_or_table_that_cannot_be_applied_refuses_the_image(tags):
    assert refusal(header(**tags)) == "undecodable"


@pytest.mark.parametrize("tags", [{"WindowCenter": "1"}, {"WindowCenter": "", "WindowWidth": ""}])
def test_half_a_window_is_none(tags):
    assert show(header(**tags))[1] == "modality values"


def test_a_window_that_is_not_applied_need_not_be_readable():
    tags = {"WindowCenter": "9", "WindowWidth": "1e400", "VOILUTSequence": [lookup()]}
    assert show(header(**tags))[1] == "table"
    assert refusal(header(**tags), ShowRule(order="window_first")) == "undecodable"


def test_an_image_of_one_value_has_no_breast():
    even = raw(PixelIntensityRelationshipSign=-1)
    with pytest.raises(RefusedError) as refused, np.errstate(invalid="ignore"):
        make_presentation(even, 16383, 16383, np.uint16, SHOW_ALL)
    assert refused.value.code == "no_breast"


def test_an_empty_window_among_others_is_passed_over_with_its_name():
    dataset = header(**THREE | {"WindowCenter": ["", "2100", "1900"]})
    assert show(dataset, rule=ShowRule(()))[1] == "window NORMAL LINEAR"


def test_an_image_that_the_window_makes_even_has_no_breast():
    assert refusal(header(WindowCenter="9000", WindowWidth="10")) == "no_breast"


def test_the_dataset_is_not_changed():
    dataset = header(**THREE, VOILUTFunction="")
    before = dataset.to_json()
    show(dataset)
    assert dataset.to_json() == before


def raw(**tags: Any) -> Dataset:
    sign = {"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 1}
    plain = {"PresentationIntentType": "FOR PROCESSING", "BitsStored": 14}
    return header(**plain, **(sign | tags))


def test_a_raw_image_is_refused_unless_the_rule_shows_it():
    assert refusal(raw()) == "for_processing"
    by_class = header(SOPClassUID="1.2.840.10008.5.1.4.1.1.1.2.1")
    assert refusal(by_class) == "for_processing"
    assert show(by_class, rule=SHOW_ALL)[1] == "attenuation LIN"


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("stated", [True, False])
def test_few_x_rays_are_bright_in_a_raw_image_of_either_photometric(photometric, stated):
    dataset = raw(PhotometricInterpretation=photometric)
    if not stated:
        del dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign
    shown, meaning = show(dataset, 0, 10000, SHOW_ALL)
    # Three powers of ten from black to white: a tenth of the open beam is at a third.
    expected = [1, 1, 2 / 3, 1 / 3, 0]
    np.testing.assert_allclose(shown[[0, 10, 100, 1000, 10000]], expected, atol=1e-6)
    assert meaning == "attenuation LIN"


def test_raw_values_that_grow_with_attenuation_are_turned_first():
    shown, _ = show(raw(PixelIntensityRelationshipSign=-1), 383, 16383, SHOW_ALL)
    np.testing.assert_allclose(shown[[0, -1]], [0, 1], atol=1e-6)
    rising = raw(PixelIntensityRelationship="LOG", PixelIntensityRelationshipSign=-1)
    shown, meaning = show(rising, 1000, 9000, SHOW_ALL)
    np.testing.assert_allclose(shown[[0, 4000]], [0, 4000 / 16383], atol=1e-6)
    assert meaning == "attenuation LOG"


def test_a_raw_image_without_x_rays_is_refused():
    dark = raw(RescaleSlope="-1", RescaleIntercept="-5")
    assert refusal(dark, SHOW_ALL) == "undecodable"
    even = raw(RescaleSlope="0", RescaleIntercept="5", PixelIntensityRelationship="LOG")
    assert refusal(even, SHOW_ALL) == "no_breast"


def test_a_raw_image_of_no_known_relationship_is_refused():
    assert refusal(raw(PixelIntensityRelationship="DISP"), SHOW_ALL) == "for_processing"


def test_present_reads_the_table_back_into_the_picture():
    stored = np.array([[7, 4095], [2048, 7]], np.uint16)
    np.testing.assert_allclose(present(header(), stored), stored / 4095, atol=1e-7)
    eight = header(BitsStored=8)
    np.testing.assert_allclose(present(eight, stored.astype(np.uint8)), stored % 256 / 255)


def test_a_table_of_4096_values_takes_less_than_a_millisecond():
    windows = DEVICES["ge_essential"].windows
    tables = header(VOILUTSequence=[build_voi_lut(*window) for window in windows])
    for dataset in (header(**THREE), tables):
        taken = []
        for _ in range(20):
            start = time.thread_time()
            show(dataset)
            taken.append(time.thread_time() - start)
        assert min(taken) < 0.001


@pytest.mark.skipif(not GE.is_dir(), reason="MAMMO_REALDATA is not set")
def test_a_real_unit_s_table_is_its_sigmoid_and_its_raw_image_is_turned():
    import pydicom

    shown = {}
    for kind in ("ForPresentation", "ForProcessing"):
        path = GE / f"MG-Im-GE_Seno_1_{kind}.dcm"
        shown[kind] = pydicom.dcmread(path, stop_before_pixels=True)
    table, meaning = show(shown["ForPresentation"])
    window, named = show(shown["ForPresentation"], rule=ShowRule(order="window_first"))
    assert (meaning, named) == ("table NORMAL", "window NORMAL SIGMOID")
    np.testing.assert_allclose(table, window, atol=0.01)
    attenuation, _ = show(shown["ForProcessing"], 1, 2047, SHOW_ALL)
    assert (np.diff(attenuation) <= 0).all()
