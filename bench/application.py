"""The applications that are measured: `hn`, posts joined with authors and ranked by upvotes, and `sum`, a sum per group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deltamesh import Caller, Collection, Count, Input, Service, Shared, Sum, Transaction

app = Service("com.example.bench")
users, posts, upvotes = app.input("users"), app.input("posts"), app.input("upvotes")
items = Input("items")


def by_post(_key: Any, votes: Any) -> Iterator[tuple[Any, Any]]:
    for vote in votes:
        yield vote["post_id"], vote["user_id"]


def by_group(_key: Any, listed: Any) -> Iterator[tuple[Any, Any]]:
    for item in listed:
        yield item["g"], item["v"]


def ranked(key: Any, values: Any, authors: Any, votes: Any) -> Iterator[tuple[Any, Any]]:
    """Count by reading all votes of the post."""
    found = values.one()
    count = len(votes.all(key))
    yield (-count, key), {**found, "upvotes": count, "author": authors.one(found["author_id"], default=None)}


def ranked_by_count(key: Any, values: Any, authors: Any, counts: Any) -> Iterator[tuple[Any, Any]]:
    """Take the count from a reducer."""
    found = values.one()
    count = counts.one(key, default=0)
    yield (-count, key), {**found, "upvotes": count, "author": authors.one(found["author_id"], default=None)}


def for_reader(key: Any, values: Any, reader: int) -> Iterator[tuple[Any, Any]]:
    found = values.one()
    yield key, {"title": found["title"], "upvotes": found["upvotes"], "mine": found["author_id"] == reader}


def hackernews() -> Collection:
    """The graph that the engine is measured with."""
    return posts.map(ranked, users, upvotes.map(by_post))


def sum_per_group() -> Collection:
    """The other one."""
    return items.map_reduce(by_group, reducer=Sum)


@app.shared
def graph() -> dict[str, Collection]:
    counts = upvotes.map_reduce(by_post, reducer=Count)
    return {"ranked": posts.map(ranked_by_count, users, counts), "counted": counts}


@app.resource
def top(shared: Shared, limit: int = 25) -> Collection:
    return shared.ranked.take(limit)


@app.resource
def top_for(shared: Shared, reader: int, limit: int = 25) -> Collection:
    return shared.ranked.take(limit).map(for_reader, reader)


@app.resource
def one(shared: Shared, post: int) -> Collection:
    return shared.counted.slice(post, post)


@app.action
def upvote(tx: Transaction, _caller: Caller, key: int, post: int, user: int) -> None:
    tx.put(upvotes, key, {"post_id": post, "user_id": user})
