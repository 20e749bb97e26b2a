"""What may be turned in the room `patches`."""

from mammo_pipeline.mammo.patches import Sampling


class PatchesParameters(Sampling):
    """How many patches, how large, and which background counts: see `Sampling`."""
