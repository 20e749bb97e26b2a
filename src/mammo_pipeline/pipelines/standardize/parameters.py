"""What may be turned in the room `standardize`."""

from typing import Literal

from pydantic import Field

from mammo_pipeline.engine import Engine
from mammo_pipeline.mammo.audit.gates import AuditBounds
from mammo_pipeline.mammo.dicom.presentation import ShowRule
from mammo_pipeline.mammo.standard import Standard
from mammo_pipeline.parameters import Parameters


class ShowParameters(Parameters):
    """Which of the displays that an image offers is taken.

    Attributes:
        prefer: Explanations of windows and tables in order of preference; an image that has none
            of them is shown by its first.
        order: Whether tables come before windows where an image has both.
        for_processing: Whether raw images are refused, or shown as attenuation.
    """

    prefer: tuple[str, ...]
    order: Literal["table_first", "window_first"]
    for_processing: Literal["refuse", "attenuation"]


class ImageLimits(Parameters):
    """What one image may cost before it is refused.

    Attributes:
        seconds: Wall time.
        memory_mb: Address space of the worker process.
    """

    seconds: float = Field(gt=0)
    memory_mb: int = Field(ge=1024)


class BoundParameters(Parameters):
    """What the audit holds the images to; a broken bound fails the run.

    Attributes:
        geometry_high: Widest upper limit at which an interval around chance still means something.
        statistics_high: Upper limit of the probe's interval on simple statistics.
        network_high: Upper limit of the probe's interval on the frozen net.
        scale_percent: Scale of a device by the same woman's breasts, either way.
        most_modes: Modes of a feature, pooled over devices.
    """

    geometry_high: float = Field(gt=0.5, le=1)
    statistics_high: float = Field(gt=0.5, le=1)
    network_high: float = Field(gt=0.5, le=1)
    scale_percent: float = Field(gt=0)
    most_modes: int = Field(ge=1)


class TwinParameters(Parameters):
    """The made-up breasts that are drawn through every device.

    Attributes:
        breasts: How many; 0 leaves this part out.
        binning: Stored pixels over a detector's own: 1 is full size.
    """

    breasts: int = Field(ge=0)
    binning: float = Field(ge=1)


class AuditParameters(Parameters):
    """How the proof is made.

    Attributes:
        images: Most images that are measured; of a larger study an even share of each device.
        folds: Of the probes' cross-validation by patient.
        draws: Bootstrap draws of every interval.
        mode_draws: Bootstrap draws of the test of modes.
        mode_level: Its level.
        trim: Largest weight of an image, in medians of its device.
        twins: The made-up breasts.
        bounds: What the images are held to.
    """

    images: int = Field(ge=10)
    folds: int = Field(ge=2)
    draws: int = Field(ge=100)
    mode_draws: int = Field(ge=100)
    mode_level: float = Field(gt=0, lt=1)
    trim: float = Field(gt=1)
    twins: TwinParameters
    bounds: BoundParameters

    @property
    def audit_bounds(self) -> AuditBounds:
        """The bounds as the trade takes them."""
        return AuditBounds(**self.bounds.model_dump())


class StandardizeParameters(Parameters):
    """What every image becomes, where that is done, and how the result is proved.

    Attributes:
        spacing_mm: Spacing of the canvas.
        shape_px: Rows and columns of the canvas.
        field_mm: Height and width of the field that is looked at: the smallest of the devices.
        bandwidth_mm: Standard deviation of the blur that every image ends with.
        skin_mm: Rim of the breast that is taken off.
        detail_ratios: Size of each band of detail over the next, the finest first.
        grey_quantiles: Quantiles of an image's grey that are laid on the reference.
        device_map_images: Images of each device, of the train side, from which a map of grey for
            each device is made; 0 makes none.
        show: Which display of an image is taken.
        engine: Where images are standardized.
        limits: What one image may cost.
        seed: Of every draw in this room.
        audit: How the proof is made.
    """

    spacing_mm: float = Field(gt=0)
    shape_px: tuple[int, int]
    field_mm: tuple[float, float]
    bandwidth_mm: float = Field(ge=0)
    skin_mm: float = Field(ge=0)
    detail_ratios: tuple[float, float, float]
    grey_quantiles: int = Field(ge=3)
    device_map_images: int = Field(ge=0)
    show: ShowParameters
    engine: Engine
    limits: ImageLimits
    seed: int
    audit: AuditParameters

    @property
    def standard(self) -> Standard:
        """The part that shapes an image."""
        return Standard(
            spacing_mm=self.spacing_mm,
            shape_px=self.shape_px,
            bandwidth_mm=self.bandwidth_mm,
            skin_mm=self.skin_mm,
            detail_ratios=self.detail_ratios,
            grey_quantiles=self.grey_quantiles,
            field_mm=self.field_mm,
            show=ShowRule(**self.show.model_dump()),
        )
