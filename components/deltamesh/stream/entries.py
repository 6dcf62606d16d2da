"""
Entries as JSON text: `[[key, [value, …]], …]`, where a key without values is gone.

Publisher and subscriber pass this text on unread; only who makes content of it pays for reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeGuard

import msgspec

from deltamesh.errors import MalformedMessage
from deltamesh.values import IndexKey, Values, freeze, index_key, plain_key

NONE: Final = "[]"
"""No entries."""

LARGE: Final = 1 << 20
"""Characters from which on a text is read entry by entry: all its structures at once take ten times its size."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[Any, list[Any]]]).decode
_decode_unread = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_entry = msgspec.json.Decoder(tuple[Any, list[Any]]).decode


def encode(entries: Iterable[tuple[IndexKey, Values]]) -> str:
    """Return the text of `entries`, in the order given. Keys may be plain or index keys."""
    return _encode([(plain_key(key), values) for key, values in entries]).decode()


def decode(text: str) -> dict[IndexKey, Values]:
    """
    Return the frozen entries of `text` by index key. A key named twice has its last values, a key that is gone none.

    Raises:
        MalformedMessage: it is not JSON, not of the documented shape, or nested too deeply.
    """
    try:
        entries: Iterable[tuple[Any, list[Any]]] = _decode(text) if len(text) < LARGE else map(_decode_entry, _decode_unread(text))
        return {index_key(key): Values([freeze(value) for value in values]) for key, values in entries}
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValueError: NotJSON, lone surrogates, endless numbers
        raise MalformedMessage("entries", str(error)) from error


def join(texts: Iterable[str]) -> str:
    """Return one text with the entries of all `texts`, one after the other. Cost: that of copying; nothing is parsed."""
    insides = [inside for text in texts if (inside := text[1:-1]) and not inside.isspace()]
    return f"[{','.join(insides)}]" if insides else NONE


def parts(entries: Iterable[tuple[IndexKey, Values]], size: int) -> Iterator[str]:
    """
    Yield texts of about `size` characters, at least one, whose entries together are `entries`.

    A part is longer only if it consists of one entry that is.
    """
    part: list[str] = []
    length = 0
    for key, values in entries:
        entry = _encode((plain_key(key), values)).decode()
        if part and length + len(entry) > size:
            yield f"[{','.join(part)}]"
            part, length = [], 0
        part.append(entry)
        length += len(entry) + 1
    yield f"[{','.join(part)}]"


def grouped(texts: Iterable[str], size: int) -> Iterator[str]:
    """
    Yield texts of about `size` characters, at least one, which together have the entries of all `texts`, in their order.

    Cost: that of copying, except for a text that is longer than `size` itself.
    """
    group: list[str] = []
    length = 0
    for piece in (piece for text in texts for piece in ([text] if len(text) <= size else parts(decode(text).items(), size))):
        if group and length + len(piece) > size:
            yield join(group)
            group, length = [], 0
        group.append(piece)
        length += len(piece)
    yield join(group)


def is_text(value: object) -> TypeGuard[str]:
    """Whether `value` looks like entries from outside, which is all that `join` needs; `decode` looks closer."""
    return type(value) is str and value[:1] == "[" and value[-1:] == "]" and len(value) > 1
