"""The one stream of what all programs of a mesh say: lines for people, or JSON for programs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import cycle
from typing import Final

import click
import msgspec

_COLOURS: Final = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow", "bright_magenta")

LEVELS: Final = ("error", "warning")
"""What a line begins with, and a colon, if it is more than news."""


class Output:
    """
    Prints lines.

    Args:
        names: of the programs that there are at first, so that their lines are in columns.
        as_json: one object a line, {"time", "component", "level", "text"}. Otherwise the name stands in front, in its colour if this is a
            terminal.
    """

    def __init__(self, names: Sequence[str], *, as_json: bool = False) -> None:
        self._width = max(len(name) for name in names)
        self._next_colour = cycle(_COLOURS)
        self._colours = {name: next(self._next_colour) for name in names}
        self._as_json = as_json

    def say(self, name: str, text: str) -> None:
        """Print one line."""
        try:
            click.echo(self._record(name, text) if self._as_json else self._line(name, text))
        except BrokenPipeError:  # nobody reads any more, as behind `| head`: stop in order, and say nothing about it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            os.kill(os.getpid(), signal.SIGTERM)

    def _line(self, name: str, text: str) -> str:
        if name not in self._colours and name != OURSELVES:
            self._colours[name] = next(self._next_colour)
            self._width = max(self._width, len(name))
        return f"{click.style(name.ljust(self._width), fg=self._colours.get(name), bold=name == OURSELVES)} | {text}"

    @staticmethod
    def _record(name: str, text: str) -> bytes:
        level, separator, rest = text.partition(": ")
        if not separator or level not in LEVELS:
            level, rest = "info", text
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        return msgspec.json.encode({"time": time, "component": name, "level": level, "text": rest})


OURSELVES: Final = "run"
"""Who `deltamesh run` itself is in its output."""
