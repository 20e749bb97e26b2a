"""What may be turned in the room `evaluate`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mammo_pipeline.mammo.bias.gaps import Control
from mammo_pipeline.mammo.detection.settings import LesionSettings
from mammo_pipeline.parameters import Parameters


class Subgroups(Parameters):
    """How breasts are cut into subgroups, and how gaps between them are judged.

    Attributes:
        axes: What to group by: device, site_id, age_band, density, views, view, laterality,
            lesion_kind, lesion_size, implant; several in a list for their intersections.
        age_edges_years: Where one band of age ends and the next begins.
        size_edges_mm: The same of the longest side of the largest malignant lesion.
        small_class: A subgroup with fewer cancers, or fewer without, is flagged.
        control: How the number of gaps that are looked at is controlled.
    """

    axes: list[str | list[str]] = Field(min_length=1)
    age_edges_years: list[float] = Field(min_length=1)
    size_edges_mm: list[float] = Field(min_length=1)
    small_class: int = Field(ge=1)
    control: Control


class Ripening(Parameters):
    """Within how many months a cancer counts, and what an exam before diagnosis is.

    Attributes:
        months: Horizons.
        before_months: How long before the diagnosis the exam before may lie, least and most.
        unripe_as_negative: Whether a breast that was not seen again late enough counts as without
            cancer.
    """

    months: list[float] = Field(min_length=1)
    before_months: tuple[float, float]
    unripe_as_negative: bool


class Marks(Parameters):
    """Which peaks of a heatmap are marks.

    Attributes:
        most: Marks an image.
        least_score: Probability of a malignant class, at least.
    """

    most: int = Field(ge=1)
    least_score: float = Field(gt=0, lt=1)


class Shortcuts(Parameters):
    """When the shortcut audit rings: each bound is held against the lower end of an interval.

    Attributes:
        sources: What a net might tell images apart by: device, site_id.
        folds: Of every cross-fitting, by patient.
        permutations: Of the tests whether the score differs between sources.
        metadata_auc: AUC of metadata without age on the outcome.
        metadata_lean: Correlation, within outcomes, of the score with the risk that metadata state.
        masked_auc: AUC of the score of masked images.
        between_gap: AUC between sources less AUC within.
        min_gain: What the gain between sources over an earlier model must exceed.
        readable: AUC of the probe of sources on the embedding.
        differing: Share of the score's variance that lies between sources, without cancer.
        confounded: Association of outcome and source in train and tune, Cramer's V.
        p: Below it a difference between sources is taken as there.
    """

    sources: list[Literal["device", "site_id"]] = Field(min_length=1)
    folds: int = Field(ge=2)
    permutations: int = Field(ge=100)
    metadata_auc: float = Field(ge=0.5, lt=1)
    metadata_lean: float = Field(ge=0, lt=1)
    masked_auc: float = Field(ge=0.5, lt=1)
    between_gap: float = Field(ge=0, lt=1)
    min_gain: float = Field(ge=0, lt=1)
    readable: float = Field(ge=0.5, lt=1)
    differing: float = Field(ge=0, lt=1)
    confounded: float = Field(ge=0, lt=1)
    p: float = Field(gt=0, lt=1)


class EvaluateParameters(Parameters):
    """How the test set is scored, measured and cut into subgroups.

    Attributes:
        batch: Images a forward pass.
        sensitivity: Where specificity is read and the partial area begins.
        calibration_bins: Of the calibration error and the reliability diagram.
        bootstrap_repeats: Replicates, of patients.
        level: Of every interval.
        cases: Breasts of each kind that the page shows: misses, false alarms, disagreements, hits.
        earlier_model: Whom the ensemble is compared with: the champion (or the candidate while
            there is none), or nobody.
    """

    seed: int
    batch: int = Field(ge=1)
    sensitivity: float = Field(gt=0, lt=1)
    calibration_bins: int = Field(ge=2)
    bootstrap_repeats: int = Field(ge=100)
    level: float = Field(gt=0.5, lt=1)
    subgroups: Subgroups
    ripening: Ripening
    marks: Marks
    lesions: LesionSettings
    shortcuts: Shortcuts
    cases: int = Field(ge=0)
    earlier_model: Literal["champion", "nobody"]
