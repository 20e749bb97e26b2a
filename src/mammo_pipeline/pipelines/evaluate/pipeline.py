"""Room `evaluate`: the test set is opened once, measured, judged, and shown on the audit page."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.evaluate import closer, earlier, nodes, page
from mammo_pipeline.pipelines.release.gates import judge_release
from mammo_pipeline.pipelines.standardize.nodes import move_lesions

ROOMS = ["params:standardize", "params:evaluate"]
MEASURED = ["test_scores", "test_truth", "ensemble", "cohort", "store", "canvas_test_lesions"]
MEASURED += ["test_marks", "test_embeddings", "test_masked_scores", "earlier_scores"]
MEASURED += ["earlier_model", "files", *ROOMS]
PICTURED = ["test_scores", "test_breasts", "ensemble", "sweep_members", "store"]
PICTURED += ["canvas_test_lesions", "params:evaluate"]
AUDITED = ["evaluation", "test_breasts", "ensemble", "release_gates", "cases"]
AUDITED += ["case_pictures", "contract", "device_audit", "split_record", "ensemble_metrics"]
AUDITED += ["train_metrics", "evaluation_history", "sign_offs", "params:evaluate"]
CLOSED = ["evaluation", "ensemble", "release_gates", "evaluation_history", "audit_page"]


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return look_at_test() + measure_test() + show_test()


def look_at_test() -> Pipeline:
    """Returns what is done before a label is read."""
    return Pipeline(
        [
            node(
                nodes.score_test_images,
                inputs=["ensemble", "sweep_members", "store", "cohort", "params:evaluate"],
                outputs="test_scores",
                name="score_test_images",
            ),
            node(
                closer.look_closer,
                inputs=["test_scores", "ensemble", "sweep_members", "store", *ROOMS],
                outputs=["test_marks", "test_embeddings", "test_masked_scores"],
                name="look_closer",
            ),
            node(
                earlier.score_with_earlier,
                inputs=["test_scores", "store", "known_device_maps", *ROOMS],
                outputs=["earlier_scores", "earlier_model"],
                name="score_with_earlier",
            ),
        ]
    )


def measure_test() -> Pipeline:
    """Returns what is done with the labels of the test side."""
    return Pipeline(
        [
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
                outputs=["evaluation", "evaluation_metrics", "test_breasts"],
                name="measure_test_scores",
            ),
            # The page shows the verdicts by which the room `release` refuses.
            node(
                judge_release,
                inputs=["evaluation", "device_audit", "contract", "params:release"],
                outputs="release_gates",
                name="judge_release",
            ),
        ]
    )


def show_test() -> Pipeline:
    """Returns what writes the page, its pictures and its history."""
    return Pipeline(
        [
            # In memory, too: pictures and outcomes of patients stand on the page alone.
            node(
                page.draw_cases,
                inputs=PICTURED,
                outputs=["cases", "case_pictures"],
                name="draw_cases",
            ),
            node(
                page.write_audit_page,
                inputs=AUDITED,
                outputs="audit_page",
                name="write_audit_page",
            ),
            node(
                nodes.close_evaluation,
                inputs=CLOSED,
                outputs=None,
                name="close_evaluation",
            ),
        ]
    )
