"""The stored file stands alone, and no file can be changed, missing or added without notice."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import numpy as np
import pytest

from mammo_pipeline import serving
from mammo_pipeline.serving.ensemble_model import Ensemble, refuse_changed_files


@pytest.fixture
def files(tmp_path):
    """Two artifacts and their digests."""
    for name in ("member_00", "ensemble"):
        (tmp_path / name).write_bytes(name.encode())
    artifacts = {name: str(tmp_path / name) for name in ("member_00", "ensemble")}
    return artifacts, {n: hashlib.sha256(n.encode()).hexdigest() for n in artifacts}


def test_files_as_released_are_accepted(files):
    refuse_changed_files(*files)


def test_one_changed_byte_is_refused(files):
    artifacts, digests = files
    Path(artifacts["member_00"]).write_bytes(b"member_01")
    with pytest.raises(ValueError, match=r"member_00 has SHA-256 .* released with"):
        refuse_changed_files(artifacts, digests)


def test_a_missing_and_an_added_file_are_refused(files):
    artifacts, digests = files
    with pytest.raises(ValueError, match="released with"):
        refuse_changed_files({"ensemble": artifacts["ensemble"]}, digests)
    with pytest.raises(ValueError, match="released with"):
        refuse_changed_files({**artifacts, "more": artifacts["ensemble"]}, digests)


def test_the_file_imports_nothing_of_this_package():
    # MLflow stores the file alone: where it is served, this package is not installed.
    path = Path(serving.__file__).with_name("ensemble_model.py")
    imported = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    allowed = {"__future__", "hashlib", "keras", "mlflow", "numpy", "pathlib", "typing"}
    assert {name.split(".")[0] for name in imported} <= allowed


def test_an_extreme_logit_gives_a_probability_without_overflow():
    class Context:
        model_config = {"slope": 1.0, "intercept": 0.0}  # noqa: RUF012

    ensemble = Ensemble()
    ensemble.mean_logits = lambda pixels: np.array([-800.0, 0.0, 800.0])
    with np.errstate(all="raise", under="ignore"):
        answer = ensemble.predict(Context(), np.zeros((3, 1, 1, 1), np.uint16))
    np.testing.assert_allclose(answer, [0, 0.5, 1])
