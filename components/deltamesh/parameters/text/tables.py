"""Changing some members of a file of TOML. tomlkit keeps comments, order, quotes and blanks of what it has read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import tomlkit
from tomlkit.container import OutOfOrderTableProxy
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from deltamesh.parameters.text.outline import ABOVE_NAMES, BELOW_VALUE, Segments, Unalterable
from deltamesh.values import JSON


def altered_tables(text: str, gone: list[Segments], values: Mapping[Segments, JSON]) -> str | None:
    """As `alteration.altered`, for TOML."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:  # which does not take all that Python's own reader takes
        raise Unalterable((), f"tomlkit cannot read it: {type(error).__name__}") from error
    for segments in gone:
        _remove(document, segments)
    for segments, value in values.items():
        if not segments:
            raise Unalterable(segments, "a file of TOML cannot be a value")
        if _has_null(value):
            raise Unalterable(segments, "TOML has no null")
        try:
            _set(document, segments, value)
        except TOMLKitError as error:
            raise Unalterable(segments, f"tomlkit cannot set it: {type(error).__name__}") from error
    if not document:
        return None
    return tomlkit.dumps(document)


def _remove(table: MutableMapping[str, Any], segments: Segments) -> bool:
    """Remove a member, and the tables of which nothing is left; return whether it was there."""
    for key, item in list(table.items()):
        parts = tuple(key.split("."))
        rest = segments[len(parts) :]
        if parts == segments[: len(parts)] and (not rest or (isinstance(item, MutableMapping) and _remove(item, rest))):
            if not rest or not item:
                del table[key]
            return True
    return False


def _set(document: MutableMapping[str, Any], segments: Segments, value: JSON) -> None:
    found = _find(document, segments)
    if found is not None:
        table, key = found
        if isinstance(table[key], MutableMapping) and table[key]:
            raise Unalterable(segments, ABOVE_NAMES)
        table[key] = _item(value)
        return
    room, rest = _room(document, segments, segments)
    if isinstance(room, OutOfOrderTableProxy | InlineTable):  # one in several places takes no dotted keys, and one on a line not always
        for segment in reversed(rest[1:]):
            value = {segment: value}
        room[rest[0]] = _item(value)
    else:
        room.append(tomlkit.key(rest) if len(rest) > 1 else tomlkit.key(rest[0]), _item(value))


def _find(table: MutableMapping[str, Any], segments: Segments) -> tuple[MutableMapping[str, Any], str] | None:
    """Return the table that a member is in, and its key there."""
    for key, item in table.items():
        parts = tuple(key.split("."))
        if parts == segments:
            return table, key
        if parts == segments[: len(parts)] and isinstance(item, MutableMapping):
            found = _find(item, segments[len(parts) :])
            if found is not None:
                return found
    return None


def _room(table: Any, segments: Segments, rest: Segments) -> tuple[Any, Segments]:
    """Return the innermost table on the way to `segments`, of which `rest` is left, and what is left there."""
    best = table, rest
    for key, item in table.items():
        parts = tuple(key.split("."))
        if parts[: len(rest)] == rest:
            raise Unalterable(segments, ABOVE_NAMES)
        if parts == rest[: len(parts)]:
            if not isinstance(item, MutableMapping) or not item:
                raise Unalterable(segments, BELOW_VALUE)
            best = min(best, _room(item, segments, rest[len(parts) :]), key=lambda each: len(each[1]))
    return best


def _has_null(value: JSON) -> bool:
    if isinstance(value, dict):
        return any([_has_null(item) for item in value.values()])
    return value is None or (isinstance(value, list | tuple) and any([_has_null(item) for item in value]))


def _item(value: JSON) -> Any:
    """Return a value on one line."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, item in value.items():
            table.append(key, _item(item))
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for item in value:
            array.append(_item(item))
        return array
    return tomlkit.item(value)
