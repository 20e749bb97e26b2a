"""Room `ensemble`: from scores on tune to a frozen ensemble: members, calibration, threshold."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.ensemble import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.score_tune_flips,
                inputs=[
                    "tune_scores",
                    "sweep_members",
                    "store",
                    "cohort",
                    "sweep_metrics",
                    "params:ensemble",
                ],
                outputs="tune_flip_scores",
                name="score_tune_flips",
            ),
            node(
                nodes.freeze_ensemble,
                inputs=[
                    "tune_scores",
                    "tune_flip_scores",
                    "sweep_trials",
                    "sweep_members",
                    "sweep_metrics",
                    "cohort",
                    "params:ensemble",
                ],
                outputs=["ensemble", "ensemble_metrics"],
                name="freeze_ensemble",
            ),
        ]
    )
