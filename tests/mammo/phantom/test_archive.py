from dataclasses import replace
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image

from mammo_pipeline.mammo.phantom.archive import (
    draw_women,
    mark_exam_view,
    render_exam_view,
    tabulate_labels,
    write_masks,
    write_woman,
)
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.header import make_instance_uid, make_patient_id
from mammo_pipeline.mammo.phantom.study import SIDES, VIEWS, StudyDesign

BINNING = 12
DESIGN = StudyDesign(0.4, 0.5, 0.5, dict.fromkeys(DEVICES, 1.0), 0.5)


def test_one_seed_gives_one_set_of_bytes():
    first, again = (draw_women(2, 9, DESIGN)[1] for _ in range(2))
    assert write_woman(first, BINNING) == write_woman(again, BINNING)
    other = draw_women(2, 10, DESIGN)[1]
    assert write_woman(first, BINNING)[0][1] != write_woman(other, BINNING)[0][1]


@pytest.mark.parametrize("device", DEVICES)
def test_a_file_decodes_to_the_pixels_that_were_rendered(device):
    woman = draw_women(1, 4, replace(DESIGN, prior_share=0.0, devices={device: 1.0}))[0]
    exam = woman.exams[0]
    for (path, content), (side, view) in zip(
        write_woman(woman, BINNING), [(s, v) for s in SIDES for v in VIEWS], strict=True
    ):
        dataset = pydicom.dcmread(BytesIO(content))
        assert path == f"{make_patient_id(woman)}/{exam.date:%Y%m%d}/{side}_{view}.dcm"
        assert dataset.file_meta.TransferSyntaxUID == DEVICES[device].transfer_syntax
        rendered = render_exam_view(woman, exam, side, view, BINNING)
        np.testing.assert_array_equal(dataset.pixel_array, rendered.pixels)


def test_labels_hold_every_breast_of_every_exam():
    women = draw_women(40, 9, DESIGN)
    labels = tabulate_labels(women, BINNING)
    assert len(labels) == 2 * sum(len(woman.exams) for woman in women)
    assert not labels.duplicated(["patient_id", "laterality", "study_date"]).any()
    malignant = labels["lesion_boxes"].str.contains("malignant")
    assert (labels["cancer"] == malignant.astype(int)).all()
    assert set(labels["density"]) <= set("ABCD")


def test_boxes_in_the_labels_are_those_of_the_masks():
    women = draw_women(12, 9, DESIGN)
    labels = tabulate_labels(women, BINNING).set_index(["patient_id", "study_date", "laterality"])
    masks = {}
    for name, content in write_masks(women, BINNING):
        uid, _, kind, pathology = name.removesuffix(".png").split("_")
        rows, columns = np.nonzero(np.asarray(Image.open(BytesIO(content))))
        box = f"{rows.min()},{columns.min()},{rows.max() + 1},{columns.max() + 1}"
        masks.setdefault(uid, []).append(f"{kind}:{pathology}:{box}")
    for woman in women:
        for exam in woman.exams:
            for side in SIDES:
                key = (make_patient_id(woman), f"{exam.date:%Y%m%d}", side)
                wanted = [
                    f"{view}:{mask}"
                    for view in VIEWS
                    for mask in masks.get(make_instance_uid(woman, exam, side, view), [])
                ]
                assert labels.loc[key, "lesion_boxes"] == ";".join(wanted)
    assert masks


def test_marks_of_the_plan_are_those_of_the_picture():
    for woman in draw_women(6, 9, DESIGN):
        exam = woman.exams[-1]
        for side in SIDES:
            planned = mark_exam_view(woman, exam, side, "MLO", BINNING)
            drawn = render_exam_view(woman, exam, side, "MLO", BINNING).marks
            assert [mark.box for mark in planned] == [mark.box for mark in drawn]
            assert len(planned) == len(exam.lesions[side])


def measure_auc_interval(scores, labels, rng):
    """Returns the 99 % bootstrap interval of the area under the ROC curve."""
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    areas = []
    for _ in range(300):
        drawn = rng.integers(0, scores.size, scores.size)
        case, control = scores[drawn][labels[drawn]], scores[drawn][~labels[drawn]]
        higher = (case[:, None] > control).mean() + 0.5 * (case[:, None] == control).mean()
        areas.append(higher)
    return np.quantile(areas, [0.005, 0.995])


@pytest.fixture(scope="module")
def shortcuts():
    """What a lazy model could read off each breast: a table of features, and the outcome."""
    design = replace(DESIGN, prior_share=0.0, devices={"siemens_inspiration": 1, "ge_pristina": 1})
    women = draw_women(70, 21, design)
    labels = tabulate_labels(women, 20)
    table = []
    for woman in women:
        files = dict(write_woman(woman, 20))
        for side in SIDES:
            datasets = [
                (pydicom.dcmread(BytesIO(content)), len(content))
                for path, content in files.items()
                if f"/{side}_" in path
            ]
            header = datasets[0][0]
            table.append(
                {
                    "mean": np.mean([d.pixel_array.mean() for d, _ in datasets]),
                    "brightest": np.mean(
                        [np.sort(d.pixel_array, None)[-900:].mean() for d, _ in datasets]
                    ),
                    "bytes": sum(size for _, size in datasets),
                    "age": int(header.PatientAge[:3]),
                    "exposure": float(header.Exposure),
                    "thickness": float(header.BodyPartThickness),
                    "device": header.Rows,
                    "date": int(header.StudyDate),
                    "density": ord(woman.density),
                }
            )
    return table, labels["cancer"].to_numpy()


@pytest.mark.parametrize(
    "feature",
    ["mean", "brightest", "bytes", "age", "exposure", "thickness", "device", "date", "density"],
)
def test_a_shortcut_scores_at_chance(shortcuts, feature):
    table, cancer = shortcuts
    scores = [row[feature] for row in table]
    low, high = measure_auc_interval(scores, cancer, np.random.default_rng(1))
    assert low <= 0.5 <= high, f"{feature}: {low:.2f} to {high:.2f}"
