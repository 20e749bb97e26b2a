"""What may be turned in the room `ensemble`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from mammo_pipeline.mammo.ensembling.flips import Flip, check_flips
from mammo_pipeline.mammo.ensembling.select import Metric
from mammo_pipeline.mammo.ensembling.settings import EnsembleSettings, Method
from mammo_pipeline.mammo.operating import Rule
from mammo_pipeline.mammo.units import Aggregation
from mammo_pipeline.parameters import Parameters


class Combination(Parameters):
    """Which ways of combining members may be chosen, and how they are compared."""

    methods: list[Method] = Field(min_length=1)
    metric: Metric
    folds: int = Field(ge=2)
    rounds: int = Field(ge=1)


class Calibration(Parameters):
    """Which maps from logit to probability may be chosen, and how they are compared."""

    methods: list[Literal["identity", "temperature", "platt", "beta", "isotonic"]] = Field(
        min_length=1
    )
    scopes: list[Literal["pooled", "by_device"]] = Field(min_length=1)
    folds: int = Field(ge=2)
    min_positives: int = Field(ge=1)


class OperatingPointRule(Parameters):
    """How the threshold is found on tune: the target is a share, or for `cost` a ratio of costs."""

    rule: Rule
    target: float = Field(gt=0)

    @model_validator(mode="after")
    def _keep_shares_below_one(self) -> OperatingPointRule:
        if self.rule != "cost" and self.target >= 1:
            raise ValueError(f"the target of {self.rule} is a share below 1, found {self.target}.")
        return self


class EnsembleParameters(Parameters):
    """Who is chosen and by what, and how sure the figures on tune are.

    Attributes:
        flips: What each image is also seen as; [none] scores it as it is only.
        flip_batch: Images a forward pass when the flips are scored.
        screening_prevalence: Share of breasts with cancer in screening.
    """

    seed: int
    aggregation: Aggregation
    flips: list[Flip]
    flip_batch: int = Field(ge=1)
    combination: Combination
    calibration: Calibration
    operating_point: OperatingPointRule
    screening_prevalence: float = Field(gt=0, lt=1)
    calibration_bins: int = Field(ge=2)
    bootstrap_repeats: int = Field(ge=100)
    level: float = Field(gt=0.5, lt=1)

    @field_validator("flips")
    @classmethod
    def _check_flips(cls, flips: list[str]) -> list[str]:
        return list(check_flips(flips))

    def read_settings(self) -> EnsembleSettings:
        """Returns the same as one flat record, which a table of anybody's scores takes too."""
        return EnsembleSettings(
            aggregation=self.aggregation,
            methods=tuple(self.combination.methods),
            metric=self.combination.metric,
            folds=self.combination.folds,
            rounds=self.combination.rounds,
            flips=tuple(self.flips),
            calibration_methods=tuple(self.calibration.methods),
            calibration_scopes=tuple(self.calibration.scopes),
            calibration_folds=self.calibration.folds,
            min_positives=self.calibration.min_positives,
            rule=self.operating_point.rule,
            target=self.operating_point.target,
            prevalence=self.screening_prevalence,
            repeats=self.bootstrap_repeats,
            level=self.level,
            seed=self.seed,
        )
