"""The table of rules."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mammo_pipeline.mammo.patches.rules import choose_sampling
from toy_study import make_sampling


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"beside": {"kind": "backgruond"}}, "'lesion', 'background', 'blob'"),
        ({"beside": {"images": "ill"}}, "'with_lesion', 'healthy' or 'both'"),
        ({"lesion": {"overlap_with": "box"}}, "'roi', 'patch' or 'either'"),
        ({"lesion": {"per_lession": 3}}, "did you mean 'per_lesion'"),
        ({"beside": {"per_image": 3}}, "per_image 3 and as_many_as lesion given"),
        ({"beside": {"as_many_as": None}}, "no count given; expected exactly one of per_lesion"),
        ({"beside": {"as_many_as": "lesions"}}, "as many as 'lesions', expected an earlier rule"),
        ({"beside": {"as_many_as": "healthy"}}, "'healthy', expected an earlier rule: lesion"),
        ({"healthy": {"per_image": None, "per_lesion": 2}}, "per_lesion 2 of healthy images"),
        ({"Lesion 2": {"kind": "lesion"}}, "should match pattern"),
        ({"lesion": {"cutoff": 1}}, "less than 1"),
    ],
)
def test_a_wrong_rule_is_an_error_that_says_what_is_expected(rules, message):
    with pytest.raises(ValidationError, match=message):
        make_sampling(**rules)


def test_an_unknown_sampling_offers_the_nearest():
    tables = {"s10": make_sampling().rules, "s30": make_sampling().rules}
    assert choose_sampling("s30", tables, 5, 14) == make_sampling(seed=5)
    with pytest.raises(ValueError, match=r"no sampling 's3'; did you mean 's30'\? Known: s10, s30"):
        choose_sampling("s3", tables, 5, 14)
