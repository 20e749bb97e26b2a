from datetime import date

import pytest

from mammo_pipeline.mammo.dicom.write import fill_dataset
from mammo_pipeline.mammo.phantom.archive import draw_women
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.header import (
    build_voi_lut,
    choose_site,
    describe_view,
    make_instance_uid,
    make_patient_id,
    orient_patient,
)
from mammo_pipeline.mammo.phantom.study import StudyDesign


def plan_women(device, count=1, name="study"):
    return draw_women(count, 3, StudyDesign(1.0, 0.5, 0.5, {device: 1.0}, 0.5, name=name))


def describe(device, laterality="R", view="MLO", binning=8):
    woman = plan_women(device)[0]
    tags = describe_view(woman, woman.exams[-1], laterality, view, binning)
    return woman, fill_dataset(tags)


@pytest.mark.parametrize("name", DEVICES)
def test_spacing_grows_with_binning_and_stays_at_the_detector(name):
    _, header = describe(name, binning=4)
    assert list(header.ImagerPixelSpacing) == pytest.approx([DEVICES[name].spacing_mm * 4] * 2)


def test_laterality_and_magnification_are_written_as_each_unit_does():
    _, planmed = describe("planmed_nuance")
    assert "ImageLaterality" not in planmed and planmed.Laterality == "R"
    _, siemens = describe("siemens_inspiration")
    assert "EstimatedRadiographicMagnificationFactor" not in siemens
    _, hologic = describe("hologic_dimensions")
    assert float(hologic.EstimatedRadiographicMagnificationFactor) == pytest.approx(1.073)


def test_the_age_may_be_in_months():
    woman, header = describe("giotto_image")
    assert header.PatientAge == f"{int(woman.exams[-1].age * 12):03d}M"
    born = date.fromisoformat(header.PatientBirthDate)
    assert (woman.exams[-1].date - born).days / 365.25 == pytest.approx(
        woman.exams[-1].age, abs=0.01
    )


@pytest.mark.parametrize(
    ("device", "laterality", "view", "wanted"),
    [
        ("hologic_dimensions", "L", "CC", ["A", "R"]),
        ("hologic_dimensions", "R", "MLO", ["P", "FL"]),
        ("planmed_nuance", "R", "CC", ["A", "L"]),
        ("philips_microdose", "R", "CC", ["P", "R"]),
        ("philips_microdose", "R", "MLO", ["P", "HR"]),
    ],
)
def test_the_orientation_follows_the_flip(device, laterality, view, wanted):
    assert orient_patient(DEVICES[device], laterality, view) == wanted


def test_the_display_tags_follow_the_unit():
    _, essential = describe("ge_essential")
    names = [item.LUTExplanation for item in essential.VOILUTSequence]
    assert names == ["NORMAL", "HARDER", "SOFTER"]
    _, pristina = describe("ge_pristina")
    assert pristina.VOILUTFunction == "SIGMOID"
    _, giotto = describe("giotto_image")
    assert len(giotto.WindowCenter) == 5
    assert giotto.WindowCenterWidthExplanation[2] == "CONTRAST"


def test_a_voi_lut_rises_from_black_to_white():
    table = build_voi_lut(1800, 1000, "NORMAL")
    count, first, bits = table["LUTDescriptor"]
    assert (first, bits) == (550, 12) and len(table["LUTData"]) == 2 * count


def test_identifiers_are_unique_and_repeat():
    women = plan_women("ge_essential", 30) + plan_women("ge_essential", 30, name="current")
    patients = {make_patient_id(woman) for woman in women}
    uids = {
        make_instance_uid(woman, exam, side, view)
        for woman in women
        for exam in woman.exams
        for side in "LR"
        for view in ("CC", "MLO")
    }
    assert len(patients) == 60 and len(uids) == 60 * 2 * 4
    again = plan_women("ge_essential", 30)[7]
    assert make_patient_id(again) == make_patient_id(women[7])


def test_the_site_goes_with_neither_the_device_nor_the_outcome():
    women = {device: plan_women(device, 60) for device in ("ge_essential", "hologic_dimensions")}
    sites = {device: [choose_site(woman) for woman in found] for device, found in women.items()}
    assert sites["ge_essential"] == sites["hologic_dimensions"]
    counts = [sites["ge_essential"].count(site) for site in set(sites["ge_essential"])]
    assert len(counts) == 3 and min(counts) >= 10
    assert len({len(site) for site in sites["ge_essential"]}) == 1
