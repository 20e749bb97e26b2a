"""What may be turned in the room `compare`."""

from __future__ import annotations

from mammo_pipeline.mammo.score_table import Kind
from mammo_pipeline.parameters import Parameters


class CompareParameters(Parameters):
    """How a table of anybody's scores is read; all else is as in `ensemble` and `evaluate`.

    Attributes:
        kind: What the scores are: logit, probability, or other.
        axes: Columns of the table whose values make subgroups, beside those of `evaluate` that the
            table states.
    """

    kind: Kind
    axes: list[str]
