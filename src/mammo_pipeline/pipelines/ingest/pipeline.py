"""Room `ingest`: from a folder of DICOM files and a table of labels to tables without names."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.ingest import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.index_labelled_files,
                inputs=["raw_dicom", "raw_labels", "pseudonym_key", "params:ingest"],
                outputs=["images", "lesions", "files", "ingest_private", "label_counts"],
                name="index_labelled_files",
            ),
            node(
                nodes.report_ingest,
                inputs=["files", "label_counts"],
                outputs="ingest_flow",
                name="report_ingest",
            ),
        ]
    )
