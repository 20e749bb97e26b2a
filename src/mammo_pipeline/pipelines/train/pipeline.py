"""Room `train`: from patches to images, one stage on the other."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.train import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.train_ladder,
                inputs=["store", "cohort", "patches", "train_checkpoints", "params:train"],
                outputs=["ladder_states", "ladder_history", "restore_report", "train_metrics"],
                name="train_ladder",
            )
        ]
    )
