"""
A small reading of a repository from scratch, which shares no code with what it checks: what the parameters are at a commit.

The repository is read with the git command, JSON with Python's own parser, TOML with tomllib. Nothing is kept but what cannot change:
the parameters after a commit, which are a function of the commit.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any, Final

import jsonschema
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tests.parameters.proof.gitserver import git

SUFFIXES: Final = (".json", ".yaml", ".yml", ".toml")
LAYERS: Final = ("base", "environments", "regions", "schemas")


class NotGood(Exception):
    """The commit is not good; the message says why, for people."""


@dataclass(frozen=True)
class Now:
    """What is known after a commit."""

    good: str | None = None
    """The newest good commit."""
    problem: str = ""
    """Why the commit is not good."""
    parameters: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    """Name -> value, and the commit that last changed it."""

    @property
    def values(self) -> dict[str, Any]:
        """Name -> value."""
        return {name: value for name, (value, _) in self.parameters.items()}


class Oracle:
    """Reads the repository at `path`, for one environment and one region."""

    def __init__(self, path: Path, environment: str | None, region: str | None) -> None:
        self._path = path
        self._layers = [f"environments/{environment}/" * bool(environment), f"regions/{region}/" * bool(region)]
        self._known: dict[str, Now] = {}

    def at(self, commit: str) -> Now:
        """Return what is known after a commit, of it and its first parents."""
        chain = git(self._path, "rev-list", "--first-parent", commit).decode().split()
        unknown = []
        now = Now()
        for each in chain:
            if each in self._known:
                now = self._known[each]
                break
            unknown.append(each)
        for each in reversed(unknown):
            now = self._known[each] = self._after(now, each)
        return now

    def _after(self, before: Now, commit: str) -> Now:
        try:
            values = self.values(commit)
        except NotGood as error:
            return Now(before.good, str(error), before.parameters)
        parameters = {name: (value, commit) for name, value in values.items()}
        kept = {name: held for name, held in before.parameters.items() if name in values and _same(held[0], values[name])}
        parameters |= kept
        return Now(commit, "", parameters)

    def values(self, commit: str) -> dict[str, Any]:
        """
        Return the values that the files of a commit say, by name.

        Raises:
            NotGood: they cannot be read, or their schemas do not allow it.
        """
        files = self._files(commit)
        base = "base/" if any(name.startswith("base/") for name in files) else ""
        merged: dict[str, Any] = {}
        for prefix in [base, *filter(None, self._layers)]:
            layer: dict[str, Any] = {}
            for name, text in files.items():
                inside = name.removeprefix(prefix)
                is_other = not prefix and (name.split("/")[0] in LAYERS[1:] or name.startswith("."))
                if name.startswith(prefix) and not is_other:
                    _add(layer, name, PurePosixPath(inside).with_suffix("").as_posix().replace("/", "."), _parsed(name, text))
            for one in layer:
                for other in layer:
                    if other.startswith(f"{one}."):
                        raise NotGood(f"{one} is a value and a beginning of {other}")
            for name in layer:
                for other in [each for each in merged if each.startswith(f"{name}.") or name.startswith(f"{each}.")]:
                    del merged[other]
            merged |= layer
        for name, text in files.items():
            if name.startswith("schemas/"):
                below = PurePosixPath(name.removeprefix("schemas/")).with_suffix("").as_posix().replace("/", ".")
                _allow(_parsed(name, text), merged, "" if below == "_" else below, name)
        return merged

    def _files(self, commit: str) -> dict[str, bytes]:
        listed = git(self._path, "ls-tree", "-r", "-z", commit).decode().split("\0")[:-1]
        entries = [each.split("\t", 1) for each in listed]
        wanted = [(name, what.split()[2]) for what, name in entries if PurePosixPath(name).suffix in SUFFIXES and what.startswith("100")]
        out = git(self._path, "cat-file", "--batch", stdin="".join(f"{blob}\n" for _, blob in wanted).encode())
        files: dict[str, bytes] = {}
        at = 0
        for name, _ in wanted:
            end = out.index(b"\n", at)
            size = int(out[at:end].split()[2])
            files[name] = out[end + 1 : end + 1 + size]
            at = end + size + 2
        return files


def _parsed(name: str, content: bytes) -> Any:
    try:
        text = content.decode("utf-8", "strict")
        match PurePosixPath(name).suffix:
            case ".json":
                return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
            case ".toml":
                return tomllib.loads(text)
            case _:
                return YAML(typ="safe", pure=True).load(StringIO(text))
    except (ValueError, YAMLError) as error:
        raise NotGood(f"{name}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _add(layer: dict[str, Any], file: str, name: str, value: Any) -> None:
    for each, leaf in _leaves(name, value):
        if any(not segment or " " in segment for segment in each.split(".")):
            raise NotGood(f"{file}: a name with an empty or blank segment")
        if each in layer:
            raise NotGood(f"{file}: {each} comes twice")
        layer[each] = leaf


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inside in value.items():
            if not isinstance(key, str):
                raise NotGood(f"{name}: a key that is not text")
            yield from _leaves(f"{name}.{key}", inside)
    else:
        yield name, value


def _allow(schema: Any, merged: Mapping[str, Any], below: str, file: str) -> None:
    nested: dict[str, Any] = {}
    for name, value in merged.items():
        if below and not name.startswith(f"{below}."):
            continue
        *path, last = name.removeprefix(f"{below}." if below else "").split(".")
        inner = nested
        for segment in path:
            inner = inner.setdefault(segment, {})
        inner[last] = value
    for error in jsonschema.Draft202012Validator(schema).iter_errors(nested):
        raise NotGood(f"{file}: {error.message}")


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
