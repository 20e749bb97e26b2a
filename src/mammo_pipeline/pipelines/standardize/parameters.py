"""What may be turned in the room `standardize`."""

from pydantic import Field

from mammo_pipeline.mammo.standard import Standard
from mammo_pipeline.parameters import Parameters


class StandardizeParameters(Parameters):
    """What every image becomes, and how the result is probed.

    Attributes:
        spacing_mm: Spacing of the canvas.
        shape_px: Rows and columns of the canvas.
        bandwidth_mm: Standard deviation of the blur that every image ends with.
        skin_mm: Rim of the breast that is taken off.
        detail_ratios: Fine detail over middle, middle over coarse.
        jobs: Worker processes; -1 takes every core.
        seed: Of the probe's folds, forest and bootstrap.
        probe_folds: Folds of the device probe's cross-validation by patient.
        probe_draws: Bootstrap draws of the probe's interval.
        probe_images: Most images that the probe looks at.
    """

    spacing_mm: float = Field(gt=0)
    shape_px: tuple[int, int]
    bandwidth_mm: float = Field(ge=0)
    skin_mm: float = Field(ge=0)
    detail_ratios: tuple[float, float]
    jobs: int
    seed: int
    probe_folds: int = Field(ge=2)
    probe_draws: int = Field(ge=100)
    probe_images: int = Field(ge=100)

    @property
    def standard(self) -> Standard:
        """The part that shapes an image."""
        return Standard(
            self.spacing_mm, self.shape_px, self.bandwidth_mm, self.skin_mm, self.detail_ratios
        )
