"""What proves to a server of git who we are: from files and the environment, never from a command line, which everybody here can see."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deltamesh.errors import ConfigurationError

MAX_SECRET: Final = 16_384
"""Bytes of a file with a token."""


@dataclass(frozen=True)
class Credentials:
    """What proves who we are. Without any, only what everybody may read is read."""

    user: str | None = None
    """Unless the URL has one; else `git`, which is what servers expect."""
    token: str | None = field(default=None, repr=False)
    """Or a password; for https."""
    key_file: str | None = None
    """Path of a private key; for ssh. Without one, the agent is asked."""
    passphrase: str = field(default="", repr=False)
    """Of the key."""


def credentials(*, token_file: str | None = None, key_file: str | None = None, environment: Mapping[str, str] | None = None) -> Credentials:
    """
    Return what the options say, or else the environment.

    The variables are `DELTAMESH_GIT_TOKEN`, or `DELTAMESH_GIT_TOKEN_FILE`; `DELTAMESH_GIT_KEY_FILE` and `DELTAMESH_GIT_PASSPHRASE`; and
    `DELTAMESH_GIT_USER`.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    given = os.environ if environment is None else environment
    token_file = token_file or given.get("DELTAMESH_GIT_TOKEN_FILE")
    key_file = key_file or given.get("DELTAMESH_GIT_KEY_FILE")
    token = secret_in(token_file, "a token for git") if token_file else given.get("DELTAMESH_GIT_TOKEN")
    if key_file and not os.access(key_file, os.R_OK):
        raise ConfigurationError(f"the key for git cannot be read: {key_file}")
    return Credentials(given.get("DELTAMESH_GIT_USER"), token, key_file, given.get("DELTAMESH_GIT_PASSPHRASE", ""))


def secret_in(path: str, what: str) -> str:
    """
    Return the first line of a file.

    Raises:
        ConfigurationError: it cannot be read, is empty, or is not text.
    """
    try:
        with Path(path).open("rb") as file:
            lines = file.read(MAX_SECRET).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}, with {what}, cannot be read: {error}") from error
    if not lines or not lines[0].strip():
        raise ConfigurationError(f"{path} is to have {what} in its first line, which is empty")
    return lines[0].strip()
