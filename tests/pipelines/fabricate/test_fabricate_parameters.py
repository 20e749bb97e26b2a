from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from mammo_pipeline.pipelines.fabricate.parameters import FabricateParameters

DEMO = Path(__file__).parents[3] / "conf/demo/parameters/fabricate.yml"


def read_demo(**changes):
    text = DEMO.read_text().replace("${globals:seed}", "1")
    return {**yaml.safe_load(text)["fabricate"], **changes}


def test_the_demo_file_is_valid_and_every_parameter_is_described():
    parameters = FabricateParameters(**read_demo())
    assert parameters.women > 0
    for model in (FabricateParameters, type(parameters.current)):
        assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"devices": {"hologic": 1.0}}, "no device profile"),
        ({"devices": {"hologic_dimensions": 0.0}}, "add up to 0"),
        ({"devices": {"hologic_dimensions": -1.0}}, "expected 0 or more"),
        ({"womn": 3}, "did you mean 'women'"),
        ({"cancer_share": 1.2}, "less than or equal to 1"),
    ],
)
def test_a_wrong_value_is_refused_before_any_work(change, message):
    with pytest.raises(ValidationError, match=message):
        FabricateParameters(**read_demo(**change))
