"""Room `compare`: a table of anybody's scores comes in; an ensemble and its figures go out."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.compare import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.freeze_table,
                inputs=["compare_table", "params:compare", "params:ensemble"],
                outputs="compare_ensemble",
                name="freeze_table",
            ),
            node(
                nodes.measure_table,
                inputs=[
                    *("compare_table", "compare_ensemble"),
                    *("params:compare", "params:ensemble", "params:evaluate"),
                ],
                outputs=["compare_evaluation", "compare_breasts"],
                name="measure_table",
            ),
            node(
                nodes.write_compare_page,
                inputs=["compare_evaluation", "compare_breasts", "compare_ensemble"],
                outputs="compare_page",
                name="write_compare_page",
            ),
            node(
                nodes.close_compare,
                inputs=["compare_evaluation", "compare_ensemble", "compare_page"],
                outputs=None,
                name="close_compare",
            ),
        ]
    )
