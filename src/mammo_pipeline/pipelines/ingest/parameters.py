"""What may be turned in the room `ingest`."""

from typing import Literal

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class IngestLimits(Parameters):
    """What one file may cost before it is quarantined.

    Attributes:
        seconds: Wall time of decoding and looking.
        memory_mb: Address space of the worker process.
        file_mb: Size of the file.
        megapixels: Rows times columns that a header may declare.
    """

    seconds: float = Field(gt=0)
    memory_mb: int = Field(ge=512)
    file_mb: int = Field(ge=1)
    megapixels: float = Field(gt=0)


class IngestParameters(Parameters):
    """Rules by which files become images.

    Attributes:
        collection: Whose tables the labels are; `generic` is the project's own CSV.
        benign_without_callback: What such a lesion counts as: `benign`, `negative` (no lesion), or
            `leave_out` (its breast is left out).
        opinion_as_truth: Whether a BI-RADS assessment may stand for the diagnosis where a
            collection has none.
        minimum_field_mm: Shorter side of the imaged field under which an image is no whole breast.
        stated_spacing_mm: Spacing in mm that the user states for files that do not, by folder
            relative to the DICOM folder; `.` is the whole of it.
        for_processing: Whether raw images FOR PROCESSING are refused, or accepted where no image
            FOR PRESENTATION of the same view of the exam is.
        look_for_text: Whether images with lines of text in their pixels are quarantined.
        second_decoder: Whether compressed pixels are decoded by two decoders, which must agree.
        jobs: Worker processes; -1 takes every core.
        limits: What one file may cost.
    """

    collection: str
    benign_without_callback: Literal["benign", "negative", "leave_out"]
    opinion_as_truth: bool
    minimum_field_mm: float = Field(ge=0)
    stated_spacing_mm: dict[str, float]
    for_processing: Literal["refuse", "accept"]
    look_for_text: bool
    second_decoder: bool
    jobs: int
    limits: IngestLimits

    @property
    def maximum_pixels(self) -> int:
        """The most pixels that a header may declare."""
        return int(self.limits.megapixels * 1e6)

    def spacing_for(self, name: str) -> float | None:
        """Returns the stated spacing of the nearest folder above a file, or None."""
        folders = name.split("/")[:-1]
        paths = ["/".join(folders[:depth]) for depth in range(len(folders), 0, -1)]
        return next(
            (self.stated_spacing_mm[p] for p in [*paths, "."] if p in self.stated_spacing_mm), None
        )
