"""A record of a pack: what it says of itself before its payload."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import xxhash

_HEAD = struct.Struct("<4s32sIIQ")  # Magic, key, bytes of facts and of payload, XXH3-64 of payload.
_SEAL = struct.Struct("<Q")  # XXH3-64 of the head and the facts.
_MAGIC = b"MPR1"
# One read takes most leads; none is longer than the second number.
USUAL_LEAD, LONGEST_LEAD = 1 << 12, 1 << 24


@dataclass(frozen=True, slots=True)
class Lead:
    """What a record says before its payload.

    Attributes:
        key: 32 bytes.
        facts: JSON.
        payload_bytes: Length of the payload that follows; 0 for a refused image.
        payload_xxh3: Its XXH3-64.
        length: Bytes of the lead itself.
    """

    key: bytes
    facts: bytes
    payload_bytes: int
    payload_xxh3: int
    length: int


def make_lead(key: bytes, facts: bytes, payload: bytes) -> bytes:
    """Returns a record up to its payload.

    Raises:
        ValueError: The key is not 32 bytes long, or there are 16 MB of facts.
    """
    if len(key) != 32 or len(facts) > LONGEST_LEAD - _HEAD.size - _SEAL.size:
        raise ValueError(f"a key of {len(key)} bytes with {len(facts)} bytes of facts")
    return pack_lead(key, facts, len(payload), xxhash.xxh3_64_intdigest(payload))


def pack_lead(key: bytes, facts: bytes, payload_bytes: int, payload_xxh3: int) -> bytes:
    """Returns the lead of a payload of that length and checksum."""
    content = _HEAD.pack(_MAGIC, key, len(facts), payload_bytes, payload_xxh3) + facts
    return content + _SEAL.pack(xxhash.xxh3_64_intdigest(content))


def parse_lead(content: bytes, start: int) -> Lead | None:
    """Returns the lead that begins there, or None where no whole one does."""
    if len(content) - start < _HEAD.size:
        return None
    magic, key, facts_bytes, payload_bytes, payload_xxh3 = _HEAD.unpack_from(content, start)
    end = start + _HEAD.size + facts_bytes
    if magic != _MAGIC or len(content) < end + _SEAL.size:
        return None
    if _SEAL.unpack_from(content, end)[0] != xxhash.xxh3_64_intdigest(content[start:end]):
        return None
    facts = content[start + _HEAD.size : end]
    return Lead(key, facts, payload_bytes, payload_xxh3, end + _SEAL.size - start)
