import pandas as pd
import pytest

from mammo_pipeline.mammo.flow import count_cohort_flow


@pytest.fixture
def tables():
    fates = ["accepted"] * 6 + ["quarantined"] * 2 + ["duplicate", "other"]
    reasons = [""] * 6 + ["no spacing", "no spacing", "seen before", "dose report"]
    files = pd.DataFrame({"fate": fates, "reason": reasons})
    sides = ["train", "train", "tune", "test", "test", "test"]
    cohort = pd.DataFrame({"image_id": list("abcdef"), "side": sides})
    index = pd.DataFrame(
        {
            "image_id": list("abcdef"),
            "position": [0, -1, 1, 2, 3, -1],
            "code": ["accepted", "no_breast", *["accepted"] * 3, "undecodable"],
        }
    )
    return files, cohort, index, pd.DataFrame({"image_id": ["d", "e"]})


def test_every_file_and_image_is_in_the_sums(tables):
    flow = count_cohort_flow(*tables)
    assert flow["found"] == 10
    assert flow["not_used_by_reason"] == {"no spacing": 2, "dose report": 1}
    assert (flow["standardized"], flow["refused"]) == (4, 2)
    assert flow["refused_by_reason"] == {
        "no breast is found in the image": 1,
        "the pixels cannot be decoded": 1,
    }
    assert (flow["test"], flow["scored"], flow["test_refused"]) == (3, 2, 1)


def test_a_lost_test_image_stops_the_run(tables):
    files, cohort, index, scored = tables
    with pytest.raises(ValueError, match="test 3, its parts 2"):
        count_cohort_flow(files, cohort, index, scored.head(1))


def test_an_unknown_fate_stops_the_run(tables):
    files, *rest = tables
    with pytest.raises(ValueError, match="found 10, its parts 9"):
        count_cohort_flow(files.replace({"fate": {"other": "mislaid"}}), *rest)


def test_an_image_absent_from_the_store_is_counted_as_such(tables):
    files, cohort, index, scored = tables
    flow = count_cohort_flow(files, cohort, index.iloc[1:], scored)
    assert flow["refused_by_reason"]["not in the store"] == 1
