"""
`python -m deltamesh_router start`: run the node of a node directory until it is told to stop; and `check`: could it run?

What others can rely on:

- *ready*: one line on stdout that begins with `router: ready`. From then on all transports of the node accept connections.
- *failed*: one line on stderr that begins with `router: error:` and says what to do, and exit code 1.
- *reload*: SIGHUP; the settings are read again, and one line says what has changed, or why nothing has.
- *stop*: SIGTERM or SIGINT; all processes of the node end, sockets are removed, exit code 0.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from deltamesh_router.node.endpoints import EndpointTaken, check_free, check_tcp, describe
from deltamesh_router.node.nodecheck import NodeError, check_secrets, roles, warnings
from deltamesh_router.node.notices import complain, say, warn
from deltamesh_router.node.run import Run
from deltamesh_router.settings.settings import DEFAULT, Settings
from deltamesh_router.settings.settingsfile import SettingsError, Source, source

PID_FILE: Final = "node.pid"
"""Crossbar.io's name and content, so that `crossbar status` and `crossbar stop` work on a node that we run."""

MAX_PORT: Final = 65535


class CannotStart(Exception):
    """The node cannot be started; the message is one line that says what to do."""


def main(arguments: list[str]) -> int:
    """Run the command line `arguments`; return the exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the node runs, Ctrl-C just ends the process
    try:
        return _check(options) if options.command == "check" else _start(options)
    except CannotStart as error:
        complain(str(error))
        return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deltamesh_router", description="The router of a Deltamesh.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="run the node of a node directory")
    check = commands.add_parser("check", help="check the configuration of a node and the settings, and start nothing")
    for command in (start, check):
        command.add_argument("--cbdir", type=Path, default=Path(".crossbar"), help="the node directory (default: .crossbar)")
        command.add_argument("--config", default="config.json", help="the configuration file in the node directory (default: config.json)")
        command.add_argument("--settings", type=Path, help="(default: router/router.toml beside the node directory, if it exists)")
    start.add_argument("--insight-port", type=_port, help="serve /metrics, /healthz and /readyz there, whatever the settings say")
    start.add_argument("--loglevel", default="warn", choices=["none", "error", "warn", "info", "debug", "trace"], help="(default: warn)")
    start.add_argument("--die-with-parent", action="store_true", help="stop when the process that started this one has gone")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a whole number from 0 to {MAX_PORT} is")
    return int(text)


def _directory(options: argparse.Namespace) -> Path:
    directory: Path = options.cbdir.resolve()
    if not directory.is_dir():
        raise CannotStart(f"there is no node directory {directory}: run this where .crossbar is, or name it with --cbdir")
    return directory


def _check(options: argparse.Namespace) -> int:
    """Say whether the node could be started: one line for each of the two files."""
    directory = _directory(options)
    from autobahn.twisted.choosereactor import install_reactor

    install_reactor()
    from deltamesh_router.personality import Personality

    place = directory / options.config
    origin = source(directory, options.settings, None)
    config: dict[str, Any] | None = None
    settings: Settings | None = None
    try:
        config = _read_config(Personality, place)
        say(f"sound: {place} ({describe(config, directory)})")
    except CannotStart as error:
        complain(str(error))
    try:
        settings = origin.read()
        say(f"sound: {_summary(origin, settings)}")
    except SettingsError as error:
        complain(str(error))
    if config is None or settings is None:
        return 1
    for warning in [*warnings(config, directory), *_strange_roles(config, settings, origin)]:
        warn(warning)
    return 0


def _summary(origin: Source, settings: Settings) -> str:
    if settings is DEFAULT:
        return f"every setting has its default, since there is no {origin.path}"
    numbers = f"{len(settings.calls)} rules for calls, limits of {len(settings.roles)} roles"
    return f"{origin.path} ({', '.join([numbers, *_insight_address(settings)])})"


def _insight_address(settings: Settings) -> Iterator[str]:
    """The address for Prometheus, if there is one that is known."""
    interface, port = settings.insight.interface, settings.insight.port
    if port:
        yield f"http://{f'[{interface}]' if ':' in interface else interface}:{port}/metrics"


def _strange_roles(config: dict[str, Any], settings: Settings, origin: Source) -> Iterator[str]:
    known = roles(config)
    for role in sorted(settings.roles.keys() - known):
        yield f"{origin.path}: roles.{role} is of no effect, the node has no such role: it has {', '.join(sorted(known)) or 'none'}"


def _start(options: argparse.Namespace) -> int:
    # a reload that comes too early is not needed: the settings have not been read yet
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    say(f"starting from {options.cbdir}")
    parent = os.getppid()
    directory = _directory(options)
    origin = source(directory, options.settings, options.insight_port)
    settings = _read_settings(origin)

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
    _check_endpoints(config, directory, options.config, settings)
    for warning in _strange_roles(config, settings, origin):
        warn(warning)
    origin.export()

    node = Personality.Node(Personality, str(directory), reactor=reactor)
    node.load_config(options.config)
    node.load_keys(str(directory))
    pid_file = directory / PID_FILE
    pid_file.write_text(json.dumps({"pid": os.getpid(), "argv": sys.argv, "options": {"cbdir": str(directory)}}) + "\n")
    try:
        endpoints = " ".join([describe(config, directory), *_insight_address(settings)])
        return Run(node, reactor, endpoints, parent if options.die_with_parent else None).run()
    finally:
        pid_file.unlink(missing_ok=True)


def _read_settings(origin: Source) -> Settings:
    try:
        return origin.read()
    except SettingsError as error:
        raise CannotStart(str(error)) from error


def _read_config(personality: Any, path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = personality.check_config_file(personality, str(path))
    except FileNotFoundError as error:
        raise CannotStart(f"there is no {path}: name the file in the node directory with --config") from error
    except Exception as error:  # whatever a check stumbles over, the file is what has to be mended
        kind = "" if type(error).__name__ == "InvalidConfigException" else f"{type(error).__name__}: "
        raise CannotStart(f"{path} is not a valid node configuration: {kind}{error}") from error
    try:
        check_secrets(config, path.parent)
    except NodeError as error:
        raise CannotStart(f"{path}: {error}") from error
    return config


def _check_endpoints(config: dict[str, Any], directory: Path, name: str, settings: Settings) -> None:
    try:
        check_free(config, directory)
    except EndpointTaken as error:
        raise CannotStart(f"{error}, or change it in {directory / name}") from error
    if settings.insight.port is not None:
        interface = settings.insight.interface
        try:
            check_tcp(interface, settings.insight.port, 6 if ":" in interface else 4)
        except EndpointTaken as error:
            raise CannotStart(f"{error}, or choose another one with --insight-port or insight.port in the settings") from error
