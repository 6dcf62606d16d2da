"""What the router's first process tells people and its supervisor: one line for each thing, on the streams that it was started with."""

from __future__ import annotations

import sys
from typing import Final

MAX_LINE: Final = 2000
"""Characters of a line; Crossbar.io's own messages sometimes carry whole structures."""


def say(message: str) -> None:
    """Tell the news, on stdout."""
    print(f"router: {_one_line(message)}", file=sys.__stdout__, flush=True)


def warn(message: str) -> None:
    """Tell what will not work as it was meant, on stderr."""
    print(f"router: warning: {_one_line(message)}", file=sys.__stderr__, flush=True)


def complain(message: str) -> None:
    """Tell an error, on stderr."""
    # the log takes over sys.stderr, and would put its own words in front
    print(f"router: error: {_one_line(message)}", file=sys.__stderr__, flush=True)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + " ..."
