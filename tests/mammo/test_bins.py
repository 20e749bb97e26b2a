import numpy as np
import pytest

from mammo_pipeline.mammo.bins import assign_bins, equal_count_edges


def test_bins_hold_about_the_same_count():
    values = np.random.default_rng(0).normal(size=1000)
    counts = np.bincount(assign_bins(values, equal_count_edges(values, 10)))
    assert counts.tolist() == [100] * 10


def test_equal_values_are_never_parted():
    values = [1.0] * 90 + [2.0] * 10
    codes = assign_bins(values, equal_count_edges(values, 10))
    assert len(set(codes[:90])) == 1
    assert codes[0] != codes[-1]


def test_no_bin_is_empty():
    values = np.repeat([0.0, 1.0, 5.0], [50, 3, 47])
    counts = np.bincount(assign_bins(values, equal_count_edges(values, 8)))
    assert (counts > 0).all()


def test_fewer_than_one_bin_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        equal_count_edges([1.0], 0)
