"""Room `ingest`: from a folder of DICOM files and a table of labels to tables without names."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.ingest import nodes

_TABLES = ["images", "lesions", "files", "links", "ingest_private", "label_counts"]


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.index_labelled_files,
                inputs=[
                    "raw_dicom",
                    "raw_labels",
                    "ingest_ledger",
                    "pseudonym_key",
                    "params:ingest",
                ],
                outputs=_TABLES,
                name="index_labelled_files",
            ),
            node(
                nodes.write_raw_manifest,
                inputs=["ingest_private", "pseudonym_key"],
                outputs="raw_manifest",
                name="write_raw_manifest",
            ),
            node(
                nodes.compare_with_last,
                inputs=["raw_dicom", "ingest_ledger", "ingest_private"],
                outputs="ingest_changes",
                name="compare_with_last",
            ),
            node(
                nodes.close_ingest,
                inputs=[
                    *("raw_dicom", "ingest_ledger", "files", "ingest_private"),
                    *("label_counts", "ingest_changes"),
                ],
                outputs="ingest_flow",
                name="close_ingest",
            ),
        ]
    )
