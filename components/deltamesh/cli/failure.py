"""How a command fails: one line that says what is wrong and what to do, and an exit code."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Final

import click

from deltamesh.graph.failure import describe

_LIBRARIES: Final = (str(Path(__file__).parents[1]), sys.prefix, sys.base_prefix, "<")


class CommandFailed(click.ClickException):
    """The command cannot do what it is for; the message is one line. Exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def located(error: BaseException) -> str:
    """Return `error` in one line, with the place where the user's code raised it."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{_short(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg}"
    return f"{place_of(error)}: {describe(error)}"


def place_of(error: BaseException) -> str:
    """Return file and line of the innermost frame outside of Python, its libraries and this package; or of the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(_LIBRARIES)] or frames
    return f"{_short(theirs[-1].filename)}:{theirs[-1].lineno}" if theirs else "somewhere"


def _short(filename: str) -> str:
    path = Path(filename)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else filename
