"""Room `sweep`: one trained member for every completed trial."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.sweep import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.sweep_ladders,
                inputs=[
                    "store",
                    "cohort",
                    "patches",
                    "canvas_lesions",
                    "weight_files",
                    "ladder_states",
                    "train_metrics",
                    "sweep_journal",
                    "sweep_checkpoints",
                    "params:train",
                    "params:sweep",
                ],
                outputs=["sweep_members", "sweep_trials", "tune_scores", "sweep_metrics"],
                name="sweep_ladders",
            )
        ]
    )
