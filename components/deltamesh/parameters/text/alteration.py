"""
Changing some members of one file: all else, comments, order, quotes and blanks included, stays as it was written. Pure.

JSON and YAML are changed where the member stands (see `outline`), TOML in `tables`.
Comments inside of an array that gets a new value go with it, and so do comments behind members that are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, TypeAlias

from ruamel.yaml.error import YAMLError

from deltamesh.parameters.text.notation import Group, grouped, json_member, json_value, yaml_block, yaml_literal, yaml_text, yaml_value
from deltamesh.parameters.text.outline import (
    ABOVE_NAMES,
    BELOW_VALUE,
    ELSEWHERE,
    Member,
    Part,
    Segments,
    Unalterable,
    json_outline,
    yaml_outline,
)
from deltamesh.parameters.text.tables import altered_tables
from deltamesh.values import JSON

Splice: TypeAlias = tuple[int, int, str]
"""From, to, and what is to be there instead."""

_DEFAULT_STEP: Final = "  "
_MARK: Final = "\ufeff"
"""The byte order mark, which some editors begin a file with."""


def altered(text: str, suffix: str, gone: Iterable[Segments], values: Mapping[Segments, JSON]) -> str | None:
    """
    Return `text`, of a file with this `suffix`, without the members `gone` and with `values`; None if nothing is left in it.

    Requires: it is readable, `gone` are in it, and values are frozen.

    Raises:
        Unalterable: a member cannot be changed without changing others.
    """
    if text.startswith(_MARK):
        new = altered(text.removeprefix(_MARK), suffix, gone, values)
        return None if new is None else _MARK + new
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        new = altered(text.replace("\r\n", "\n"), suffix, gone, values)
        return None if new is None else new.replace("\n", "\r\n")
    if suffix == ".toml":
        return altered_tables(text, list(gone), values)
    file = _File(text, suffix == ".json")
    try:
        shorter = file.without(list(gone))
        if shorter is None:
            return written(suffix, values) if values else None
        file = file.with_text(shorter)
        there = {each: value for each, value in values.items() if file.find(each) is not None}
        file = file.with_text(file.replaced(there))
        longer = file.extended({each: value for each, value in values.items() if each not in there})
    except YAMLError as error:
        raise Unalterable((), "another place of the file uses what stands here") from error
    if not text.endswith("\n"):
        longer = longer.removesuffix("\n")
    return longer


def written(suffix: str, values: Mapping[Segments, JSON]) -> str:
    """Return the text of a new file with these members, or of one that is a value itself."""
    if () in values:
        if suffix == ".toml":
            raise Unalterable((), "a file of TOML cannot be a value")
        return (json_value(values[()], "", _DEFAULT_STEP) if suffix == ".json" else yaml_value(values[()])) + "\n"
    group = grouped(dict(values))
    if suffix == ".json":
        return json_value(group, "", _DEFAULT_STEP) + "\n"
    if suffix == ".toml":
        return altered_tables("", [], values) or ""
    return "\n".join(yaml_block(group, "", _DEFAULT_STEP)) + "\n"


class _File:
    """A text of JSON or YAML, and what is where in it."""

    def __init__(self, text: str, is_json: bool) -> None:
        self.text = text
        self.is_json = is_json
        self.root = json_outline(text) if is_json else yaml_outline(text)
        self.step = self._step()

    def with_text(self, text: str) -> _File:
        """Return what the file is with another text."""
        return self if text == self.text else _File(text, self.is_json)

    def find(self, segments: Segments) -> list[tuple[Part, Member]] | None:
        """Return the way to a member, each with the object that it is in; nothing is needed for the file itself. None: it is not there."""
        return _find(self.root, segments)

    # Removing

    def without(self, gone: list[Segments]) -> str | None:
        """Return the text without members, and without the objects of which nothing is left."""
        if () in gone:
            return None
        ways = []
        for segments in gone:
            way = self.find(segments)
            if way is None:
                raise Unalterable(segments, ELSEWHERE)
            ways.append(way)
        doomed = {id(way[-1][1]) for way in ways}
        before = -1
        while len(doomed) != before:  # an object of which nothing is left goes too
            before = len(doomed)
            for way in ways:
                for (_, holder), (part, _) in pairwise(way):
                    if self._is_empty(part, doomed):
                        doomed.add(id(holder))
        if doomed and self._is_empty(self.root, doomed):
            return None
        return _spliced(self.text, self._removals(self.root, doomed))

    @staticmethod
    def _is_empty(part: Part, doomed: set[int]) -> bool:
        return not part.merges and all([id(member) in doomed for member in part.members or ()])

    def _removals(self, part: Part, doomed: set[int]) -> list[Splice]:
        members = part.members or []
        kept = [id(member) not in doomed for member in members]
        splices: list[Splice] = []
        for number, member in enumerate(members):
            if kept[number]:
                splices += self._removals(member.value, doomed)
            elif not part.is_flow:
                end = self.text.find("\n", member.value.end) + 1
                splices.append((self._line(member.start), end or len(self.text), ""))
            elif any(kept[:number]):
                splices.append((members[number - 1].value.end, member.value.end, ""))
            else:  # there is one behind, or nothing would be left
                splices.append((member.start, members[number + 1].start, ""))
        return splices

    # Replacing

    def replaced(self, values: Mapping[Segments, JSON]) -> str:
        """Return the text with other values of members that are there."""
        splices = []
        for segments, value in values.items():
            way = self.find(segments)
            assert way is not None, "it was found before"
            part = way[-1][1].value if way else self.root
            if part.members:
                raise Unalterable(segments, ABOVE_NAMES)
            splices.append(self._replacement(part, value, way[-1] if way else None))
        return _spliced(self.text, splices)

    def _replacement(self, part: Part, value: JSON, place: tuple[Part, Member] | None) -> Splice:
        old = self.text[part.start : part.end]
        if self.is_json:
            return part.start, part.end, json_value(value, self._indent(part.start), self.step, is_long="\n" in old)
        if place is None:
            return part.start, part.end, yaml_value(value)
        parent, member = place
        if part.is_literal and isinstance(value, str) and not parent.is_flow:
            literal = yaml_literal(value, self._indent(member.start) + self.step)
            if literal is not None:
                return part.start, part.end, literal
        if not part.is_flow and isinstance(value, list | tuple) and value:  # an array, item by item
            indent = " " * (part.start - self._line(part.start))
            return part.start, part.end, f"\n{indent}".join([f"- {yaml_value(item)}" for item in value])
        new = yaml_text(value, old[:1]) if isinstance(value, str) and old[:1] in ("'", '"') else yaml_value(value)
        between = self.text[member.colon : part.start].rstrip()  # comments, if the value stands on a line of its own
        return member.colon, part.end, f" {new}{between}"

    # Adding

    def extended(self, values: Mapping[Segments, JSON]) -> str:
        """Return the text with members that were not there, each at the end of the innermost object that has a part of its name."""
        rooms: dict[int, tuple[Part, dict[Segments, JSON]]] = {}
        for segments, value in values.items():
            part, rest = _room(self.root, segments, segments)
            rooms.setdefault(id(part), (part, {}))[1][rest] = value
        inner_first = sorted(rooms.values(), key=lambda room: -room[0].start)  # which matters where both end at one place
        return _spliced(self.text, [self._addition(part, grouped(rests)) for part, rests in inner_first])

    def _addition(self, part: Part, group: Group) -> Splice:
        text, members = self.text, part.members or []
        if not members:  # the file itself is empty, or an object without members
            if self.is_json:
                return part.start, part.end, json_value(group, "", self.step or _DEFAULT_STEP)
            return part.start, part.end, "\n".join(yaml_block(group, "", self.step))
        last = members[-1]
        if not part.is_flow:
            end = text.find("\n", last.value.end)
            lines = yaml_block(group, self._indent(members[0].start), self.step)
            return (end + 1, end + 1, "\n".join(lines) + "\n") if end >= 0 else (len(text), len(text), "\n" + "\n".join(lines))
        is_wide = "\n" in text[part.start : members[0].start]
        indent = self._indent(members[0].start)
        step = self.step if is_wide else ""
        before = f",\n{indent}" if is_wide else ", "
        new = [
            json_member(key, item, indent, step) if self.is_json else yaml_value(Group({key: item}))[1:-1] for key, item in group.items()
        ]
        return last.value.end, last.value.end, "".join([before + each for each in new])

    # Blanks

    def _line(self, at: int) -> int:
        """Return where the line begins that `at` is on."""
        return self.text.rfind("\n", 0, at) + 1

    def _indent(self, at: int) -> str:
        """Return the blanks that the line begins with that `at` is on."""
        found = re.compile(r"[ \t]*").match(self.text, self._line(at))
        return found.group() if found is not None else ""

    def _step(self) -> str:
        """Return how much further members of members begin here, as far as that can be seen; nothing for JSON on one line."""
        if self.is_json:
            members = self.root.members
            if members:
                return self._indent(members[0].start) if "\n" in self.text[self.root.start : members[0].start] else ""
            return _DEFAULT_STEP if self.root.members is None else ""
        for member in self.root.members or ():
            inner = member.value.members
            if inner and not member.value.is_flow:
                return self._indent(inner[0].start)
        return _DEFAULT_STEP


def _find(part: Part, segments: Segments) -> list[tuple[Part, Member]] | None:
    if not segments:
        return []
    for member in part.members or ():
        size = len(member.segments)
        if member.segments == segments[:size]:
            way = _find(member.value, segments[size:])
            if way is not None:
                return [(part, member), *way]
    return None


def _room(part: Part, segments: Segments, rest: Segments) -> tuple[Part, Segments]:
    """Return the innermost object on the way to `segments`, of which `rest` is left, and what is left there."""
    best = part, rest
    for member in part.members or ():
        size = len(member.segments)
        if member.segments[: len(rest)] == rest:
            raise Unalterable(segments, ABOVE_NAMES)
        if member.segments == rest[:size]:
            if member.value.is_alias:
                raise Unalterable(segments, ELSEWHERE)
            if not member.value.members:
                raise Unalterable(segments, BELOW_VALUE)
            found = _room(member.value, segments, rest[size:])
            best = min(best, found, key=lambda each: len(each[1]))
    return best


def _spliced(text: str, splices: Iterable[Splice]) -> str:
    """Return `text` with other pieces; of those at one place the order is kept."""
    pieces, at = [], 0
    for start, end, new in sorted(splices, key=lambda splice: splice[:2]):
        pieces += [text[at:start], new]
        at = max(at, end)
    return "".join([*pieces, text[at:]])
