"""
From the files of a commit to its parameters: the files of each layer side by side, one layer over the other, and what schemas say.

Everything is bounded, and nothing that is told of a problem repeats a value.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import is_
from typing import Final, TypeAlias

from deltamesh.parameters.content.compliance import Compliance
from deltamesh.parameters.content.folders import SCHEMAS, folders, place_of
from deltamesh.parameters.content.layers import MAX_PARAMETERS, MAX_PROBLEMS, Held, Layer, Placed, Problem, overlay, place, side_by_side
from deltamesh.parameters.names import objection
from deltamesh.parameters.text import formats
from deltamesh.parameters.text.document import Document, Unreadable

__all__ = ["Blob", "Files", "Held", "NotGood", "Problem", "Reading"]

MAX_FILES: Final = 10_000
"""Files with parameters or schemas in a commit."""

MAX_TEXT: Final = 16 << 20
"""Bytes of all of them."""

MAX_SIZE: Final = 5_500_000
"""Bytes that all parameters may take in a transaction. A leader takes 8 MiB, in which as many others may have to go at the same time."""

KEPT: Final = 32 << 20
"""Bytes of files that are kept parsed."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What a file contains, by the name that git has for it."""

    id: str
    size: int
    """Bytes."""


Files: TypeAlias = Mapping[str, Blob]
"""All files of a commit by path, without symbolic links and submodules."""


class NotGood(Exception):
    """The parameters of a commit cannot be read, or break a schema."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = sorted(problems, key=lambda each: (each.file or "", each.line or 0, each.name or "", each.reason))
        self.problems: tuple[Problem, ...] = tuple(found[:MAX_PROBLEMS])
        """At least one, by file and line."""
        first = found[0]
        super().__init__(f"{len(found)} problems, the first in {first.file}, line {first.line}: {first.reason}")


@dataclass(frozen=True, slots=True)
class _Side:
    """A layer as it was made last."""

    files: list[Placed]
    layer: Layer
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What came of parsing a file: a document, or why there is none."""

    size: int
    document: Document | None
    line: int | None = None
    reason: str = ""


_NO_FILE: Final = "", Placed("", "")


class Reading:
    """
    Reads commits of one repository, in an `environment` and a `region` if they are named; `load(id)` returns the bytes of a blob.

    Files that have been parsed are kept, and what was made of the last commit. So a commit costs parsing what it changes, and copying.
    For one thread at a time.
    """

    def __init__(self, load: Callable[[str], bytes], *, environment: str | None = None, region: str | None = None) -> None:
        self.num_loads = 0
        """Times that a file was loaded."""
        self.num_files = 0
        """Files with parameters or schemas in the last commit."""
        self.layers = [*folders((), environment, region)]
        """The names of the layers, the earliest first."""
        self._load, self._environment, self._region = load, environment, region
        self._parsed: OrderedDict[tuple[str, str], _Parsed] = OrderedDict()  # by blob and suffix, the last used last
        self._size_of_parsed = 0
        self._paths: dict[tuple[str, bool], tuple[str, str] | None] = {}  # where a file belongs, by path and whether there is a base
        # of the last commit:
        self._placed: dict[str, dict[str, tuple[str, Placed]]] = {}  # by layer and path, the blob and what it has
        self._sides: dict[str, _Side] = {}
        self._overlaid: tuple[list[Layer], dict[str, Held]] = ([], {})
        self._compliance = Compliance()
        self._touched: set[str] = set()  # names in files that are not what they were when schemas were asked

    def read(self, files: Files) -> dict[str, Held]:
        """
        Return the parameters by name.

        Raises:
            NotGood: with what is wrong. What `load` raises is passed on.
        """
        found = self._found(files)
        schemas = found.pop(SCHEMAS)
        self.num_files = len(schemas) + sum(map(len, found.values()))
        _bound("files", self.num_files, MAX_FILES)
        sizes = [files[path].size for paths in (schemas, *found.values()) for path in paths]
        _bound("bytes in files", sum([size for size in sizes if size <= formats.MAX_FILE]), MAX_TEXT)
        sides = [self._side(layer, paths, files) for layer, paths in found.items()]
        documents, problems = self._documents(schemas, files)
        problems += [problem for side in sides for problem in side.problems]
        if problems:  # with a file missing, what a schema says would be misleading
            raise NotGood(problems)
        _bound("bytes of parameters", sum([placed.size for side in sides for placed in side.files]), MAX_SIZE)
        values = self._over_each_other([side.layer for side in sides])
        _bound("parameters", len(values), MAX_PARAMETERS)
        touched, self._touched = self._touched, set()
        if problems := self._compliance.problems(documents, values, touched, self._line_of):
            raise NotGood(problems)
        return dict(values)

    def _found(self, files: Files) -> dict[str, dict[str, str]]:
        """Return the names that paths make, by layer and path, of those files that count."""
        layers = folders(files, self._environment, self._region)
        is_in_folder = bool(layers["base"])
        found: dict[str, dict[str, str]] = {layer: {} for layer in (*layers, SCHEMAS)}
        if len(self._paths) > 10 * MAX_FILES:
            self._paths.clear()
        for path in files:
            key = path, is_in_folder
            if key not in self._paths:
                self._paths[key] = place_of(path, layers)
            if belongs := self._paths[key]:
                found[belongs[0]][path] = belongs[1]
        return found

    def _side(self, layer: str, paths: Mapping[str, str], files: Files) -> _Side:
        """Return one layer, the last one if its files are the same."""
        before = self._placed.get(layer, {})
        now: dict[str, tuple[str, Placed]] = {}
        for path, prefix in sorted(paths.items()):
            blob = files[path]
            known = before.get(path)
            now[path] = known if known is not None and known[0] == blob.id else (blob.id, self._place(layer, path, prefix, blob))
        self._placed[layer] = now
        placed = [each for _, each in now.values()]
        side = self._sides.get(layer)
        if side is None or len(side.files) != len(placed) or not all(map(is_, side.files, placed)):
            for path in before.keys() | now.keys():
                _, old = before.get(path, _NO_FILE)
                _, new = now.get(path, _NO_FILE)
                if old is not new:
                    self._touched |= old.values.keys() | new.values.keys()
            made, problems = side_by_side(placed)
            side = self._sides[layer] = _Side(placed, made, [*[problem for each in placed for problem in each.problems], *problems])
        return side

    def _place(self, layer: str, path: str, prefix: str, blob: Blob) -> Placed:
        document = self._document(path, prefix, blob)
        return Placed(path, prefix, None, problems=[document]) if isinstance(document, Problem) else place(path, prefix, layer, document)

    def _documents(self, schemas: Mapping[str, str], files: Files) -> tuple[dict[str, tuple[str, str, Document]], list[Problem]]:
        """Return the name that its path makes, the blob, and the content of each schema; and what is wrong with these files."""
        documents: dict[str, tuple[str, str, Document]] = {}
        problems: list[Problem] = []
        for path, prefix in schemas.items():
            document = self._document(path, prefix, files[path])
            if isinstance(document, Problem):
                problems.append(document)
            else:
                documents[path] = prefix, files[path].id, document
        return documents, problems

    def _document(self, path: str, prefix: str, blob: Blob) -> Document | Problem:
        if why := objection(prefix):
            return Problem(path, None, None, f"its path makes no name: {why}")
        key = blob.id, path[path.rindex(".") :]
        parsed = self._parsed.get(key)
        if parsed is None:
            parsed = self._parsed[key] = self._parse(blob, key[1])
            self._size_of_parsed += parsed.size
            while self._size_of_parsed > KEPT:
                self._size_of_parsed -= self._parsed.popitem(last=False)[1].size
        else:
            self._parsed.move_to_end(key)
        return Problem(path, parsed.line, None, parsed.reason) if parsed.document is None else parsed.document

    def _parse(self, blob: Blob, suffix: str) -> _Parsed:
        try:
            if blob.size > formats.MAX_FILE:
                raise formats.too_large(blob.size)
            self.num_loads += 1
            return _Parsed(blob.size, formats.parse(self._load(blob.id), suffix))
        except Unreadable as error:
            return _Parsed(0, None, error.line, error.reason)

    def _over_each_other(self, layers: list[Layer]) -> dict[str, Held]:
        """Return the parameters of `layers`, the last result if these are the same."""
        last, values = self._overlaid
        if len(last) != len(layers) or not all(map(is_, last, layers)):
            values = reduce(overlay, layers).values
            self._overlaid = layers, values
        return values

    def _line_of(self, name: str, held: Held) -> int | None:
        return self._placed[held.layer][held.file][1].line_of(name)


def _bound(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise NotGood([Problem(None, None, None, f"there are {count} {what}; {limit} are allowed")])
