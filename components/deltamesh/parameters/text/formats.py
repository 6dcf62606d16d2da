"""The formats of files with parameters, by suffix."""

from __future__ import annotations

from typing import Final

from deltamesh.parameters.text import jsontext, tomltext, yamltext
from deltamesh.parameters.text.document import Document, Unreadable

_READERS: Final = {
    ".json": (jsontext.parse, jsontext.lines),
    ".yaml": (yamltext.parse, yamltext.lines),
    ".yml": (yamltext.parse, yamltext.lines),
    ".toml": (tomltext.parse, tomltext.lines),
}

SUFFIXES: Final = tuple(_READERS)
"""Files with another suffix are not read."""

MAX_FILE: Final = 1 << 20
"""Bytes of a file. Each commit that changes a file has it read as a whole."""


def parse(content: bytes, suffix: str) -> Document:
    """
    Return what a file with `suffix` says. A byte order mark is allowed; line ends are those of Unix or of Windows.

    Raises:
        Unreadable: it is not of its format, or not UTF-8.
    """
    read, find_lines = _READERS[suffix]
    if len(content) > MAX_FILE:
        raise too_large(len(content))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("it is not UTF-8", 1 + content.count(b"\n", 0, error.start)) from None
    return Document(read(text), text, find_lines)


def too_large(size: int) -> Unreadable:
    """Return the error of a file of `size` bytes, which need not be loaded for it."""
    return Unreadable(f"it has {size} bytes; a file may have {MAX_FILE}")
