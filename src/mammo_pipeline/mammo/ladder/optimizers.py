"""The optimizers of a ladder, as Keras has them, without what the step does itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mammo_pipeline.mammo.ladder.settings import Optimizer

if TYPE_CHECKING:
    import keras

# Matches the name of every variable but a kernel, in Keras and as TensorFlow writes it ("a/b:0",
# "a/b/replica_1:0").
NO_KERNEL = r"^(?!.*kernel(/replica_\d+)?(:\d+)?$)"


def is_kernel(variable: Any) -> bool:
    """Returns whether a variable is decayed: biases, scales and offsets never are."""
    return str(variable.name).endswith("kernel")


def build_optimizer(settings: Optimizer, name: str = "optimizer") -> keras.optimizers.Optimizer:
    """Returns the optimizer, not yet built on any variable.

    It has no moving average and does not clip: the step does both, and sets the learning rate.
    Decoupled decay (Loshchilov and Hutter 2019) is the optimizer's, on kernels only; the decay of
    kind `l2` is a part of the gradient and the step's.

    Args:
        settings: Of the stage.
        name: First part of the path of each of its variables.
    """
    import keras

    options: dict[str, Any] = {"name": name, "learning_rate": 1.0}
    decoupled = settings.decay == "decoupled" and settings.weight_decay > 0
    if decoupled:
        options["weight_decay"] = settings.weight_decay
    if settings.name == "sgd":
        optimizer = keras.optimizers.SGD(
            momentum=settings.momentum, nesterov=settings.nesterov, **options
        )
    else:
        kind = keras.optimizers.Adam if settings.name == "adam" else _name_nadam_variables()
        optimizer = kind(
            beta_1=settings.beta_1, beta_2=settings.beta_2, epsilon=settings.epsilon, **options
        )
    if decoupled:
        optimizer.exclude_from_weight_decay(var_names=[NO_KERNEL])
    return optimizer


def _name_nadam_variables() -> type[keras.optimizers.Optimizer]:
    """Returns Nadam (Dozat 2016) whose product of momenta can be saved and shared by replicas.

    Keras 3.15 creates it as a variable with the path `variable`, outside the optimizer's own, and
    without a rule for replicas. It starts at 1.
    """
    import keras

    class Nadam(keras.optimizers.Nadam):
        _u_product: Any

        def build(self, var_list: list[Any]) -> None:
            if self.built:
                return
            super().build(var_list)
            self._untrack_variable(self._u_product)
            self._u_product = self.add_variable(
                (), "ones", aggregation="only_first_replica", name="u_product"
            )

    return Nadam
