import inspect

from mammo_pipeline.pipelines.evaluate.pipeline import create_pipeline, look_at_test

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
    "split_record",
    "known_device_maps",
    "ensemble_metrics",
    "train_metrics",
    "evaluation_history",
    "sign_offs",
    "params:evaluate",
    "params:standardize",
    "params:release",
}
GIVES = {
    "test_scores",
    "test_marks",
    "test_embeddings",
    "test_masked_scores",
    "earlier_scores",
    "earlier_model",
    "canvas_test_lesions",
    "evaluation",
    "evaluation_metrics",
    "test_breasts",
    "release_gates",
    "cases",
    "case_pictures",
    "audit_page",
}
LABELS = {"test_truth", "test_lesions", "canvas_test_lesions"}


def test_the_room_takes_and_gives_what_the_catalog_names():
    pipeline = create_pipeline()
    assert pipeline.inputs() == TAKES
    assert pipeline.all_outputs() == GIVES


def test_nothing_that_scores_an_image_can_read_a_label():
    scoring = look_at_test()
    assert not scoring.inputs() & LABELS
    assert {"test_scores", "test_masked_scores", "earlier_scores"} <= scoring.all_outputs()


def test_each_input_meets_the_argument_of_its_name():
    own = [n for n in create_pipeline().nodes if ".evaluate." in n.func.__module__]
    assert len(own) == 7
    known = {"params:evaluate": "parameters", "params:standardize": "standardize"}
    known["known_device_maps"] = "device_maps"
    for node in own:
        arguments = list(inspect.signature(node.func).parameters)
        given = [known.get(name, name) for name in node.inputs]
        assert given == arguments, node.name


def test_the_verdict_is_there_before_the_page_is_written():
    written = [set(node.outputs) for node in create_pipeline().nodes]
    order = [
        next(i for i, o in enumerate(written) if name in o)
        for name in ("release_gates", "audit_page")
    ]
    assert order == sorted(order)
