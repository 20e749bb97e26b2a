"""Room `standardize`: from DICOM files to the image store, with its audit beside it."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.ingest.nodes import index_files
from mammo_pipeline.pipelines.standardize import audit, nodes, page


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
                    *(f"{prefix}_images", f"{prefix}_dicom", "pseudonym_key"),
                    *("known_device_maps", "params:standardize"),
                ],
                outputs=f"{prefix}_store",
                name=f"standardize_{prefix}_images",
            ),
        ]
    )


def measure_folder(prefix: str) -> Pipeline:
    """Returns what measures the images of a folder, before and after, as the audit does.

    Args:
        prefix: Leads the names of the data sets: those of `read_folder` in, and
            `<prefix>_features` out.
    """
    return Pipeline(
        [
            node(
                audit.measure_images,
                inputs=[
                    *(f"{prefix}_images", f"{prefix}_dicom", "pseudonym_key", f"{prefix}_store"),
                    "params:standardize",
                ],
                outputs=f"{prefix}_features",
                name=f"measure_{prefix}_images",
            )
        ]
    )


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return _standardize_study() + _audit_study()


def _standardize_study() -> Pipeline:
    return Pipeline(
        [
            node(
                nodes.fit_device_maps,
                inputs=["cohort", "raw_dicom", "pseudonym_key", "params:standardize"],
                outputs="device_maps",
                name="fit_device_maps",
            ),
            node(
                nodes.standardize_images,
                inputs=[
                    *("cohort", "raw_dicom", "pseudonym_key", "device_maps"),
                    "params:standardize",
                ],
                outputs="store",
                name="standardize_images",
            ),
            node(
                nodes.move_lesions,
                inputs=["known_lesions", "store", "params:standardize"],
                outputs="canvas_lesions",
                name="move_lesions",
            ),
        ]
    )


def _audit_study() -> Pipeline:
    return Pipeline(
        [
            node(
                audit.measure_images,
                inputs=["cohort", "raw_dicom", "pseudonym_key", "store", "params:standardize"],
                outputs="image_features",
                name="measure_images",
            ),
            node(
                audit.draw_twins,
                inputs="params:standardize",
                outputs="twins",
                name="draw_twins",
            ),
            node(
                audit.audit_devices,
                inputs=["cohort", "store", "image_features", "twins", "params:standardize"],
                outputs="device_audit",
                name="audit_devices",
            ),
            node(
                page.write_standardize_page,
                inputs=["store", "cohort", "image_features", "device_audit"],
                outputs="standardize_page",
                name="write_standardize_page",
            ),
            node(
                nodes.close_standardize,
                inputs=["device_audit", "standardize_page"],
                outputs=None,
                name="close_standardize",
            ),
        ]
    )
