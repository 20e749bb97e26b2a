"""Room `readers`: a table of a reader study comes in; its record and its page go out."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.readers import nodes


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return Pipeline(
        [
            node(
                nodes.analyze_readers,
                inputs=["reader_table", "params:readers"],
                outputs="reader_study",
                name="analyze_readers",
            ),
            node(
                nodes.write_reader_page,
                inputs=["reader_table", "reader_study"],
                outputs="reader_page",
                name="write_reader_page",
            ),
            node(
                nodes.close_readers,
                inputs=["reader_study", "reader_page"],
                outputs=None,
                name="close_readers",
            ),
        ]
    )
