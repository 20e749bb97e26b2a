"""Which of several machines that train together speaks to MLflow."""

from __future__ import annotations

import json


def is_chief(tf_config: str | None) -> bool:
    """Returns whether this process may write: the chief of its cluster, or on its own.

    TensorFlow's rule: the task `chief`, and where the cluster has none, worker 0. What cannot be
    read is left to the training, which says what is wrong with it.

    >>> is_chief(None), is_chief('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 1}}')
    (True, True)
    >>> is_chief('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}')
    False

    Args:
        tf_config: The variable TF_CONFIG, None where it is not set.
    """
    try:
        config = json.loads(tf_config or "{}")
        cluster, task = config.get("cluster") or {}, config.get("task") or {}
        kind, number = task.get("type"), int(task.get("index", 0))
    except (ValueError, TypeError, AttributeError):
        return True
    if kind != "worker":
        return True
    return number == 0 and "chief" not in cluster
