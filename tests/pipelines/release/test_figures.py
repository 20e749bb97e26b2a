"""The gate can name every figure, and only measured ones."""

from mammo_pipeline.pipelines.release.figures import collect_figures, lowest_auroc


def test_a_null_stays_null_and_texts_are_left_out():
    record = {"auroc": {"value": None, "reason": "one class"}, "n": 3, "curve": [1, 2]}
    assert collect_figures(evaluation=record) == {
        "evaluation.auroc.value": None,
        "evaluation.n": 3.0,
    }


def test_small_and_undefined_subgroups_do_not_decide():
    groups = [
        {"small": False, "auroc": {"value": 0.9}},
        {"small": False, "auroc": {"value": None}},
        {"small": True, "auroc": {"value": 0.2}},
    ]
    assert lowest_auroc(groups) == 0.9
    assert lowest_auroc(groups[1:]) is None
    assert collect_figures(evaluation={"subgroups": groups}) == {
        "evaluation.subgroups.lowest_auroc": 0.9
    }
