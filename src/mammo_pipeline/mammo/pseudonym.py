"""Names that say who belongs together and not who they are."""

from __future__ import annotations

import hashlib
import hmac

DIGITS = 16


def pseudonym(key: bytes, kind: str, *parts: str) -> str:
    """Returns 16 hexadecimal digits that only the holder of the key can make again.

    HMAC-SHA-256 (RFC 2104) over the kind and the parts, each led by its length so that no two
    lists of parts read alike.

    Args:
        key: The secret of this installation.
        kind: What is named: `patient`, `exam`, `image`, `file`, `study`, `unit`, `site`.
        parts: The identifiers.

    >>> pseudonym(b"k", "patient", "ab", "c") == pseudonym(b"k", "patient", "a", "bc")
    False
    """
    text = "".join(f"{len(part)}:{part}" for part in (kind, *parts))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:DIGITS]
