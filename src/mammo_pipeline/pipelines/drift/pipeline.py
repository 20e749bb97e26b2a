"""Room `drift`: whether a later cohort still looks like the one that the model was made on."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.drift import nodes
from mammo_pipeline.pipelines.standardize.pipeline import measure_folder, read_folder

COMPARED = ["cohort", "store", "image_features", "current_images", "current_files"]
COMPARED += ["current_store", "current_features", "ensemble"]
COMPARED += ["tune_scores", "tune_flip_scores", "current_scores", "params:drift"]
SHOWN = ["drift", "ensemble", "tune_scores", "tune_flip_scores", "current_scores"]
SHOWN += ["cohort", "current_images"]


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return (
        read_folder("current")
        + measure_folder("current")
        + Pipeline(
            [
                node(
                    nodes.score_current_images,
                    inputs=["ensemble", "sweep_members", "current_store", "params:drift"],
                    outputs="current_scores",
                    name="score_current_images",
                ),
                node(
                    nodes.compare_cohorts,
                    inputs=COMPARED,
                    outputs="drift",
                    name="compare_cohorts",
                ),
                node(
                    nodes.write_drift_page,
                    inputs=SHOWN,
                    outputs="drift_page",
                    name="write_drift_page",
                ),
                node(
                    nodes.close_drift,
                    inputs=["drift", "drift_page"],
                    outputs=None,
                    name="close_drift",
                ),
            ]
        )
    )
