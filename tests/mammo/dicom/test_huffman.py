"""A table that is entered with the next bits says what a walk through the code would say."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.dicom.huffman import (
    PEEK,
    SPECIAL,
    find_still,
    pair_codes,
    spread_codes,
    take_difference,
)
from mammo_pipeline.mammo.fates import RefusedError

STEEP = spread_codes(bytes([*[1] * 15, 2]), bytes(range(17)))


def take(bits: str) -> tuple[int, int]:
    difference, taken = take_difference(STEEP, np.uint64(int(bits.ljust(64, "0"), 2)))
    return int(difference), int(taken)


def test_a_code_tells_the_size_of_the_difference_and_further_bits_its_value():
    assert take("0") == (0, 1)
    assert take("10" + "0") == (-1, 3) and take("10" + "1") == (1, 3)
    assert take("110" + "00") == (-3, 5) and take("110" + "11") == (3, 5)
    assert take("1" * 15 + "0" + "0" * 15) == (-32767, 31)
    assert take("1" * 16) == (32768, 16)


def test_a_word_that_no_code_begins_takes_nothing():
    codes = spread_codes(bytes([0, 2, *[0] * 14]), b"\0\1")
    assert codes[0x8000] == 0 and codes[0x7FFF] != 0
    assert int(take_difference(codes, np.uint64(1 << 63))[1]) == 0


@pytest.mark.parametrize(
    ("lengths", "categories"),
    [
        (bytes([3, *[0] * 15]), b"\0\1\2"),
        (bytes([2, 1, *[0] * 14]), b"\0\1\2"),
        (bytes([1, *[0] * 15]), b"\x11"),
        (bytes(16), b""),
    ],
)
def test_a_table_that_is_none_is_refused(lengths, categories):
    with pytest.raises(RefusedError):
        spread_codes(lengths, categories)


def test_an_entry_holds_what_two_single_steps_give():
    pairs = pair_codes(STEEP, find_still(STEEP))
    for word in range(0, 1 << PEEK, 7):
        bits, taken, steps = f"{word:0{PEEK}b}", 0, []
        for _ in range(2):
            difference, more = take(bits[taken:])
            if taken + more > PEEK or abs(difference) > 2047:
                break
            steps.append(difference)
            taken += more
        entry = int(pairs[word])
        assert entry & 15 == taken and (entry >> 4) & 3 == len(steps)
        assert [(entry << 12 & 0xFFFFFFFF ^ 1 << 31) - (1 << 31) >> 20, entry >> 20] == [
            *steps, *[0] * (2 - len(steps))
        ]  # fmt: skip
        assert bool(entry & SPECIAL) == (not steps or bits == "0" * PEEK)


def test_the_code_of_no_difference_is_known_by_its_bits():
    assert find_still(STEEP).tolist() == [1, 13, 56, 0]
    second = spread_codes(bytes([0, 3, *[0] * 14]), b"\1\2\0")
    assert find_still(second).tolist() == [2, 6, 28, int("10" * 32, 2)]
    rare = spread_codes(bytes([0, 0, 0, 0, 17, *[0] * 11]), bytes(range(17)))
    assert find_still(rare).tolist() == [0, 0, 0, 0]
