import inspect

from mammo_pipeline.pipelines.ensemble.pipeline import create_pipeline

TAKES = {
    "tune_scores",
    "sweep_trials",
    "sweep_members",
    "sweep_metrics",
    "cohort",
    "store",
    "params:ensemble",
}
GIVES = {"tune_flip_scores", "ensemble", "ensemble_metrics"}


def test_the_room_takes_and_gives_what_the_catalog_names():
    pipeline = create_pipeline()
    assert pipeline.inputs() == TAKES
    assert pipeline.all_outputs() == GIVES


def test_each_input_meets_the_argument_of_its_name():
    for node in create_pipeline().nodes:
        arguments = list(inspect.signature(node.func).parameters)
        given = ["parameters" if i.startswith("params:") else i for i in node.inputs]
        assert given == arguments, node.name
