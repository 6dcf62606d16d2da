"""Brings posts, readers and votes to the service, and with --traffic more votes for as long as it runs."""

from __future__ import annotations

from argparse import Namespace
from itertools import islice
from typing import Any

from examples import feeding
from examples.feeding import Feed
from examples.hackernews import content
from examples.hackernews.service import app


async def load(feed: Feed) -> set[Any]:
    """
    Write what there is to begin with, and return the keys of the votes that are there.

    Votes are written if there are none at all: those of a former run stay as they are.
    """
    await feed.write({"users": list(content.users()), "posts": list(content.posts())})
    votes = {key for post_id, _ in content.posts() for key in await voted(feed, post_id)}
    if not votes:
        seeded = list(content.upvotes())
        await feed.write({"upvotes": seeded})
        votes = {key for key, _ in seeded}
    return votes


async def voted(feed: Feed, post_id: Any) -> list[Any]:
    """Return the keys of the votes for a post."""
    found = await feed.patiently(lambda: feed.mesh.read("voters", {"post_id": post_id}, at_least=feed.position))
    return [key for key, _ in found]


async def main(feed: Feed, options: Namespace) -> None:
    there = await load(feed)
    feed.log.info("{num} posts with {votes} votes", num=len(content.POSTS), votes=len(there))
    if options.traffic is None:
        return
    votes = content.traffic(votes=there)
    began, taken = feed.now(), 0
    while True:
        due = int((feed.now() - began) * options.traffic) - taken
        changed: dict[Any, list[Any]] = dict(islice(votes, min(due, 1_000)))  # of several votes for one key the last counts
        if await feed.write({"upvotes": list(changed.items())} if changed else {}):
            votes = content.traffic(votes=await load(feed))
        taken += min(due, 1_000)
        await feed.wait(min(max(1 / options.traffic, 0.02), 1.0))


if __name__ == "__main__":
    parser = feeding.arguments(__doc__)
    parser.add_argument("--traffic", type=feeding.positive, metavar="N", help="votes in a second")
    options = parser.parse_args()
    feeding.run(app.uris.prefix, options, lambda feed: main(feed, options))
