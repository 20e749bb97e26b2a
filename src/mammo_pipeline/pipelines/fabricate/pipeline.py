"""fabricate: parameters in; DICOM files, labels, truth masks and a later cohort out."""

from kedro.pipeline import Pipeline, node

from . import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's two nodes."""
    return Pipeline(
        [
            node(
                nodes.fabricate_study,
                inputs="params:fabricate",
                outputs=["raw_dicom", "raw_labels", "phantom_masks"],
                name="fabricate_study",
            ),
            node(
                nodes.fabricate_current_cohort,
                inputs="params:fabricate",
                outputs="current_dicom",
                name="fabricate_current_cohort",
            ),
        ]
    )
