"""On how many devices a ladder is trained: one, all of a machine, or those of several machines.

Every device holds all the weights and computes its share of each batch (Dean et al. 2012 call it
data parallelism, here without delay); the gradients are summed, so all apply the same step. Every
worker draws the same batches from the same seed and takes its share, so the order of the pictures
does not depend on the number of devices.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.settings import Execution


@dataclass(frozen=True, eq=False)
class Strategy:
    """The devices; without arguments, one.

    Attributes:
        replicas: Devices over all workers.
        worker: Number of this worker, from 0; the chief has 0.
        workers: How many there are.
        tensorflow: What TensorFlow calls a strategy, None for one device.
    """

    replicas: int = 1
    worker: int = 0
    workers: int = 1
    tensorflow: Any = None

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes: checkpoints, history, models. The others must not."""
        return self.worker == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the context in which nets, optimizers and averages must be built."""
        return nullcontext() if self.tensorflow is None else self.tensorflow.scope()

    def barrier(self) -> None:
        """Waits until every worker has come here."""
        if self.workers > 1:
            import tensorflow as tf

            # A sum over all workers is there when the last of them has come.
            meet = partial(self.run, partial(self.sum_over_replicas, [1.0]))
            float(self.collect(tf.function(meet, autograph=False)()[0]))

    def spread(self, values: np.ndarray) -> Any:
        """Returns an array of a whole batch cut by its first axis: a slice a device, in order."""
        import tensorflow as tf

        if self.tensorflow is None:
            return tf.convert_to_tensor(values) if is_loose(values) else _lend(values)
        each = len(values) // self.replicas

        def cut(context: Any) -> np.ndarray:
            first = context.replica_id_in_sync_group * each
            return values[first : first + each]

        return self.tensorflow.experimental_distribute_values_from_function(cut)

    def run(self, change: Any, *inputs: Any) -> Any:
        """Returns what `change` gives on each device, computed side by side."""
        return self.tensorflow.run(change, args=inputs)

    def collect(self, value: Any) -> Any:
        """Returns the value of the first device of this worker, of a value all agree on."""
        if self.tensorflow is None:
            return value
        return self.tensorflow.experimental_local_results(value)[0]

    def number_replica(self) -> Any:
        """Returns, inside `run`, the number of the device over all workers, from 0."""
        import tensorflow as tf

        if self.tensorflow is None:
            return 0
        return tf.distribute.get_replica_context().replica_id_in_sync_group

    def sum_over_replicas(self, values: list[Any]) -> list[Any]:
        """Returns, inside `run`, the sums over all devices."""
        import tensorflow as tf

        if self.tensorflow is None:
            return values
        return tf.distribute.get_replica_context().all_reduce("SUM", values)

    def share_mean(self, variables: list[Any]) -> None:
        """Gives every device, inside `run`, the mean of what each of them holds.

        Moving statistics of batch normalization are each device's own. A checkpoint holds one set:
        without this a run that goes on from it would not be the run that was not stopped.
        """
        import tensorflow as tf

        if self.tensorflow is None or not variables:
            return
        context = tf.distribute.get_replica_context()
        means = context.all_reduce("MEAN", [v.value.read_value() for v in variables])
        for variable, mean in zip(variables, means, strict=True):
            variable.assign(mean)


ONE = Strategy()


def is_loose(values: np.ndarray) -> bool:
    """Returns whether TensorFlow must copy an array: it wants whole 64-byte lines, in one piece."""
    return not values.flags.c_contiguous or bool(values.ctypes.data % 64)


def _lend(values: np.ndarray) -> Any:
    """Returns a tensor that shares the array's memory, and keeps it alive."""
    import tensorflow as tf

    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())


def open_strategy(execution: Execution) -> Strategy:
    """Returns the devices that the execution names; the same record every time.

    `multi_worker` must be opened before TensorFlow computed anything in this program.

    Raises:
        ValueError: The backend of Keras cannot do it, or TF_CONFIG is missing or wrong.
    """
    return _open_once(execution.devices)


# A second strategy over the same devices would number its collective sums anew, and TensorFlow
# would take them for those of the first.
@cache
def _open_once(devices: str) -> Strategy:
    import keras

    if devices == "one":
        return ONE
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"devices: {devices} with KERAS_BACKEND={keras.backend.backend()}: several devices "
            "are trained on with KERAS_BACKEND=tensorflow only; choose it, or devices: one"
        )
    return _mirror() if devices == "mirrored" else _join_workers()


def _mirror() -> Strategy:
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    mirrored = tf.distribute.MirroredStrategy([device.name for device in devices])
    return Strategy(replicas=mirrored.num_replicas_in_sync, tensorflow=mirrored)


def _join_workers() -> Strategy:
    import tensorflow as tf

    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    cluster = resolver.cluster_spec().as_dict()
    jobs = set(cluster)
    if resolver.task_type not in jobs or jobs - {"chief", "worker"}:
        raise ValueError(
            f"devices: multi_worker needs TF_CONFIG with a cluster of `worker` (and at most one "
            f"`chief`) and this process' task; found jobs {sorted(jobs)} and task "
            f"{resolver.task_type} {resolver.task_id}. Example: "
            '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
            '"task": {"type": "worker", "index": 0}}'
        )
    chiefs = len(cluster.get("chief", ()))
    number = resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)
    joined = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    return Strategy(
        replicas=joined.num_replicas_in_sync,
        worker=number,
        workers=chiefs + len(cluster.get("worker", ())),
        tensorflow=joined,
    )
