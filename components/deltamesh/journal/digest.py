"""
Digests by which a journal knows that what it reads is what was written.

Each row of the log has one that continues that of the row before, so no row can be changed, missing or moved. Each live entry has
one of its own, and their sum does not depend on the order in which entries came. They guard against damage, not against people.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

SIZE: Final = 16
"""Bytes of a digest."""

NOTHING: Final = bytes(SIZE)
"""The digest of an empty log, and the sum of no entries."""

_MODULUS: Final = 1 << (8 * SIZE)


def of_row(before: bytes, revision: int, key: bytes | None, result: str, writes: str) -> bytes:
    """Return the digest of a row of the log that follows one with the digest `before`."""
    head = b"%d,%d,%d;" % (revision, -1 if key is None else len(key), len(result))
    return blake2b(b"".join((before, head, key or b"", result.encode(), writes.encode())), digest_size=SIZE).digest()


def of_entry(name: str, key: str, values: str, revision: int) -> bytes:
    """Return the digest of a live entry of the input called `name`."""
    head = b"%d,%d,%d;" % (revision, len(name), len(key))
    return blake2b(b"".join((head, name.encode(), key.encode(), values.encode())), digest_size=SIZE).digest()


def of_answer(revision: int, key: bytes, result: str) -> bytes:
    """Return the digest of what was answered under an idempotency key."""
    return blake2b(b"".join((b"%d,%d;" % (revision, len(key)), key, result.encode())), digest_size=SIZE).digest()


def number(digest: bytes) -> int:
    """Return a digest as a number, to be added to others."""
    return int.from_bytes(digest)


def of_sum(total: int) -> bytes:
    """Return a sum of digests as bytes."""
    return (total % _MODULUS).to_bytes(SIZE)
