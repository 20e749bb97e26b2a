"""What may be turned in the room `patches`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from pydantic import ValidationError

from mammo_pipeline.pipelines.patches.parameters import PatchesParameters
from mammo_pipeline.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[3] / "conf"


def read(env: str, **changes: Any) -> PatchesParameters:
    loader = OmegaConfigLoader(
        str(CONF), env=env, **{**CONFIG_LOADER_ARGS, "default_run_env": "demo"}
    )
    return PatchesParameters.model_validate({**loader["parameters"]["patches"], **changes})


def test_s10_and_s30_are_ready_and_differ_in_their_counts_alone():
    base = read("base")
    s10, s30 = base.samplings["s10"], base.samplings["s30"]
    assert base.chosen.rules == s10 and list(s10) == list(s30)
    assert (s10["lesion"].per_lesion, s30["lesion"].per_lesion) == (10, 30)
    assert s10["lesion"].cutoff == 0.75 and s10["lesion"].tries_per_step == 1000
    assert s10["beside"].as_many_as == "lesion" and s10["beside"].overlap_most == 0.35
    assert s10["blobs"].per_image == 15
    counts = {"per_lesion": 1, "per_image": None}
    for name in s10:
        alike = [table[name].model_copy(update=counts) for table in (s10, s30)]
        assert alike[0] == alike[1], name


def test_the_demo_changes_sizes_alone():
    base, demo = read("base"), read("demo")
    counts = {"per_lesion": 1, "per_image": None}
    for name in base.samplings:
        for rule, wide in base.samplings[name].items():
            small = demo.samplings[name][rule]
            assert small.model_copy(update=counts) == wide.model_copy(update=counts)
    assert (demo.size_px, demo.chosen.rules["healthy"].per_image) == (56, 2)


def test_an_unknown_sampling_is_refused_with_those_there_are():
    with pytest.raises(
        ValidationError, match=r"no sampling 's20'; did you mean .* Known: s10, s30"
    ):
        read("base", sampling="s20")


def test_a_wrong_table_is_refused_even_if_it_is_not_used():
    base = read("base").model_dump()["samplings"]
    broken = {**base["s30"], "beside": {**base["s30"]["beside"], "as_many_as": "lesions"}}
    with pytest.raises(ValidationError, match="rule beside wants as many as 'lesions'"):
        read("base", samplings={**base, "s30": broken})
