"""
The applications that are measured: `hn`, posts joined with authors and ranked by upvotes, and `sum`, a sum per group.

Their mappers are those of the anchor, in Python: they take the one value that a key has, and return a list of one pair.
"""

from __future__ import annotations

from typing import Any

from deltamesh import Caller, Collection, Count, Input, Service, Shared, Sum, Transaction

app = Service("com.example.bench")
users, posts, upvotes = app.input("users"), app.input("posts"), app.input("upvotes")
items = Input("items")


def by_post(_key: Any, votes: Any) -> list[tuple[Any, Any]]:
    vote = votes.one()
    return [(vote["post_id"], vote["user_id"])]


def by_group(_key: Any, listed: Any) -> list[tuple[Any, Any]]:
    item = listed.one()
    return [(item["g"], item["v"])]


def ranked(key: Any, values: Any, authors: Any, votes: Any) -> list[tuple[Any, Any]]:
    """Count by reading all votes of the post."""
    found = values.one()
    count = len(votes.all(key))
    return [((-count, key), {**found, "upvotes": count, "author": authors.one(found["author_id"], default=None)})]


def ranked_by_count(key: Any, values: Any, authors: Any, counts: Any) -> list[tuple[Any, Any]]:
    """Take the count from a reducer."""
    found = values.one()
    count = counts.one(key, default=0)
    return [((-count, key), {**found, "upvotes": count, "author": authors.one(found["author_id"], default=None)})]


def for_reader(key: Any, values: Any, reader: int) -> list[tuple[Any, Any]]:
    found = values.one()
    return [(key, {"title": found["title"], "upvotes": found["upvotes"], "mine": found["author_id"] == reader})]


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
