"""
Changing parameters where they stand: which layer, which file, and what the file is to be then. Pure.

    edit(Shelf(texts), {"payment.limits.daily": (7,), "payment.fee": ()})      # a new value, and a removal

Reading the edited files gives the asked-for values and changes no other name of their layer: that is checked, and what cannot be done
so is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from posixpath import splitext
from typing import Final, TypeAlias

from deltamesh.parameters.content.folders import folders, place_of, placing
from deltamesh.parameters.content.layers import place
from deltamesh.parameters.content.reading import NotGood, Problem
from deltamesh.parameters.names import beginnings, objection
from deltamesh.parameters.text import formats
from deltamesh.parameters.text.alteration import altered, written
from deltamesh.parameters.text.document import Unreadable
from deltamesh.parameters.text.outline import Segments, Unalterable
from deltamesh.values import JSON, same

BASE: Final = "base"
NEW_SUFFIX: Final = ".yaml"
"""Of a new file, where a layer has none: people can write comments in it."""

BY_HAND: Final = "the file cannot be edited so that nothing else in it changes: edit it by hand"

_FILE: Final = re.compile(r"\w[\w@+=,-]*")
"""What a new file may be called."""

Changes: TypeAlias = Mapping[str, Sequence[JSON]]
"""By name its new value, which is frozen, in a sequence; an empty one: it is removed."""


class Shelf:
    """
    The files of one commit, in which parameters are looked for.

    Args:
        texts: by path; they are looked at when they are needed.
        environment, region: which later layers there are.
    """

    def __init__(self, texts: Mapping[str, str], environment: str | None = None, region: str | None = None) -> None:
        self.texts = texts
        self.folders = folders(texts, environment, region)
        """Of each layer, the earliest first."""
        self._placing = placing(texts, environment, region)
        self._paths: dict[str, dict[str, list[str]]] = {layer: {} for layer in self.folders}  # by layer and name of the file
        for path, (layer, name) in sorted(self._placing.items()):
            self._paths[layer].setdefault(name, []).append(path)
        self._members: dict[str, dict[str, JSON]] = {}

    def counts(self, path: str) -> bool:
        """Whether a file is one of a layer."""
        return path in self._placing

    def place_of(self, path: str) -> tuple[str, str]:
        """Return the layer and the name of a file, which need not be there yet."""
        found = place_of(path, self.folders)
        assert found is not None, "it is in a layer"
        return found

    def paths_of(self, layer: str) -> list[str]:
        """Return the files of a layer."""
        return [path for paths in self._paths[layer].values() for path in paths]

    def candidates(self, name: str, layer: str) -> list[str]:
        """Return the files of a layer that can have a parameter, those with the longest name first."""
        return [path for each in [name, *[*beginnings(name)][::-1]] for path in self._paths[layer].get(each, ())]

    def members(self, path: str) -> dict[str, JSON]:
        """
        Return the parameters of a file by name.

        Raises:
            NotGood: it cannot be read.
        """
        known = self._members.get(path)
        if known is None:
            known = self._members[path] = members(path, self.place_of(path), self.texts[path])
        return known

    def file_of(self, name: str, layer: str) -> str | None:
        """Return the file of a layer that has a parameter."""
        return next((path for path in self.candidates(name, layer) if name in self.members(path)), None)

    def layer_of(self, name: str) -> str | None:
        """Return the last layer that has a parameter."""
        return next((layer for layer in reversed(self.folders) if self.file_of(name, layer) is not None), None)

    def values_of(self, name: str) -> dict[str, JSON]:
        """Return what each layer says of a parameter, if it says anything."""
        found = {layer: self.file_of(name, layer) for layer in self.folders}
        return {layer: self.members(path)[name] for layer, path in found.items() if path is not None}


def members(path: str, where: tuple[str, str], text: str) -> dict[str, JSON]:
    """
    Return the parameters that a file has by itself, by name.

    Raises:
        NotGood: it cannot be read.
    """
    layer, prefix = where
    try:
        placed = place(path, prefix, layer, formats.parse(text.encode(), splitext(path)[1]))
    except Unreadable as error:
        raise NotGood((Problem(path, error.line, None, error.reason),)) from error
    if placed.problems:
        raise NotGood(placed.problems)
    return {name: held.value for name, held in placed.values.items()}


def edit(shelf: Shelf, changes: Changes, layer: str | None = None) -> dict[str, str | None]:
    """
    Return the texts of the files that have to be other ones, by path; None: the file has to go.

    Args:
        shelf: the files as they are.
        changes: new values, and what is to go.
        layer: where the changes are made; if it is not given, each where the parameter has its value from, and new ones in the base.

    Raises:
        NotGood: something cannot be changed; with all reasons.
    """
    problems: list[Problem] = []
    if layer is not None and layer not in shelf.folders:
        raise NotGood((Problem(None, None, None, f"there is no layer {layer!r:.40}; there is {', '.join(shelf.folders)}"),))
    work: dict[str, dict[str, Sequence[JSON]]] = {}  # changes by file
    for name, new in changes.items():
        try:
            work.setdefault(_place(shelf, name, new, layer), {})[name] = new
        except NotGood as error:
            problems += error.problems
    edited: dict[str, str | None] = {}
    for path, wanted in work.items():
        try:
            text = _edited(shelf, path, wanted)
        except NotGood as error:
            problems += error.problems
        else:
            if text != shelf.texts.get(path):
                edited[path] = text
    if problems:
        raise NotGood(tuple(problems))
    return edited


def _place(shelf: Shelf, name: str, new: Sequence[JSON], layer: str | None) -> str:
    """Return the file that a change belongs into, which need not be there yet."""
    wrong = objection(name)
    if wrong is not None:
        raise NotGood((Problem(None, None, None, wrong),))
    if new and isinstance(new[0], dict) and new[0]:
        raise NotGood((Problem(None, None, name, "an object is no value: give its members by their own names"),))
    where = layer or shelf.layer_of(name)
    found = None if where is None else shelf.file_of(name, where)
    if found is not None:
        return found
    if not new:
        raise NotGood(
            (Problem(None, None, name, "there is no such parameter" if layer is None else f"the layer {layer} does not have it"),)
        )
    where = where or BASE
    near = shelf.candidates(name, where)
    return near[0] if near else _new_file(shelf, name, where)


def _new_file(shelf: Shelf, name: str, layer: str) -> str:
    """Return the path of a new file for a parameter, with the suffix that is the usual one in its layer."""
    suffixes = Counter([splitext(path)[1] for path in shelf.paths_of(layer)])
    suffix = max(suffixes, key=lambda each: (suffixes[each], each == NEW_SUFFIX, each), default=NEW_SUFFIX)
    first, _, rest = name.partition(".")
    if not _FILE.fullmatch(first):
        raise NotGood((Problem(None, None, name, "there is no file for it, and none can be called so"),))
    if not rest and suffix == ".toml":  # which cannot be a value itself
        suffix = NEW_SUFFIX
    return f"{shelf.folders[layer]}{first}{suffix}"


def _edited(shelf: Shelf, path: str, wanted: Mapping[str, Sequence[JSON]]) -> str | None:
    """Return what a file is to be with these changes, which belong into it; checked."""
    _, below = shelf.place_of(path)
    suffix = splitext(path)[1]
    gone = [_segments(name, below) for name, new in wanted.items() if not new]
    values = {_segments(name, below): new[0] for name, new in wanted.items() if new}
    old = shelf.texts.get(path)
    try:
        new = written(suffix, values) if old is None else altered(old, suffix, gone, values)
    except Unalterable as error:
        raise NotGood((Problem(path, None, ".".join([below, *error.segments]), error.reason),)) from error
    expected = {} if old is None else {name: value for name, value in shelf.members(path).items() if name not in wanted}
    expected |= {name: value[0] for name, value in wanted.items() if value}
    try:
        found = {} if new is None else members(path, shelf.place_of(path), new)
    except NotGood as error:
        if error.problems[0].name is not None:  # a value that no file may have
            raise
        found = {}
    if found.keys() != expected.keys() or not all([same(value, expected[name]) for name, value in found.items()]):
        raise NotGood((Problem(path, None, next(iter(wanted)), BY_HAND),))
    return new


def _segments(name: str, below: str) -> Segments:
    """Return the rest of a name in a file that is called `below`."""
    return tuple(name[len(below) + 1 :].split(".")) if name != below else ()
