"""What counts as finding a lesion: the choices that a figure on lesions rests on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from mammo_pipeline.parameters import Parameters

Rate = Annotated[float, Field(gt=0)]


class LesionSettings(Parameters):
    """How marks are held against drawn lesions.

    Attributes:
        tolerance_mm: How far beside a lesion's box the centre of a mark may lie and still hit it.
        on_benign: What a mark on a benign lesion is: a `false_positive` for malignancy, or nothing
            (`ignore`).
        false_positives: Whose false marks are counted: those of images `without_cancer`, or of
            `all` images that can be judged.
        rates: False positives an image at which sensitivity is read; the area ends at the last.
        size_edges_mm: Where the longest side of a lesion's box parts one band of size from the
            next.
        mark_score: From this score on a mark's box is taken as what the network outlines, and its
            sensitivity and false positives are stated. Chosen before the test set is opened.
        precision_repeats: Bootstrap replicates of the average precision, which costs about 0.1 s
            each for 500 images; 0 gives no interval.
        least_patients: With a lesion, for a figure to be stated at all.
    """

    tolerance_mm: float = Field(default=0.0, ge=0)
    on_benign: Literal["false_positive", "ignore"] = "false_positive"
    false_positives: Literal["without_cancer", "all"] = "without_cancer"
    rates: tuple[Rate, ...] = Field(default=(0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0), min_length=2)
    size_edges_mm: tuple[Rate, ...] = (10.0, 20.0)
    mark_score: float = Field(default=0.5, ge=0, le=1)
    precision_repeats: int = Field(default=100, ge=0)
    least_patients: int = Field(default=5, ge=1)

    @field_validator("rates", "size_edges_mm")
    @classmethod
    def _refuse_disorder(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if list(values) != sorted(set(values)):
            raise ValueError(f"{values} do not rise: write them from the lowest up, each once")
        return values
