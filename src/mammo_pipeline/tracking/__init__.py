"""The one place that speaks to MLflow.

`hooks` keeps one MLflow run per tracked `kedro run`, `runs` lets a node open nested runs, `server`
finds and prepares the store, `registry` logs, registers and promotes models. MLflow itself takes
seconds to import, so it is imported inside functions, when a tracked pipeline starts. Autologging
is never turned on: what is logged is what the catalog and the nodes say.
"""

from mammo_pipeline.tracking.hooks import TrackingHooks
from mammo_pipeline.tracking.links import model_link, run_link, server_command
from mammo_pipeline.tracking.runs import active_run, child_run
from mammo_pipeline.tracking.server import TrackingConfig, TrackingError

__all__ = [
    "TrackingConfig",
    "TrackingError",
    "TrackingHooks",
    "active_run",
    "child_run",
    "model_link",
    "run_link",
    "server_command",
]
