"""
`python -m deltamesh_router start`: run the node of a node directory until it is told to stop.

What others can rely on:

- *ready*: one line on stdout that begins with `router: ready`. From then on all transports of the node accept connections.
- *failed*: one line on stderr that begins with `router: error:` and says what to do, and exit code 1.
- *stop*: SIGTERM or SIGINT; all processes of the node end, sockets are removed, exit code 0.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from deltamesh_router.endpoints import EndpointTaken, check_free, describe

PID_FILE: Final = "node.pid"
"""Crossbar.io's name and content, so that `crossbar status` and `crossbar stop` work on a node that we run."""

PARENT_CHECK: Final = 1.0
"""Seconds between two looks whether the parent process is still there, with --die-with-parent."""


MAX_LINE: Final = 2000
"""Characters of an error line; Crossbar.io's own messages sometimes carry whole structures."""


class CannotStart(Exception):
    """The node cannot be started; the message is one line that says what to do."""


def main(arguments: list[str]) -> int:
    """Run the command line `arguments`; return the exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the node runs, Ctrl-C just ends the process
    _say(f"starting from {options.cbdir}")
    try:
        return _start(options)
    except CannotStart as error:
        _complain(str(error))
        return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deltamesh_router", description="The router of a Deltamesh.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="run the node of a node directory")
    start.add_argument("--cbdir", type=Path, default=Path(".crossbar"), help="the node directory (default: .crossbar)")
    start.add_argument("--config", default="config.json", help="the configuration file in the node directory (default: config.json)")
    start.add_argument("--loglevel", default="warn", choices=["none", "error", "warn", "info", "debug", "trace"], help="(default: warn)")
    start.add_argument("--die-with-parent", action="store_true", help="stop when the process that started this one has gone")
    return parser.parse_args(arguments)


def _say(message: str) -> None:
    print(f"router: {message}", file=sys.__stdout__, flush=True)


def _complain(message: str) -> None:
    # the log takes over sys.stderr, and would put its own words in front
    print(f"router: error: {_one_line(message)}", file=sys.__stderr__, flush=True)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + " ..."


def _start(options: argparse.Namespace) -> int:
    parent = os.getppid()
    directory = options.cbdir.resolve()
    if not directory.is_dir():
        raise CannotStart(f"there is no node directory {directory}: run this where .crossbar is, or name it with --cbdir")

    # Twisted wants its reactor chosen before anything else of it is imported, and all of Crossbar.io takes two seconds
    from autobahn.twisted.choosereactor import install_reactor

    reactor = install_reactor()
    from crossbar.node.main import _check_is_running, _start_logging

    from deltamesh_router.personality import Personality

    _start_logging(SimpleNamespace(loglevel=options.loglevel, logformat="standard", color="false"), reactor)
    running = _check_is_running(str(directory))
    if running:
        raise CannotStart(f"a router is already running from {directory}: stop it first (process {running['pid']})")
    config = _read_config(Personality, directory / options.config)
    try:
        check_free(config, directory)
    except EndpointTaken as error:
        raise CannotStart(f"{error}, or change it in {directory / options.config}") from error

    node = Personality.Node(Personality, str(directory), reactor=reactor)
    node.load_config(options.config)
    node.load_keys(str(directory))
    pid_file = directory / PID_FILE
    pid_file.write_text(json.dumps({"pid": os.getpid(), "argv": sys.argv, "options": {"cbdir": str(directory)}}) + "\n")
    try:
        return _Run(node, reactor, describe(config, directory), parent if options.die_with_parent else None).run()
    finally:
        pid_file.unlink(missing_ok=True)


def _read_config(personality: Any, path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = personality.check_config_file(personality, str(path))
    except FileNotFoundError as error:
        raise CannotStart(f"there is no {path}: name the file in the node directory with --config") from error
    except Exception as error:  # whatever a check stumbles over, the file is what has to be mended
        kind = "" if type(error).__name__ == "InvalidConfigException" else f"{type(error).__name__}: "
        raise CannotStart(f"{path} is not a valid node configuration: {kind}{error}") from error
    return config


class _Run:
    """One run of a node: from entering the reactor to leaving it."""

    def __init__(self, node: Any, reactor: Any, endpoints: str, parent: int | None) -> None:
        self._node = node
        self._reactor = reactor
        self._endpoints = endpoints
        self._parent = parent
        self._stopping = False
        self._exit_code = 0

    def run(self) -> int:
        """Run the node; return the exit code."""
        # what was imported is never looked at again by the garbage collector, nor taken apart at the end, for half a second
        gc.freeze()
        self._reactor.callWhenRunning(self._begin)
        self._reactor.run()
        if self._exit_code == 0:
            _say("stopped")
        return self._exit_code

    def _begin(self) -> None:
        if self._parent is not None:
            self._look_at_parent()
        started = self._node.start()
        # after the node has set its own handlers, which report an error after SIGTERM
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._reactor.callFromThread(self._stop))
        started.addCallbacks(self._ready, self._failed)

    def _ready(self, node: dict[str, Any]) -> None:
        _say(f"ready {self._endpoints}")
        node["shutdown_complete"].addCallback(self._ended)

    def _failed(self, failure: Any) -> None:
        if not self._stopping:
            details = " | ".join(str(argument) for argument in getattr(failure.value, "args", ())) or str(failure.value)
            self._fail(f"the node did not start: {details} (what else is known was logged above)")

    def _ended(self, _: Any) -> None:
        """The node shuts down by itself: Crossbar.io does that when a worker process has ended."""
        if not self._stopping:
            self._fail("a process of the router has ended unexpectedly: start it again")

    def _fail(self, message: str) -> None:
        _complain(message)
        self._exit_code = 1
        self._stop()

    def _stop(self) -> None:
        """Leave the reactor; Crossbar.io's own triggers end the worker processes first."""
        if not self._stopping:
            self._stopping = True
            self._reactor.stop()

    def _look_at_parent(self) -> None:
        if os.getppid() != self._parent:
            self._stop()
        else:
            self._reactor.callLater(PARENT_CHECK, self._look_at_parent)
