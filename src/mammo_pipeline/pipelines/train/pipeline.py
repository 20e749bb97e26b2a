"""Room `train`: stages that were finished once are not trained again."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.train import nodes, page


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.train_ladder,
                inputs=[
                    *("store", "cohort", "patches", "patches_facts", "canvas_lesions"),
                    *("weight_files", "train_checkpoints", "params:train"),
                ],
                outputs=[
                    *("ladder_states", "ladder_history", "restore_report", "wiring_report"),
                    *("mined_patches", "training_views", "train_metrics"),
                ],
                name="train_ladder",
            ),
            node(
                page.write_training_page,
                inputs=[
                    *("ladder_history", "restore_report", "wiring_report", "mined_patches"),
                    *("training_views", "train_metrics", "params:train"),
                ],
                outputs="training_page",
                name="write_training_page",
            ),
        ]
    )
