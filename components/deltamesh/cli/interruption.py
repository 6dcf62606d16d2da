"""Signals that end a command: quietly, at any time, with one exit code."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

INTERRUPTED: Final = 130
"""Exit code of a command that was ended before it was done, as shells have it after Ctrl-C."""

_came: list[int] = []


def on_signal(handler: Callable[..., Any] | signal.Handlers) -> None:
    """Let `handler(number, frame)` have the signals from now on; SIGHUP stays ignored where it is, as under nohup."""
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def end_quietly() -> None:
    """Let a signal end the process with `INTERRUPTED`: what is in `finally` is done, and nothing is printed."""
    on_signal(_end)


def has_come() -> bool:
    """Whether a signal has come since `end_quietly`; where it came, its exception may have been lost, as in a destructor."""
    return bool(_came)


def _end(number: int, _frame: object) -> None:
    _came.append(number)
    raise SystemExit(INTERRUPTED)
