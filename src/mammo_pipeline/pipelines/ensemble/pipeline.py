"""Room `ensemble`: from scores on tune to a frozen ensemble: members, calibration, threshold."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.ensemble import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.freeze_ensemble,
                inputs=[
                    "tune_scores",
                    "sweep_trials",
                    "sweep_members",
                    "sweep_metrics",
                    "cohort",
                    "params:ensemble",
                ],
                outputs=["ensemble", "ensemble_metrics"],
                name="freeze_ensemble",
            )
        ]
    )
