"""The entropy-coded pixels of JPEG lossless (ITU-T T.81, annexes C, F and H), decoded fast.

Neighbours differ by little, so that a few bits of the codestream mostly hold two differences: a
table that is entered with the next `PEEK` bits yields both at once, and runs of no difference, the
air of a mammogram, go by the dozen. All compiled functions stand in this one file, for numba's
cache would not notice a change in another.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mammo_pipeline.mammo.fates import RefusedError

# An entry takes 4 bytes, the table 32 KB: the first-level cache of common processors. With 11 and
# 14 bits a noisy image took 57 and 21 % longer, with 12 about as long.
PEEK = 13
# Bits that are at hand after a refill: those of four entries, or of one code and its difference.
FILLED = 56
# Bit of an entry that is no plain pair, and the largest difference that an entry has room for.
SPECIAL, _LARGEST = 64, 2047

# numba makes a float of a signed and an unsigned 64-bit number: every number is one of these.
_U = np.uint64
_0, _1, _2, _3, _8, _16, _56, _63, _64 = (_U(n) for n in (0, 1, 2, 3, 8, 16, FILLED, 63, 64))
_TO_WORD, _TO_PEEK, _BYTE = _U(64 - 16), _U(64 - PEEK), _U(0xFF)
_LOWEST_BITS, _HIGHEST_BITS = _U(0x0101010101010101), _U(0x8080808080808080)
# Where reading goes on when a marker stands among the pixels: far behind the end, on zeros.
_NOWHERE = _U(2**40)


def spread_codes(lengths: bytes, categories: bytes) -> np.ndarray:
    """Returns what any next 16 bits begin with: uint16, 65536 of 256 x category + code length.

    Codes of one length are counted up, and the next length goes on from there (annex C), so that
    each code owns the next stretch of all 16-bit words; 0 where no code leads.

    Args:
        lengths: Number of codes of 1 to 16 bits.
        categories: Of the difference (table H.2), in the order of their codes.

    Raises:
        RefusedError: `undecodable` for more codes than there is room, or a category above 16.

    >>> spread_codes(bytes([1, 1] + 14 * [0]), bytes([0, 3]))[[0, 0x7FFF, 0x8000, 0xC000]].tolist()
    [1, 1, 770, 0]
    """
    length = np.repeat(np.arange(1, 17), np.frombuffer(lengths, np.uint8))
    stretches = 1 << (16 - length)
    if stretches.sum() > 2**16 or max(categories, default=17) > 16:
        raise RefusedError("undecodable", "a Huffman table of codes that are none")
    entries = 256 * np.frombuffer(categories, np.uint8).astype(np.uint16) + length
    codes = np.zeros(2**16, np.uint16)
    codes[: stretches.sum()] = np.repeat(entries, stretches)
    return codes


def find_still(codes: np.ndarray) -> np.ndarray:
    """Returns the code of no difference, uint64: its length, a few, many, and it over 64 bits.

    A few are as many as `PEEK` bits hold, many as a refill holds. All 0 where there are fewer than
    three to a few: such an image has no runs worth the question.
    """
    places = np.flatnonzero((codes > 0) & (codes < 256))
    length = int(codes[places[0]]) if places.size else 64
    if PEEK // length < 3:
        return np.zeros(4, np.uint64)
    code = f"{places[0] >> (16 - length):0{length}b}"
    return np.array([length, PEEK // length, FILLED // length, int((64 * code)[:64], 2)], _U)


@njit(cache=True, nogil=True)
def pair_codes(codes, still):  # type: ignore[no-untyped-def]
    """Returns what any next `PEEK` bits begin with, int32: up to two differences and their bits.

    An entry from its lowest bit: 4 for how many bits are taken, 2 for how many differences, 1 for
    a special entry, 1 of no use, 12 for the first difference, 12 for the second (0 for none).
    Special are an entry that holds no difference, and one that begins a run of none.
    """
    pairs = np.zeros(1 << PEEK, np.int32)
    for word in range(1 << PEEK):
        bits = _U(word) << _TO_PEEK
        entry, taken, place = 0, _0, 8
        for _ in range(2):
            difference, more = take_difference(codes, bits << taken)
            if more == _0 or taken + more > _U(PEEK) or abs(difference) > _LARGEST:
                break
            taken += more
            entry += ((difference & 0xFFF) << place) + 16
            place += 12
        run = still[0] > _0 and (bits ^ still[3]) >> (_64 - still[0] * still[1]) == _0
        pairs[word] = entry + np.int64(taken) + (SPECIAL if run or taken == _0 else 0)
    return pairs


@njit(cache=True, nogil=True)
def take_difference(codes, bits):  # type: ignore[no-untyped-def]
    """Returns the difference that 64 bits begin with, and its bits; 0 bits where no code leads.

    A code for the category and, but for category 16, as many bits (annexes F.1.2.1 and H.1.2.2).
    """
    entry = _U(codes[bits >> _TO_WORD])
    length, category = entry & _BYTE, entry >> _8
    if category == _16:
        return np.int64(32768), length
    extra = ((bits << length) >> _1) >> (_63 - category)
    difference = np.int64(extra)
    if extra < (_1 << category) >> _1:
        difference += 1 - np.int64(_1 << category)
    return difference, length + category


@njit(cache=True, nogil=True)
def decode_differences(data, start, codes, pairs, still, stored, first):  # type: ignore[no-untyped-def]
    """Fills `stored`; returns the bits left over, negative for too few, and all values OR-ed.

    `bits` begins with the next bits of the codestream, `have` says how many, `at` where the next
    byte stands. The first sample is foretold by `first`, the first of any other row by the one
    above it, the rest by their left neighbours (annex H.1.1).
    """
    at, bits, have, seen, value = _U(start), _0, _0, 0, np.int64(first)
    for number in range(stored.shape[0]):
        row = stored[number]
        at, bits, have, seen = _decode_row(
            data, at, bits, have, codes, pairs, still, row, value, seen
        )
        if at > _U(data.size) + _8:
            return -1, seen
        value = np.int64(row[0])
    return np.int64(have) + 8 * (data.size - np.int64(at)), seen


@njit(cache=True, nogil=True)
def _decode_row(  # type: ignore[no-untyped-def]
    data, at, bits, have, codes, pairs, still, row, value, seen
):
    """Fills one row. In its body up to 64 pixels are written, and then those behind the last."""
    column, columns = _0, _U(row.size)
    while column < columns:
        at, bits, have = _refill(data, at, bits, have)
        entry = np.int64(pairs[bits >> _TO_PEEK])
        if entry == SPECIAL or column + _8 > columns:
            difference, taken = take_difference(codes, bits)
            if taken == _0:
                return _NOWHERE, bits, have, seen
            value += difference
            row[column] = value
            seen |= value
            bits, have, column = bits << taken, have - taken, column + _1
        elif entry & SPECIAL and column + _64 <= columns:
            count = still[2] if (bits ^ still[3]) >> (_64 - still[0] * still[2]) == _0 else still[1]
            for place in range(64):
                row[column + _U(place)] = value
            taken = still[0] * count
            bits, have, column = bits << taken, have - taken, column + count
        else:
            for _ in range(4):
                # An entry that holds nothing takes nothing and leaves the value as it is.
                entry = np.int64(pairs[bits >> _TO_PEEK])
                taken = _U(entry & 15)
                middle = value + ((entry << 44) >> 52)
                value = middle + (entry >> 20)
                row[column], row[column + _1] = middle, value
                seen |= middle | value
                bits, have = bits << taken, have - taken
                column += _U((entry >> 4) & 3)
    return at, bits, have, seen


@njit(cache=True, nogil=True)
def _refill(data, at, bits, have):  # type: ignore[no-untyped-def]
    """Returns `at`, `bits` and `have` with 56 bits at least, eight bytes at a time.

    Bits behind `have` may be set: they are those that come next.
    """
    if at + _8 <= _U(data.size):
        word = _0
        for place in range(8):
            word = (word << _8) | _U(data[at + _U(place)])
        if (~word - _LOWEST_BITS) & word & _HIGHEST_BITS == _0:  # no byte is 0xFF
            return at + ((_63 - have) >> _3), bits | (word >> have), have | _56
    return _refill_bytewise(data, at, bits, have)


@njit(cache=True, nogil=True)
def _refill_bytewise(data, at, bits, have):  # type: ignore[no-untyped-def]
    """Likewise; a zero stuffed behind 0xFF is left out (annex B.1.1.5), behind the end come zeros.

    A marker among the pixels ends them.
    """
    size = _U(data.size)
    while have < _56:
        byte, step = _0, _1
        if at < size:
            byte = _U(data[at])
        if byte == _BYTE:
            stuffed = at + _1 < size and data[at + _1] == 0
            at, byte, step = (at, byte, _2) if stuffed else (_NOWHERE, _0, _1)
        bits |= byte << (_56 - have)
        at, have = at + step, have + _8
    return at, bits, have
