"""Room `evaluate`: the test set is opened once, measured, and shown on the audit page."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.evaluate import nodes
from mammo_pipeline.pipelines.standardize.nodes import move_lesions

MEASURED = ["test_scores", "test_truth", "ensemble", "cohort", "store", "canvas_test_lesions"]
MEASURED += ["files", "params:evaluate"]
AUDITED = ["evaluation", "test_scores", "test_truth", "ensemble", "contract", "device_audit"]
AUDITED += ["ensemble_metrics", "train_metrics"]


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.score_test_images,
                inputs=["ensemble", "sweep_members", "store", "cohort", "params:evaluate"],
                outputs="test_scores",
                name="score_test_images",
            ),
            # In memory: what lies on the test side's canvases is written nowhere.
            node(
                move_lesions,
                inputs=["test_lesions", "store", "params:standardize"],
                outputs="canvas_test_lesions",
                name="move_test_lesions",
            ),
            node(
                nodes.measure_test_scores,
                inputs=MEASURED,
                outputs=["evaluation", "evaluation_metrics"],
                name="measure_test_scores",
            ),
            node(
                nodes.write_audit_page,
                inputs=AUDITED,
                outputs="audit_page",
                name="write_audit_page",
            ),
            node(
                nodes.close_evaluation,
                inputs=["evaluation", "audit_page"],
                outputs=None,
                name="close_evaluation",
            ),
        ]
    )
