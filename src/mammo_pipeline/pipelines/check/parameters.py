"""What may be turned in the room `check`."""

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class Shares(Parameters):
    """Share of the patients on each side; they add up to one."""

    train: float = Field(gt=0, lt=1)
    tune: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)


class CheckParameters(Parameters):
    """The contract that the images must keep, and the split.

    Attributes:
        seed: Of the shuffle before the split.
        shares: Of the patients, by side.
        minimum_patients: Fewer patients with, or without, cancer make no study.
        cancer_share: Lowest and highest credible share of images of a breast with cancer.
        age_years: Lowest and highest credible age; outside is a warning.
        spacing_mm: Lowest and highest credible spacing at the breast.
    """

    seed: int
    shares: Shares
    minimum_patients: int = Field(ge=1)
    cancer_share: tuple[float, float]
    age_years: tuple[float, float]
    spacing_mm: tuple[float, float]
