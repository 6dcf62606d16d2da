"""
A program with live parameters that knows nothing of Twisted: `python -m tests.parameters.program KIND URL SERVICE CACHE`.

It prints the parameters `a` and `b` as lines of JSON, at first and at each change, with the thread that told it. It ends when its input
does, in order, or just so if KIND ends with "-abrupt".
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from typing import Any

from deltamesh.parameters import Parameter, Parameters

logging.basicConfig(format="%(levelname)s %(name)s %(message)s")


def say(what: str, parameter: Parameter[Any] | None = None) -> None:
    state = {} if parameter is None else {"name": parameter.name, "value": parameter.value, "source": parameter.source}
    sys.stdout.write(json.dumps({"what": what, "thread": threading.current_thread().name, **state}) + "\n")
    sys.stdout.flush()


def watch(parameter: Parameter[Any]) -> None:
    parameter.on_change(lambda changed: say("changed", changed))
    say("first", parameter)


def threads(url: str, service: str, cache: str, *, is_abrupt: bool) -> None:
    parameters = Parameters.connect(url, service, cache=cache)
    watch(parameters.get("a", 0))
    other = threading.Thread(target=lambda: watch(parameters.get("b", "none")))
    other.start()
    other.join()
    try:
        parameters.ready(0.001)
    except TimeoutError:
        say("not ready in a millisecond")
    parameters.ready(60)
    say("ready")
    sys.stdin.read()
    if not is_abrupt:
        with parameters:
            say("closing")
    say("end")


async def in_asyncio(url: str, service: str, cache: str, *, is_abrupt: bool) -> None:
    parameters = Parameters.connect(url, service, cache=cache)
    watch(parameters.get("a", 0))
    watch(parameters.get("b", "none"))
    try:
        parameters.ready()
    except RuntimeError:
        say("blocking refused")
    try:
        await asyncio.wait_for(asyncio.shield(parameters.when_ready()), 0)
    except TimeoutError:
        say("not ready at once")
    await parameters.when_ready()
    say("ready")
    await asyncio.to_thread(sys.stdin.read)
    if not is_abrupt:
        await parameters.stop()
    say("end")


def main() -> None:
    kind, url, service, cache = sys.argv[1:]
    is_abrupt = kind.endswith("-abrupt")
    if kind.startswith("threads"):
        threads(url, service, cache, is_abrupt=is_abrupt)
    else:
        asyncio.run(in_asyncio(url, service, cache, is_abrupt=is_abrupt))


if __name__ == "__main__":
    main()
