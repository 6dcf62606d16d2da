"""Brings posts, readers and votes to the service, and with --traffic more votes for as long as it runs."""

from __future__ import annotations

from argparse import Namespace
from itertools import islice
from typing import Any

from examples import feeding
from examples.feeding import Feed
from examples.hackernews import content
from examples.hackernews.service import app


async def load(feed: Feed) -> None:
    """Write what there is to begin with. Writing it again changes nothing but votes that were taken back."""
    await feed.write({"users": list(content.users()), "posts": list(content.posts()), "upvotes": list(content.upvotes())})


async def main(feed: Feed, options: Namespace) -> None:
    await load(feed)
    feed.log.info("{num} posts", num=len(content.POSTS))
    if options.traffic is None:
        return
    votes = content.traffic()
    began, taken = feed.now(), 0
    while True:
        due = int((feed.now() - began) * options.traffic) - taken
        changed: dict[Any, list[Any]] = dict(islice(votes, min(due, 1_000)))  # of several votes for one key the last counts
        if await feed.write({"upvotes": list(changed.items())} if changed else {}):
            await load(feed)
        taken += min(due, 1_000)
        await feed.wait(min(max(1 / options.traffic, 0.02), 1.0))


if __name__ == "__main__":
    parser = feeding.arguments(__doc__)
    parser.add_argument("--traffic", type=feeding.positive, metavar="N", help="votes in a second")
    options = parser.parse_args()
    feeding.run(app.uris.prefix, options, lambda feed: main(feed, options))
