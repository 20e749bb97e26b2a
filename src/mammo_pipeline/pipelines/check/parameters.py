"""What may be turned in the room `check`."""

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class Shares(Parameters):
    """Share of the patients on each side; they add up to one."""

    train: float = Field(gt=0, lt=1)
    tune: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)


class KnownDetector(Parameters):
    """A unit that the built-in list of matrices does not have.

    Attributes:
        words: All stand in the device's name, in lower case.
        matrices: Rows and columns of each mode, unbinned.
        spacing_mm: Lowest and highest ImagerPixelSpacing (0018,1164), at the detector.
        closed: Whether it makes no other matrix.
    """

    words: tuple[str, ...] = Field(min_length=1)
    matrices: tuple[tuple[int, int], ...]
    spacing_mm: tuple[float, float]
    closed: bool


class NearDuplicates(Parameters):
    """Which images of two patients are listed as alike, and what becomes of them.

    Attributes:
        distance_bits: Largest Hamming distance of two perceptual hashes; -1 looks for none.
        most: More pairs than this are no list that a person can look at, and stop the run.
        join_unreviewed: Whether a pair that nobody looked at yet keeps its patients on one side.
        shown: Most pairs whose pictures are drawn on the page.
    """

    distance_bits: int = Field(ge=-1, le=64)
    most: int = Field(ge=1)
    join_unreviewed: bool
    shown: int = Field(ge=1)


class CheckParameters(Parameters):
    """The contract that the images must keep, and the split.

    Attributes:
        seed: Of the shuffle before the split; patients of an earlier split keep their side.
        shares: Of the patients, by side; the same holds.
        new_split: Forgets the earlier split and draws anew: patients move, and every model that
            was trained before has seen women who are now on test.
        largest_group: Most patients that may hang together as one woman.
        near_duplicates: Images of two patients that look alike.
        minimum_patients: Fewer patients with, or without, cancer make no study.
        cancer_share: Lowest and highest credible share of breasts with cancer.
        patient_cancer_share: Lowest and highest credible share of patients with cancer.
        quarantined_share: Highest share of the mammograms found that may be quarantined.
        minimum_lesions: Fewer boxes of a class are too few to learn patches from.
        association: Cramer's V with the outcome that an attribute may have for certain.
        age_years: Lowest and highest credible age; outside is a warning.
        spacing_mm: Lowest and highest credible spacing at the breast.
        detectors: Units of this site beside those on the built-in list.
        level: Of every interval of the page, such as 0.95.
        draws: Tables drawn for the p of each association.
    """

    seed: int
    shares: Shares
    new_split: bool
    largest_group: int = Field(ge=2)
    near_duplicates: NearDuplicates
    minimum_patients: int = Field(ge=1)
    cancer_share: tuple[float, float]
    patient_cancer_share: tuple[float, float]
    quarantined_share: float = Field(ge=0, le=1)
    minimum_lesions: int = Field(ge=0)
    association: float = Field(gt=0, lt=1)
    age_years: tuple[float, float]
    spacing_mm: tuple[float, float]
    detectors: tuple[KnownDetector, ...]
    level: float = Field(gt=0.5, lt=1)
    draws: int = Field(ge=99)
