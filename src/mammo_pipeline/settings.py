"""Kedro's settings: where configuration comes from and who listens to a run."""

from kedro.config import OmegaConfigLoader

from mammo_pipeline.rooms import RoomHooks
from mammo_pipeline.tracking import TrackingHooks

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment changes sizes: it must not have to repeat the rest of a room's parameters.
    "merge_strategy": {"parameters": "soft"},
    "config_patterns": {"mlflow": ["mlflow*"]},
}
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry", "kedro-viz", "kedro_mlflow")
HOOKS = (RoomHooks(), TrackingHooks())
