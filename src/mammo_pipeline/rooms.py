"""What holds for every room: its parameters are known, and long work may speak in peace."""

from __future__ import annotations

import logging
from typing import Any

from kedro.framework.hooks import hook_impl

from mammo_pipeline import closing
from mammo_pipeline.parameters import unknown_name_message
from mammo_pipeline.pipeline_registry import ROOMS

# What the catalog reads from `--params` beside the rooms' parameters. Seed and data folder are not
# among them: rooms share them, so they are set for a whole environment, in its globals.yml.
PLACES = (
    "dicom_folder",
    "labels",
    "current_folder",
    "score_folder",
    "compare_table",
    "reader_table",
)


class RoomHooks:
    """Stops a run whose parameters speak of a room that does not exist."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Checks the top-level names of all parameters, before any data set is opened.

        Raises:
            ValueError: A name is no room; a typo there would be merged in and never read.
        """
        known = [*ROOMS, *PLACES]
        for name in context.config_loader["parameters"]:
            if name not in known:
                raise ValueError(f"Parameters: {unknown_name_message(name, known)}")
        closing.name_environment(context.env)
        # Third parties that log every request or every migration step at INFO.
        for chatty in ("alembic", "mlflow", "great_expectations", "matplotlib", "fontTools"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
