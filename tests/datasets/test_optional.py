"""A file that may be there is read when it is, and never written."""

from __future__ import annotations

import pandas as pd
import pytest
from kedro.io import DatasetError

from mammo_pipeline.datasets import AtomicFile, OptionalFile


def test_what_another_entry_wrote_is_read_and_what_nobody_wrote_is_none(tmp_path):
    place = {"filepath": str(tmp_path / "split.parquet"), "dataset": "pandas.ParquetDataset"}
    assert OptionalFile(**place).load() is None
    table = pd.DataFrame({"patient_id": ["a"], "side": ["test"]})
    AtomicFile(**place).save(table)
    pd.testing.assert_frame_equal(OptionalFile(**place).load(), table)


def test_a_broken_file_is_no_absent_file(tmp_path):
    (tmp_path / "split.parquet").write_bytes(b"half of a ta")
    place = {"filepath": str(tmp_path / "split.parquet"), "dataset": "pandas.ParquetDataset"}
    with pytest.raises(DatasetError):
        OptionalFile(**place).load()


def test_it_is_never_written(tmp_path):
    place = {"filepath": str(tmp_path / "x.csv"), "dataset": "pandas.CSVDataset"}
    with pytest.raises(DatasetError, match="only read"):
        OptionalFile(**place).save(pd.DataFrame())
