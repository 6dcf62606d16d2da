"""The data of all engine and end-to-end measurements: the same numbers in Python and in JavaScript (`anchors/*/`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NUM_HOT = 25
NUM_EXTRA = 40
"""Where hot writes are wanted, each of the first 25 posts gets 40 more upvotes, so that they stay the top 25."""

Entries = list[tuple[Any, list[Any]]]


def random_numbers(seed: int) -> Iterator[float]:
    """Yield numbers in [0, 1) by xorshift32 (Marsaglia 2003), the same sequence in every language."""
    x = seed
    while True:
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        yield x / 4294967296


def post(number: int, num_users: int) -> dict[str, Any]:
    """Return post `number`."""
    return {
        "author_id": number % num_users,
        "title": f"Post title number {number}",
        "url": f"https://example.org/{number}",
        "body": "b" * 40,
        "date": 1700000000 + number,
    }


def hackernews(n: int, *, hot: bool = False) -> dict[str, Entries]:
    """Return n users, n posts, and n upvotes on random posts; with `hot`, the extra ones as well."""
    numbers = random_numbers(7)
    users: Entries = [(i, [{"name": f"user{i}", "email": f"u{i}@example.org"}]) for i in range(n)]
    posts: Entries = [(i, [post(i, n)]) for i in range(n)]
    upvotes: Entries = [(i, [{"post_id": int(next(numbers) * n), "user_id": int(next(numbers) * n)}]) for i in range(n)]
    if hot:
        extra = [number for number in range(NUM_HOT) for _ in range(NUM_EXTRA)]
        upvotes.extend([(n + i, [{"post_id": number, "user_id": 1}]) for i, number in enumerate(extra)])
    return {"users": users, "posts": posts, "upvotes": upvotes}


def sums(n: int, num_groups: int = 100) -> dict[str, Entries]:
    """Return n items in `num_groups` groups."""
    return {"items": [(i, [{"g": i % num_groups, "v": i % 1000}]) for i in range(n)]}
