"""
Where the members of an object stand in a text, so that one of them can be changed and all else stays as it was written. Pure.

For JSON and YAML; offsets count characters. The text has to be readable: these functions check nothing that a parser checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_ALIAS: Final = re.compile(r"\s*(\*[^\s,\[\]{}]+)")
_MERGE: Final = "tag:yaml.org,2002:merge"

Segments: TypeAlias = tuple[str, ...]
"""The rest of a name below that of its file; empty, if the file is the value."""

ABOVE_NAMES: Final = "there are names below it"
BELOW_VALUE: Final = "what it is below is a value: remove that first"
ELSEWHERE: Final = "it comes from another place of the file: edit that by hand"
"""Why a member cannot be changed."""


class Unalterable(ValueError):
    """A member cannot be changed; the reason says why, without values."""

    def __init__(self, segments: Segments, reason: str) -> None:
        super().__init__(reason)
        self.segments = segments
        self.reason = reason


@dataclass(slots=True)
class Part:
    """A value: `text[start:end]`, without comments around it. Nothing, if it is not written at all, as YAML lets a null be."""

    start: int
    end: int
    members: list[Member] | None = None
    """Of an object, in their order; None for every other value, and for an alias."""
    is_flow: bool = True
    """Whether an object or array is written with brackets."""
    is_literal: bool = False
    """Whether a text is written in lines of its own, behind `|`."""
    is_alias: bool = False
    """Whether YAML says by an alias what is written elsewhere."""
    merges: bool = False
    """Whether an object takes members over from another one (`<<` of YAML), which are not listed."""


@dataclass(slots=True)
class Member:
    """A key, which may have dots, and its value."""

    key: str
    start: int
    """Where the key begins."""
    colon: int
    """Behind the colon."""
    value: Part
    segments: Segments = field(init=False)

    def __post_init__(self) -> None:
        self.segments = tuple(self.key.split("."))


def json_outline(text: str) -> Part:
    """Return the outline of a JSON text."""
    return _json_part(text, _skip(text, 0))


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    assert found is not None, "it matches nothing as well"
    return found.end()


def _json_part(text: str, start: int) -> Part:
    if text[start] != "{":
        _, end = _DECODER.raw_decode(text, start)
        return Part(start, end)
    members = []
    at = _skip(text, start + 1)
    while text[at] != "}":
        key_start = at
        key, at = _DECODER.raw_decode(text, at)
        colon = _skip(text, at) + 1
        value = _json_part(text, _skip(text, colon))
        members.append(Member(key, key_start, colon, value))
        at = _skip(text, value.end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return Part(start, at + 1, members)


_DECODER: Final = JSONDecoder()


def yaml_outline(text: str) -> Part:
    """Return the outline of a YAML text of one document, which may be empty."""
    node = YAML(typ="safe", pure=True).compose(text)
    return Part(len(text), len(text)) if node is None else _yaml_part(text, node)


def _yaml_part(text: str, node: Any) -> Part:
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, MappingNode):
        listed = list(_yaml_members(text, node))
        members = [member for member, (key, _) in zip(listed, node.value, strict=True) if key.tag != _MERGE]
        return Part(
            start, end if node.flow_style else listed[-1].value.end, members, bool(node.flow_style), merges=len(members) < len(listed)
        )
    if isinstance(node, ScalarNode):
        if node.style in ("|", ">"):  # its end is where the next thing begins
            return Part(start, start + len(text[start:end].rstrip()), is_literal=True)
        return Part(start, end)
    if node.flow_style:
        return Part(start, end)
    return Part(start, _yaml_part(text, node.value[-1]).end if node.value[-1].start_mark.index >= start else end, is_flow=False)


def _yaml_members(text: str, node: Any) -> Iterator[Member]:
    for key, value in node.value:
        colon = text.index(":", key.end_mark.index) + 1
        if value.start_mark.index < key.end_mark.index:  # of an alias the parser gives what it stands for
            alias = _ALIAS.match(text, colon)
            assert alias is not None, "what is before its key is written elsewhere"
            part = Part(alias.start(1), alias.end(1), is_alias=True)
        elif value.start_mark.index == value.end_mark.index:  # nothing; the parser says it is where the next thing begins
            part = Part(colon, colon)
        else:
            part = _yaml_part(text, value)
        yield Member(key.value, key.start_mark.index, colon, part)
