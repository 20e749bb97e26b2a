"""One step of training: the only place, beside `strategy`, that differs between the backends."""

from mammo_pipeline.mammo.ladder.steps.choose import (
    Step,
    layer_gradients,
    make_deterministic,
    make_step,
)

__all__ = ["Step", "layer_gradients", "make_deterministic", "make_step"]
