"""Room `patches`: coordinates are drawn once; the pixels stay in the store."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.patches import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.draw_patches,
                inputs=["store", "cohort", "canvas_lesions", "params:patches"],
                outputs=["patches", "patches_draws", "patches_facts"],
                name="draw_patches",
            )
        ]
    )
