import inspect

from mammo_pipeline.pipelines.evaluate.pipeline import create_pipeline

TAKES = {
    "ensemble",
    "sweep_members",
    "store",
    "cohort",
    "test_truth",
    "test_lesions",
    "files",
    "contract",
    "device_audit",
    "ensemble_metrics",
    "train_metrics",
    "params:evaluate",
    "params:standardize",
}
GIVES = {"test_scores", "canvas_test_lesions", "evaluation", "evaluation_metrics", "audit_page"}


def test_the_room_takes_and_gives_what_the_catalog_names():
    pipeline = create_pipeline()
    assert pipeline.inputs() == TAKES
    assert pipeline.all_outputs() == GIVES


def test_each_input_meets_the_argument_of_its_name():
    own = [n for n in create_pipeline().nodes if n.func.__module__.endswith("evaluate.nodes")]
    assert len(own) == 4
    for node in own:
        arguments = list(inspect.signature(node.func).parameters)
        given = ["parameters" if i.startswith("params:") else i for i in node.inputs]
        assert given == arguments, node.name
