import inspect

from mammo_pipeline.pipelines.drift.pipeline import create_pipeline

TAKES = {
    "ensemble",
    "sweep_members",
    "current_store",
    "cohort",
    "store",
    "image_features",
    "current_images",
    "current_features",
    "tune_scores",
    "tune_flip_scores",
    "params:drift",
}
GIVES = {"current_features", "current_scores", "drift", "drift_page"}


def test_the_room_takes_and_gives_what_the_catalog_names():
    pipeline = create_pipeline()
    assert pipeline.inputs() | pipeline.all_outputs() >= TAKES
    assert pipeline.all_outputs() >= GIVES


def test_each_input_meets_the_argument_of_its_name():
    own = [n for n in create_pipeline().nodes if n.func.__module__.endswith("drift.nodes")]
    assert len(own) == 4
    for node in own:
        arguments = list(inspect.signature(node.func).parameters)
        given = ["parameters" if i.startswith("params:") else i for i in node.inputs]
        assert given == arguments, node.name
