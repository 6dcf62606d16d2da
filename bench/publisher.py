"""
A component that publishes the events of `publish_many` whenever it is told so: `single` or `many`, a line on its standard input.

    python -m bench.publisher unix:PATH

It answers each line, and before them its start, with the processor time that it has used so far, in seconds.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from bench.publish_many import EVENT, EVENTS, PROCEDURE, TOPICS
from deltamesh.connection import Connection


async def publish(url: str) -> None:
    connection = Connection(url)
    connection.start()
    await connection.joined()
    way = "start"
    while way:
        if way == "single":
            for topic in TOPICS:
                connection.publish(topic, *EVENT)
            await connection.call("wamp.session.count")  # which the router answers when it has done these
        elif way == "many":
            await connection.call(PROCEDURE, EVENTS)
        print(time.process_time(), flush=True)
        way = (await deferToThread(sys.stdin.readline)).strip()
    await connection.stop()


def main(_reactor: Any) -> Any:
    return ensureDeferred(publish(sys.argv[1]))


if __name__ == "__main__":
    react(main)
