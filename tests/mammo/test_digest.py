import hashlib

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.digest import digest_arrays, digest_table


def test_digest_follows_its_written_recipe():
    array = np.array([[1.5, 2.0]], "<f4")
    by_hand = hashlib.sha256(b"w|<f4|(1, 2)|" + array.tobytes()).hexdigest()
    assert digest_arrays({"w": array}) == by_hand


def test_order_of_keys_and_memory_layout_do_not_matter():
    square = np.arange(6.0).reshape(2, 3)
    first = digest_arrays({"a": square, "b": np.ones(2)})
    second = digest_arrays({"b": np.ones(2), "a": np.asfortranarray(square)})
    assert first == second
    assert digest_arrays({"a": square.astype(">f8"), "b": np.ones(2)}) == first


@pytest.mark.parametrize(
    "changed",
    [
        {"a": np.array([0.0, 1e-300])},
        {"a": np.zeros(2, np.float32)},
        {"a": np.zeros((1, 2))},
        {"b": np.zeros(2)},
    ],
    ids=["one bit of content", "type", "shape", "name"],
)
def test_any_change_changes_the_digest(changed):
    assert digest_arrays(changed) != digest_arrays({"a": np.zeros(2)})


def test_python_objects_are_refused():
    with pytest.raises(ValueError, match="Python objects"):
        digest_arrays({"a": np.array([{}], dtype=object)})


def test_table_digest_ignores_row_order_and_sees_a_moved_patient():
    table = pd.DataFrame({"image_id": ["a", "b"], "side": ["test", "train"]})
    moved = table.assign(side=["train", "train"])
    columns = ["image_id", "side"]
    assert digest_table(table.iloc[::-1], columns) == digest_table(table, columns)
    assert digest_table(moved, columns) != digest_table(table, columns)


def test_table_digest_tells_a_missing_value_from_every_other():
    labels = [pd.array(values, "Int8") for values in ([1, None], [1, 0], [None, 1])]
    tables = [pd.DataFrame({"image_id": ["a", "b"], "cancer": values}) for values in labels]
    digests = {digest_table(table, ["image_id", "cancer"]) for table in tables}
    assert len(digests) == 3
