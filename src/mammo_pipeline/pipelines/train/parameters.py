"""What may be turned in the room `train`."""

from mammo_pipeline.mammo.ladder.stages import Ladder


class TrainParameters(Ladder):
    """The network and the stages of its training: see `Ladder`."""
