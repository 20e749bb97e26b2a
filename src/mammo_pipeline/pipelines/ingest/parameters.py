"""What may be turned in the room `ingest`."""

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class IngestParameters(Parameters):
    """Rules by which files become images.

    Attributes:
        minimum_field_mm: Shorter side of the imaged field under which an image is no whole breast.
        stated_spacing_mm: Spacing in mm that the user states for files that do not, by folder
            relative to the DICOM folder; `.` is the whole of it.
    """

    minimum_field_mm: float = Field(ge=0)
    stated_spacing_mm: dict[str, float]

    def spacing_for(self, name: str) -> float | None:
        """Returns the stated spacing of the nearest folder above a file, or None."""
        folders = name.split("/")[:-1]
        paths = ["/".join(folders[:depth]) for depth in range(len(folders), 0, -1)]
        return next(
            (self.stated_spacing_mm[p] for p in [*paths, "."] if p in self.stated_spacing_mm), None
        )
