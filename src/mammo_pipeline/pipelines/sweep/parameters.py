"""What may be turned in the room `sweep`."""

from pydantic import Field

from mammo_pipeline.mammo.ladder.space import Search


class SweepParameters(Search):
    """The search over ladders, see `Search`, and how its members are scored.

    Attributes:
        score_batch: Images at once when the members score the tune side.
    """

    score_batch: int = Field(ge=1)
