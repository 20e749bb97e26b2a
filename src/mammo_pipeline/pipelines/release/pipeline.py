"""Room `release`: the ensemble becomes a registered model version, and passes the gate or not."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.release import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.register_ensemble,
                inputs=[
                    "ensemble",
                    "sweep_members",
                    "evaluation",
                    "release_gates",
                    "known_device_maps",
                    "params:standardize",
                    "params:release",
                ],
                outputs="release",
                name="register_ensemble",
            ),
            node(
                nodes.close_study,
                inputs=["release", "evaluation", "device_audit", "audit_page"],
                outputs=None,
                name="close_study",
            ),
        ]
    )
