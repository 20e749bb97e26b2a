"""What may be turned in the room `score`."""

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class ScoreParameters(Parameters):
    """How a folder is scored.

    Attributes:
        batch: Images of one call of the model.
        pictures: Most images on the contact sheet.
    """

    batch: int = Field(ge=1)
    pictures: int = Field(ge=1)
