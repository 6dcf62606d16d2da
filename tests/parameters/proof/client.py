"""
A client as a program: it holds some parameters, reads them all the time, and prints what it shows whenever that has changed.

    python -m tests.parameters.proof.client --router URL --names FILE [--cache FILE] [--mode thread|asyncio|twisted]

Prints JSON lines. `{"shown": {name: [value, source, commit]}}` has what differs from the line before; all of a line held at the same time.
`{"reads": n, "slowest": s}` comes every second: how often a thread of its own has read a parameter since the last one. SIGTERM
ends it in order.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred

from deltamesh.cli import loop
from deltamesh.connection import Connection
from deltamesh.parameters import Parameters
from tests.parameters.proof.application import SERVICE

DEFAULT: Final = "nothing known"
"""Of all parameters; no value is like it."""

PAUSE: Final = 0.001
"""Between two reads of the reading thread [s]."""


Soon = Callable[[Callable[[], None]], object]
"""Calls a function soon, where changes are shown: there, nothing changes while it looks."""


class Shown:
    """What the parameters show, printed whenever it has changed."""

    def __init__(self, held: dict[str, Any], soon: Soon) -> None:
        self._held = held
        self._soon = soon
        self._told: dict[str, list[Any]] = {}
        self._is_due = False
        for each in held.values():
            each.on_change(self.changed)

    def changed(self, _: Any = None) -> None:
        """Something has changed: look at everything as soon as all that changes with it has changed too."""
        if not self._is_due:
            self._is_due = True
            self._soon(self.tell)

    def tell(self) -> None:
        """Print what is different from what was printed last."""
        self._is_due = False
        now = {name: [each.value, each.source, each.commit] for name, each in self._held.items()}
        changed = {name: held for name, held in now.items() if name not in self._told or _text(self._told[name]) != _text(held)}
        if changed or not self._told:
            self._told = now
            say(shown=changed)


def say(**what: Any) -> None:
    """Print a line."""
    sys.stdout.write(json.dumps({"at": time.time(), **what}) + "\n")
    sys.stdout.flush()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def read_for_ever(held: dict[str, Any]) -> None:
    """Read one parameter after the other: each time there is a value, however long nobody can be reached."""
    parameters = list(held.values())
    number, slowest, told = 0, 0.0, time.monotonic()
    while True:
        began = time.perf_counter()
        value = parameters[number % len(parameters)].value
        slowest = max(slowest, time.perf_counter() - began)
        number += 1
        json.dumps(value)
        if time.monotonic() - told >= 1:
            say(reads=number, slowest=slowest)
            number, slowest, told = 0, 0.0, time.monotonic()
        time.sleep(PAUSE)


def in_the_reactor(function: Callable[[], None]) -> None:
    """Call a function soon in the thread of the reactor."""
    from twisted.internet import reactor

    reactor.callFromThread(function)  # type: ignore[attr-defined]


def begin(parameters: Parameters, names: list[str], soon: Soon) -> None:
    """Hold parameters, show them and read them."""
    held = {name: parameters.get(name, DEFAULT, Any) for name in names}
    shown = Shown(held, soon)
    shown.changed()
    threading.Thread(target=read_for_ever, args=(held,), daemon=True).start()


def in_a_thread(options: Namespace, names: list[str]) -> None:
    """Be a program without a loop: the library has the reactor in a thread of its own."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    parameters = Parameters.connect(options.router, SERVICE, cache=options.cache, client=options.name)
    begin(parameters, names, in_the_reactor)
    ended.wait()
    parameters.close()


async def in_asyncio(options: Namespace, names: list[str]) -> None:
    """Be a program of asyncio: changes are told in its loop."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    parameters = Parameters.connect(options.router, SERVICE, cache=options.cache, client=options.name)
    begin(parameters, names, asyncio.get_running_loop().call_soon_threadsafe)
    await ended.wait()
    await parameters.stop()


async def in_twisted(options: Namespace, names: list[str]) -> None:
    """Be a program of Twisted."""
    connection = Connection(options.router)
    parameters = Parameters(connection, SERVICE, cache=options.cache, client=options.name)
    connection.start()
    begin(parameters, names, in_the_reactor)
    try:
        await Deferred()
    except CancelledError:  # SIGTERM
        await parameters.stop()
        await connection.stop()


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--router", required=True)
    parser.add_argument("--names", type=Path, required=True, help="a file with a JSON list")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--name")
    parser.add_argument("--mode", choices=("thread", "asyncio", "twisted"), default="thread")
    options = parser.parse_args()
    names = json.loads(options.names.read_text())
    if options.mode == "thread":
        in_a_thread(options, names)
    elif options.mode == "asyncio":
        asyncio.run(in_asyncio(options, names))
    else:
        loop.run(lambda: in_twisted(options, names))


if __name__ == "__main__":
    main()
