"""Room `score`: a folder without labels, read and standardized as in training, and scored."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.score import nodes
from mammo_pipeline.pipelines.standardize.pipeline import read_folder


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return read_folder("score") + score_images()


def score_images() -> Pipeline:
    """Returns what follows the reading: the released ensemble speaks."""
    return Pipeline(
        [
            node(
                nodes.score_folder,
                inputs=[
                    *("score_images", "score_store", "known_device_maps"),
                    *("params:standardize", "params:score"),
                ],
                outputs=["image_scores", "score_model"],
                name="score_folder",
            ),
            node(
                nodes.aggregate_scores,
                inputs=["image_scores", "score_model"],
                outputs=["breast_scores", "exam_scores"],
                name="aggregate_scores",
            ),
            node(
                nodes.write_score_page,
                inputs=[
                    "image_scores",
                    "breast_scores",
                    "exam_scores",
                    "score_files",
                    "score_store",
                    "score_model",
                    "params:score",
                ],
                outputs="score_page",
                name="write_score_page",
            ),
            node(
                nodes.close_score,
                inputs=["image_scores", "exam_scores", "score_files", "score_model", "score_page"],
                outputs=None,
                name="close_score",
            ),
        ]
    )
