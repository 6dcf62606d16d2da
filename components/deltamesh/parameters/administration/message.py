"""The message of a commit: what may be one. The command line asks before it shows anything, the reader before it commits."""

from __future__ import annotations

from typing import Any, Final

from deltamesh.errors import InvalidParameters

MAX_MESSAGE: Final = 2_000
"""Characters."""


def checked_message(given: Any) -> str:
    """
    Return what somebody says as the message of a commit, which ends with a line feed.

    Raises:
        InvalidParameters: it is no text or says nothing, is too long, or has characters that cannot be printed.
    """
    if not isinstance(given, str) or not given.strip():
        raise InvalidParameters("message", "say in a few words why")
    if len(given) > MAX_MESSAGE:
        raise InvalidParameters("message", f"{len(given)} characters are too many: it may have {MAX_MESSAGE}")
    if not all([each.isprintable() or each in "\n\t" for each in given]):
        raise InvalidParameters("message", "it has a character that cannot be printed")
    return given.strip() + "\n"
