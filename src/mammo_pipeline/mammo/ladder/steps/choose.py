"""The step of whatever backend Keras runs on."""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

import numpy as np

from mammo_pipeline.mammo.ladder.averages import find_statistics
from mammo_pipeline.mammo.ladder.feed import Batch
from mammo_pipeline.mammo.ladder.nets import Net
from mammo_pipeline.mammo.ladder.settings import Execution
from mammo_pipeline.mammo.ladder.stages import Stage
from mammo_pipeline.mammo.ladder.steps.rule import Rule, Step, read_rule
from mammo_pipeline.mammo.ladder.strategy import ONE, Strategy

__all__ = ["Step", "layer_gradients", "make_deterministic", "make_step"]


def make_step(
    net: Net, stage: Stage, execution: Execution, strategy: Strategy | None = None
) -> Step:
    """Returns the step that trains a net as a stage says.

    A step is: change the pictures, call the net, differentiate the weighted loss, part after part;
    sum over parts and devices; add the decay of kind `l2`; measure the gradient's norm, then clip;
    let the optimizer apply it; move the averages. Random numbers of dropout come from the batch's
    seed alone, so that a step gives the same bits whatever ran before it.

    Tracing costs seconds: the same net gets the same step again, unless something that is written
    into it differs.

    Args:
        net: Built under the strategy's scope.
        stage: Its loss, accumulate, optimizer and ema are read.
        execution: Its xla is read.
        strategy: The devices; one where absent.

    Raises:
        ValueError: The backend of Keras is neither TensorFlow nor JAX, or it cannot synchronize
            batch normalization where it is asked to.
    """
    _refuse_locked_sums(net, stage, execution, strategy or ONE)
    step = _make_step_once(net, read_rule(stage, execution), strategy or ONE)
    step.reload()
    return step


def _refuse_locked_sums(net: Net, stage: Stage, execution: Execution, strategy: Strategy) -> None:
    """Raises where devices would have to meet inside a loop or inside XLA: TensorFlow cannot."""
    meets = execution.norm == "synchronized" and strategy.replicas > 1
    inside = [f"accumulate {stage.accumulate}"] * (stage.accumulate > 1) + ["xla"] * execution.xla
    if meets and inside and find_statistics(net.model):
        raise ValueError(
            f"stage {stage.name}: norm synchronized on {strategy.replicas} devices does not go "
            f"together with {' and '.join(inside)}: choose norm: per_replica, freeze the "
            "normalization, or do without"
        )


@lru_cache(maxsize=4)  # as many as there are nets kept
def _make_step_once(net: Net, rule: Rule, strategy: Strategy) -> Step:
    return _choose_backend().make_step(net, rule, strategy)


def layer_gradients(net: Net, stage: Stage, batch: Batch) -> dict[str, np.ndarray]:
    """Returns the gradient of a batch's loss for every trainable variable, by its path.

    The net is as it was afterwards, its batch statistics, too. There is no decay and no clipping.

    Args:
        net: Its variables hold what it is asked about (after `Step.settle`).
        stage: Says which loss.
        batch: What it is given, in one part.
    """
    return _choose_backend().layer_gradients(net, read_rule(stage, Execution()), batch)


def make_deterministic() -> None:
    """Makes every later operation give the same bits again on this machine and thread count.

    On JAX nothing is to do on a CPU; on a GPU, XLA_FLAGS=--xla_gpu_deterministic_ops=true must be
    set before the program starts.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _choose_backend() -> ModuleType:
    import keras

    name = keras.backend.backend()
    if name == "tensorflow":
        from mammo_pipeline.mammo.ladder.steps import tensorflow

        return tensorflow
    if name == "jax":
        from mammo_pipeline.mammo.ladder.steps import jax

        return jax
    raise ValueError(f"KERAS_BACKEND is {name}, a net is trained on tensorflow or jax")
