from io import BytesIO
from types import GeneratorType

import numpy as np
import pydicom
import pytest

from mammo_pipeline.pipelines.fabricate.nodes import fabricate_current_cohort, fabricate_study
from mammo_pipeline.pipelines.fabricate.parameters import FabricateParameters
from mammo_pipeline.pipelines.fabricate.pipeline import create_pipeline


def make_parameters(**changes):
    values = {
        "seed": 5, "women": 3, "prior_share": 0.5, "cancer_share": 0.7, "benign_share": 0.5,
        "binning": 16, "devices": {"hologic_dimensions": 0.5, "planmed_nuance": 0.5},
        "lesion_contrast": 0.5, "confounding": 0.0, "jobs": 1,
        "current": {"women": 2, "devices": {"ge_pristina": 1.0}, "age_shift_years": 20.0},
    }  # fmt: skip
    return FabricateParameters(**{**values, **changes})


def test_files_labels_and_masks_tell_of_the_same_images():
    files, labels, masks = fabricate_study(make_parameters())
    headers = [pydicom.dcmread(BytesIO(content)) for _, content in files]
    assert len(headers) == 2 * len(labels)
    assert {h.PatientID for h in headers} == set(labels["patient_id"])
    assert {h.StudyDate for h in headers} == set(labels["study_date"])
    uids = {name.split("_")[0] for name, _ in masks}
    assert uids and uids <= {h.SOPInstanceUID for h in headers}


def test_no_file_is_drawn_before_it_is_asked_for(monkeypatch):
    drawn = []
    name = "mammo_pipeline.pipelines.fabricate.nodes.write_woman"
    monkeypatch.setattr(name, lambda woman, binning: drawn.append(woman) or [("a", b"")])
    files, _, masks = fabricate_study(make_parameters(women=20))
    assert not drawn and isinstance(masks, GeneratorType)
    next(files)
    assert 1 <= len(drawn) < 20


@pytest.mark.parametrize("jobs", [2])
def test_the_number_of_workers_changes_nothing(jobs):
    alone, _, _ = fabricate_study(make_parameters())
    together, _, _ = fabricate_study(make_parameters(jobs=jobs))
    assert list(alone) == list(together)


def test_the_later_cohort_has_other_devices_and_older_women():
    current = [
        pydicom.dcmread(BytesIO(content))
        for _, content in fabricate_current_cohort(make_parameters())
    ]
    _, labels, _ = fabricate_study(make_parameters())
    assert len(current) == 8
    assert {h.ManufacturerModelName for h in current} == {"Senographe Pristina"}
    ages = [int(h.PatientAge[:3]) for h in current]
    assert np.mean(ages) > labels["age"].mean() + 5
    assert not {h.PatientID for h in current} & set(labels["patient_id"])


def test_the_pipeline_names_its_outputs_as_the_catalog_does():
    assert create_pipeline().all_outputs() == {
        "raw_dicom",
        "raw_labels",
        "phantom_masks",
        "current_dicom",
    }
