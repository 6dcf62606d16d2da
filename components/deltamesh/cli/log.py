"""The log of a process: one line for people on stderr, in front of it the name of the component."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogBeginner

_CHATTY: Final = ("autobahn", "txaio", "twisted", "crossbar", "log_legacy", "stdout", "-")
"""Whose news are for their developers; their warnings and errors are for everybody."""


def begin(name: str, *, only_errors: bool = False, say: Callable[[str], None] | None = None) -> None:
    """Let the log of this process go to stderr, as that of `name`; or line by line to `say`, without the name. Call it once."""
    lowest = LogLevel.error if only_errors else LogLevel.info

    def observe(event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        is_chatty = str(event.get("log_namespace", "-")).split(".")[0] in _CHATTY
        if level < lowest or (is_chatty and level < LogLevel.warn):
            return
        for line in _lines(event):
            if say is None:
                print(f"{name}: {_mark(level)}{line}", file=sys.stderr, flush=True)
            else:
                say(f"{_mark(level)}{line}")

    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False)  # type: ignore[list-item]


def _mark(level: Any) -> str:
    if level < LogLevel.warn:
        return ""
    return "warning: " if level is LogLevel.warn else "error: "


def _lines(event: LogEvent) -> list[str]:
    """Return one line, and those of a traceback. What strangers wrote, as messages of commits, begins no line and moves no cursor."""
    failure = event.get("log_failure")
    traceback = [] if failure is None else failure.getTraceback().rstrip("\n").split("\n")
    return [_printable(line) for line in (formatEvent(event), *traceback)]


def _printable(text: str) -> str:
    return "".join([each if each.isprintable() else each.encode("unicode_escape").decode() for each in text])
