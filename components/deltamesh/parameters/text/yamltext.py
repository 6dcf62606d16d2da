"""
YAML 1.2 with its core schema: `no` is a text, `012` is twelve, and what looks like a date is a text. `<<` merges, as people expect.

What the parser says is made into values here, without recursion; what aliases repeat counts each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from deltamesh.parameters.text.document import MAX_LEVELS, NOTHING, TOO_DEEP, Place, Unreadable
from deltamesh.parameters.text.plainyaml import plain

MAX_EXPANDED: Final = 4 << 20
"""Characters and nodes that aliases may repeat in a file: a few lines could mean gigabytes."""

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_QUOTED: Final = re.compile(r"'.*'|\".*\"", re.DOTALL)

_TAG: Final = "tag:yaml.org,2002:"
_TEXTS: Final = {"!", f"{_TAG}str", f"{_TAG}timestamp"}
_ATOMS: Final[dict[str, tuple[type, ...]]] = {
    f"{_TAG}null": (type(None),),
    f"{_TAG}bool": (bool,),
    f"{_TAG}int": (int,),
    f"{_TAG}float": (int, float),
}

_MERGE: Final = object()
"""The key `<<`."""


def parse(text: str) -> Any:
    """
    Return what `text` says; `NOTHING` if it has no document, or an empty one.

    Raises:
        Unreadable: it is not YAML, or has no JSON form.
    """
    try:
        found = plain(text, _resolved)
    except Unreadable:  # the parser knows the line
        found = None
    return _Builder(text).root if found is None else found


def lines(text: str) -> dict[Place, int]:
    """Return the lines of the keys and items of `text`, which is YAML. In what an alias stands for there are none."""
    return _Builder(text).lines


@dataclass(slots=True)
class _Level:
    """An object or array that is not complete yet."""

    value: Any
    line: int
    anchor: str | None
    size: int = 1
    key: Any = None
    """The part of its place: of an object the key whose value comes next, `_MERGE`, or None; of an array the index of the next item."""
    merged: list[dict[str, Any]] = field(default_factory=list)


class _Builder:
    """Makes a value of the events of a parser."""

    def __init__(self, text: str) -> None:
        self.root: Any = NOTHING
        self.lines: dict[Place, int] = {}
        self._levels: list[_Level] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._num_documents = self._num_repeated = 0
        for event in _events(text):
            self._take(event, event.start_mark.line + 1)

    def _take(self, event: Event, line: int) -> None:
        match event:
            case ScalarEvent():
                self._take_scalar(event, line)
            case AliasEvent():
                if event.anchor not in self._anchors:
                    raise Unreadable("an alias of something that is not there before it", line)
                value, size = self._anchors[event.anchor]
                self._num_repeated += size
                if self._num_repeated > MAX_EXPANDED:
                    raise Unreadable(f"its aliases repeat more than {MAX_EXPANDED} characters", line)
                self._put(value, size, line)
            case MappingStartEvent() | SequenceStartEvent():
                is_object = isinstance(event, MappingStartEvent)
                if event.tag not in (None, "!", f"{_TAG}{'map' if is_object else 'seq'}"):
                    raise Unreadable("a tag that JSON has no type for", line)
                if len(self._levels) == MAX_LEVELS:
                    raise Unreadable(TOO_DEEP, line)
                if not is_object:
                    self._note(line)
                self._levels.append(_Level({}, line, event.anchor) if is_object else _Level([], line, event.anchor, key=0))
            case CollectionEndEvent():
                level = self._levels.pop()
                for other in level.merged:
                    level.value = {**other, **level.value}
                self._keep(level.anchor, level.value, level.size)
                self._put(level.value, level.size, level.line)
            case DocumentStartEvent():
                self._num_documents += 1
                if self._num_documents > 1:
                    raise Unreadable("a file may have one document", line)

    def _take_scalar(self, event: ScalarEvent, line: int) -> None:
        is_plain = event.style is None
        if is_plain and event.tag is None and event.value == "" and not self._levels:
            return  # a document without content
        value = _atom(event, line)
        size = 1 + len(event.value)
        self._keep(event.anchor, value, size)
        is_merge = is_plain and event.tag is None and event.value == "<<" and bool(self._levels) and self._levels[-1].key is None
        self._put(_MERGE if is_merge else value, size, line)

    def _keep(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = value, size

    def _put(self, value: Any, size: int, line: int) -> None:
        """Put what is complete to where it belongs."""
        if not self._levels:
            self.root = value
            return
        level = self._levels[-1]
        level.size += size
        if isinstance(level.value, list):
            self._note(line)
            level.value.append(value)
            level.key += 1
        elif level.key is None:
            if value is not _MERGE and not isinstance(value, str):
                raise Unreadable("a key that is not a text: quote it", line)
            if value in level.value or (value is _MERGE and level.merged):
                raise Unreadable("a key comes twice in an object", line)
            level.key = value
            self._note(line)
        elif level.key is _MERGE:
            level.merged = value if isinstance(value, list) else [value]
            if not all([isinstance(each, dict) for each in level.merged]):
                raise Unreadable("<< takes an object, or an array of them", line)
            level.key = None
        else:
            level.value[level.key] = value
            level.key = None

    def _note(self, line: int) -> None:
        if self._levels:
            self.lines.setdefault(tuple([level.key for level in self._levels]), line)


def _events(text: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = _QUOTED.sub("…", error.problem or "")  # it quotes
        raise Unreadable(f"this is not YAML: {reason}", None if mark is None else mark.line + 1) from None
    except YAMLError as error:
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        raise Unreadable("this is not YAML: it has characters that YAML does not allow", line) from None
    except (ValueError, OverflowError):  # an escape of a character that does not exist
        raise Unreadable("this is not YAML") from None


def _atom(event: ScalarEvent, line: int) -> Any:
    tag: str | None = event.tag
    text: str = event.value
    if tag in _TEXTS or (tag is None and event.style is not None):
        return text
    if tag is not None and tag not in _ATOMS:
        raise Unreadable("a tag that JSON has no type for", line)
    value = _resolved(text, line)
    if tag is None:
        return value
    kinds = _ATOMS[tag]
    if type(value) not in kinds:
        raise Unreadable("a value does not fit its tag", line)
    return value


def _resolved(text: str, line: int = 1) -> Any:
    """Return what a plain scalar means in the core schema."""
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    try:
        if _INTEGER.fullmatch(text):
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        if _FLOAT.fullmatch(text):
            return float(text)
    except ValueError:
        raise Unreadable("a number has too many digits", line) from None
    if _NOT_FINITE.fullmatch(text):
        raise Unreadable("a number that is not finite", line)
    return text
