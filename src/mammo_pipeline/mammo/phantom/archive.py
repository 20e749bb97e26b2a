"""A planned woman as an archive would export her: files, label rows and truth masks, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import product

import numpy as np
import pandas as pd
from PIL import Image

from mammo_pipeline.mammo.dicom.write import write_mammogram

from .anatomy import draw_anatomy
from .devices import find_device
from .header import describe_view, make_instance_uid, make_patient_id
from .render import LesionMark, RenderedView, choose_pitch, mark_lesions, render_view
from .study import SIDES, VIEWS, Exam, StudyDesign, Woman, draw_woman, place_lesions

_LABEL_COLUMNS = (
    "patient_id", "laterality", "cancer", "study_date", "age", "density", "lesion_boxes",
)  # fmt: skip


def draw_women(count: int, seed: int, design: StudyDesign) -> list[Woman]:
    """Returns the cohort; each woman has seeds of her own, so order and workers do not matter."""
    children = np.random.SeedSequence([seed, sum(design.name.encode())]).spawn(count)
    return [draw_woman(number, child, design) for number, child in enumerate(children)]


def render_exam_view(
    woman: Woman, exam: Exam, laterality: str, view: str, binning: float
) -> RenderedView:
    """Returns the stored pixels and the truth of one view of one exam."""
    breast = woman.breasts[laterality]
    anatomy = draw_anatomy(
        np.random.default_rng(breast.texture_seeds[view]),
        breast.shapes[view],
        woman.density,
        place_lesions(breast, exam.lesions[laterality], view),
        choose_pitch(binning),
    )
    noise = np.random.default_rng(exam.noise_seeds[laterality, view])
    return render_view(anatomy, find_device(exam.device), binning, noise, laterality)


def list_views(woman: Woman) -> Iterator[tuple[Exam, str, str]]:
    """Yields exam, laterality and view of every image of one woman, the earliest exam first."""
    for exam in woman.exams:
        for laterality, view in product(SIDES, VIEWS):
            yield exam, laterality, view


def write_woman(woman: Woman, binning: float) -> list[tuple[str, bytes]]:
    """Returns (relative path, content) of every DICOM file of one woman."""
    files = []
    for exam, laterality, view in list_views(woman):
        rendered = render_exam_view(woman, exam, laterality, view, binning)
        tags = describe_view(woman, exam, laterality, view, binning)
        syntax = find_device(exam.device).transfer_syntax
        content = write_mammogram(rendered.pixels, tags, syntax)
        files.append((name_file(woman, exam, laterality, view), content))
    return files


def name_file(woman: Woman, exam: Exam, laterality: str, view: str) -> str:
    """Returns `<patient>/<exam date>/<side>_<view>.dcm`."""
    return f"{make_patient_id(woman)}/{exam.date:%Y%m%d}/{laterality}_{view}.dcm"


def mark_exam_view(
    woman: Woman, exam: Exam, laterality: str, view: str, binning: float
) -> tuple[LesionMark, ...]:
    """Returns the truth of one view on the stored matrix, without drawing a pixel of it."""
    breast = woman.breasts[laterality]
    lesions = place_lesions(breast, exam.lesions[laterality], view)
    return mark_lesions(breast.shapes[view], lesions, find_device(exam.device), binning, laterality)


def tabulate_labels(women: list[Woman], binning: float) -> pd.DataFrame:
    """Returns the label table: one row per breast of each exam, priors included.

    `lesion_boxes` holds `VIEW:kind:pathology:row_min,column_min,row_max,column_max`, joined by a
    semicolon, in pixels of the stored matrix; the maxima are half open.
    """
    rows = [
        (
            make_patient_id(woman),
            laterality,
            int(any(lesion.pathology == "malignant" for lesion in exam.lesions[laterality])),
            f"{exam.date:%Y%m%d}",
            int(exam.age),
            woman.density,
            format_boxes(woman, exam, laterality, binning),
        )
        for woman in women
        for exam in woman.exams
        for laterality in SIDES
    ]
    return pd.DataFrame(rows, columns=list(_LABEL_COLUMNS))


def format_boxes(woman: Woman, exam: Exam, laterality: str, binning: float) -> str:
    """Returns the lesion boxes of one breast at one exam as the label table writes them."""
    return ";".join(
        f"{view}:{mark.kind}:{mark.pathology}:{','.join(map(str, mark.box))}"
        for view in VIEWS
        for mark in mark_exam_view(woman, exam, laterality, view, binning)
    )


def write_masks(women: list[Woman], binning: float) -> Iterator[tuple[str, bytes]]:
    """Yields (relative path, 1-bit PNG of the stored matrix), one per lesion and view.

    The name is `<SOPInstanceUID>_<number>_<kind>_<pathology>.png`.
    """
    views = ((woman, *image) for woman in women for image in list_views(woman))
    for woman, exam, laterality, view in views:
        device = find_device(exam.device)
        shape = (round(device.rows / binning), round(device.columns / binning))
        uid = make_instance_uid(woman, exam, laterality, view)
        marks = mark_exam_view(woman, exam, laterality, view, binning)
        for number, mark in enumerate(marks):
            name = f"{uid}_{number}_{mark.kind}_{mark.pathology}.png"
            yield name, encode_mask(mark, shape)


def encode_mask(mark: LesionMark, shape: tuple[int, int]) -> bytes:
    """Returns a 1-bit PNG of the stored matrix, white in the lesion."""
    full = np.zeros(shape, bool)
    row_min, column_min, row_max, column_max = mark.box
    full[row_min:row_max, column_min:column_max] = mark.mask
    buffer = BytesIO()
    Image.fromarray(full).save(buffer, format="PNG")
    return buffer.getvalue()
