import pytest

from mammo_pipeline.reporting.matrix_chart import matrix_chart


def test_each_pair_is_written_once_and_the_diagonal_not_at_all():
    svg = matrix_chart(["a", "b", "c"], [[1, 0.31, 0.32], [0.31, 1, 0.33], [0.32, 0.33, 1]], "m")
    assert [svg.count(number) for number in (">0.31<", ">0.32<", ">0.33<", ">1.00<")] == [
        1,
        1,
        1,
        0,
    ]


def test_an_undefined_pair_is_a_dash_and_a_negative_one_is_hatched():
    svg = matrix_chart(["a", "b", "c"], [[1, None, -0.5], [None, 1, 0.5], [-0.5, 0.5, 1]], "m")
    assert ">–<" in svg
    assert svg.count("<pattern") == 1


def test_many_members_are_shaded_without_numbers():
    names = [f"m{k}" for k in range(13)]
    assert ">0.50<" not in matrix_chart(names, [[0.5] * 13] * 13, "m")


@pytest.mark.parametrize("matrix", [[], [[1.0]], [[1.0, 0.2], [0.2]]])
def test_what_is_not_square_is_refused(matrix):
    with pytest.raises(ValueError, match="expected a square"):
        matrix_chart(["a", "b"], matrix, "m")
