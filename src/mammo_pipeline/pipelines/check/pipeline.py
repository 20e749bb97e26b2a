"""Room `check`: no pixel is read before the tables keep their contract."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.check import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.check_contract,
                inputs=["images", "params:check"],
                outputs="contract",
                name="check_contract",
            ),
            node(
                nodes.write_contract_page,
                inputs=["contract", "files", "label_counts"],
                outputs="contract_page",
                name="write_contract_page",
            ),
            node(
                nodes.split_images,
                inputs=["images", "contract", "contract_page", "params:check"],
                outputs="cohort",
                name="split_images",
            ),
        ]
    )
