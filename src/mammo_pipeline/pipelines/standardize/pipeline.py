"""Room `standardize`: from DICOM files to the image store, with the device probe beside it."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.ingest.nodes import index_files
from mammo_pipeline.pipelines.standardize import nodes


def read_folder(prefix: str) -> Pipeline:
    """Returns what indexes and standardizes a folder without labels, as a study is.

    Args:
        prefix: Leads the names of the data sets: `<prefix>_dicom` in, `<prefix>_images`,
            `<prefix>_files`, `<prefix>_private` and `<prefix>_store` out.
    """
    return Pipeline(
        [
            node(
                index_files,
                inputs=[
                    *(f"{prefix}_dicom", f"{prefix}_ledger"),
                    *("pseudonym_key", "params:ingest"),
                ],
                outputs=[f"{prefix}_images", f"{prefix}_files", f"{prefix}_private"],
                name=f"index_{prefix}_files",
            ),
            node(
                nodes.standardize_images,
                inputs=[
                    f"{prefix}_images",
                    f"{prefix}_dicom",
                    "pseudonym_key",
                    "params:standardize",
                ],
                outputs=f"{prefix}_store",
                name=f"standardize_{prefix}_images",
            ),
        ]
    )


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.standardize_images,
                inputs=["cohort", "raw_dicom", "pseudonym_key", "params:standardize"],
                outputs="store",
                name="standardize_images",
            ),
            node(
                nodes.move_lesions,
                inputs=["known_lesions", "store", "params:standardize"],
                outputs="canvas_lesions",
                name="move_lesions",
            ),
            node(
                nodes.probe_standard,
                inputs=["store", "cohort", "params:standardize"],
                outputs="device_probe",
                name="probe_standard",
            ),
            node(
                nodes.write_standardize_page,
                inputs=["store", "cohort", "device_probe"],
                outputs="standardize_page",
                name="write_standardize_page",
            ),
            node(
                nodes.close_standardize,
                inputs=["device_probe", "standardize_page"],
                outputs=None,
                name="close_standardize",
            ),
        ]
    )
