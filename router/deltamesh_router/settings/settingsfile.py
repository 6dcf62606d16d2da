"""
Reading `router/router.toml`: every mistake is one line that names the file, the place in it, and what to write instead.

Two processes read it: the first one, so that nothing starts with a faulty file, and the worker, which uses what it says.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

import msgspec
from msgspec import Struct, inspect

from deltamesh_router.settings.settings import DEFAULT, CallRule, Insight, Limits, Settings

MAX_FILE: Final = 1 << 20
"""Bytes of the file. A rule takes about 100."""

MAX_SHOWN: Final = 60
"""Characters of a wrong value that are repeated."""

VARIABLE: Final = "DELTAMESH_ROUTER_SETTINGS"
"""Environment variable by which the first process tells the worker where the settings come from."""

_EXACT: Final = re.compile(r"[^\s.#]+(\.[^\s.#]+)*")
_PREFIX: Final = re.compile(r"[^\s#]*")
_WILDCARD: Final = re.compile(r"[^\s.#]*(\.[^\s.#]*)+")

_Table = TypeVar("_Table", CallRule, Limits, Insight)


class SettingsError(Exception):
    """The settings cannot be used; the message is one line: file, place, what is wrong, what to do."""


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the settings come from."""

    path: str
    is_optional: bool = False
    """Whether the file may be missing; everything has its default then."""
    insight_port: int | None = None
    """What the command line says, which goes before the file."""

    def read(self) -> Settings:
        """
        Return the settings as they are now.

        Raises:
            SettingsError: the file cannot be used.
        """
        settings = DEFAULT if self.is_optional and not Path(self.path).exists() else read(Path(self.path))
        if self.insight_port is None:
            return settings
        return msgspec.structs.replace(settings, insight=msgspec.structs.replace(settings.insight, port=self.insight_port))

    def export(self) -> None:
        """Put this into the environment of this process, which the worker inherits."""
        os.environ[VARIABLE] = msgspec.json.encode(self).decode()

    @classmethod
    def inherited(cls) -> Source:
        """
        Return what the first process exported.

        Raises:
            SettingsError: it did not arrive.
        """
        try:
            return msgspec.json.decode(os.environ.get(VARIABLE, ""), type=cls)
        except msgspec.DecodeError as error:
            raise SettingsError(
                f"the worker is not told where its settings are ({VARIABLE}): let it inherit the environment, "
                'by removing "env" from the "options" of the worker in the node configuration'
            ) from error


def source(directory: Path, path: Path | None, insight_port: int | None) -> Source:
    """Return where the settings for a node directory come from: `path`, else `router/router.toml` beside the directory, if that exists."""
    if path is not None:
        return Source(str(path.absolute()), is_optional=False, insight_port=insight_port)
    return Source(str(directory.parent / "router" / "router.toml"), is_optional=True, insight_port=insight_port)


def read(path: Path) -> Settings:
    """
    Return the settings in a file.

    Raises:
        SettingsError: it cannot be read, or says something that is not understood.
    """
    try:
        return parsed(_text(path))
    except SettingsError as error:
        raise SettingsError(f"{_short(path)}: {error}") from error


def parsed(text: str) -> Settings:
    """
    Return the settings that a text in TOML says.

    Raises:
        SettingsError: as `read`, without the name of the file.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        lines = text.rstrip("\n").split("\n")
        end = f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end of the file"
        raise SettingsError(f"it is not TOML: {str(error).replace('at end of document', end)}") from error
    except RecursionError as error:
        raise SettingsError("something in it is nested too deeply: settings are tables of plain values") from error
    except ValueError as error:
        raise SettingsError("a number in it has thousands of digits: write a smaller one") from error
    _check_names("", tables, Settings)
    limits = _table("limits", tables.get("limits", {}))
    return Settings(
        calls=_rules(tables.get("calls", [])),
        limits=_converted("limits", limits, Limits),
        # what a role does not say is as for everybody
        roles={
            role: _converted(f"roles.{role}", {**limits, **_table(f"roles.{role}", table)}, Limits)
            for role, table in _table("roles", tables.get("roles", {})).items()
        },
        insight=_converted("insight", _table("insight", tables.get("insight", {})), Insight),
    )


def _text(path: Path) -> str:
    try:
        with open(path, "rb", opener=_opened_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SettingsError("it is not a file: name one with --settings")
            content = file.read(MAX_FILE + 1)
    except IsADirectoryError as error:
        raise SettingsError("it is not a file: name one with --settings") from error
    except FileNotFoundError as error:
        raise SettingsError("there is no such file: name another one with --settings") from error
    except OSError as error:
        raise SettingsError(f"it cannot be read ({error.strerror}): make it readable for the user who runs the router") from error
    if len(content) > MAX_FILE:
        raise SettingsError(f"it has more than {MAX_FILE} bytes: rules with a prefix or a wildcard need less")
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"line {line} is not UTF-8: save it as that") from error


def _opened_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would be waited for


def _rules(rules: Any) -> tuple[CallRule, ...]:
    if not isinstance(rules, list):
        raise SettingsError("calls is not a list: write [[calls]], with two brackets, above each rule")
    found: list[CallRule] = []
    places: dict[tuple[str, str], str] = {}
    for number, table in enumerate(rules):
        place = f"calls[{number}]"
        rule = _converted(place, _table(place, table), CallRule)
        _check_rule(place, rule, table)
        other = places.setdefault((rule.match, rule.uri), place)
        if other != place:
            raise SettingsError(f"{place} is for {rule.match} {rule.uri!r:.{MAX_SHOWN}}, as {other} is: make one of them")
        found.append(rule)
    return tuple(found)


def _check_rule(place: str, rule: CallRule, table: dict[str, Any]) -> None:
    uri = f"{place}.uri {_shown(rule.uri)}" if "uri" in table else f"{place} has no uri"
    if rule.match == "exact" and not _EXACT.fullmatch(rule.uri):
        remedy = 'write a URI such as "com.example.poll.open"'
        if "match" not in table and _PREFIX.fullmatch(rule.uri):
            remedy += ', or add match = "prefix" or "wildcard"'
        raise SettingsError(f"{uri}: {remedy}")
    if rule.match == "prefix" and not ("uri" in table and _PREFIX.fullmatch(rule.uri)):
        raise SettingsError(f'{uri}: write the beginning of URIs, such as "com.example.poll.", or "" for all')
    if rule.match == "wildcard" and not _WILDCARD.fullmatch(rule.uri):
        raise SettingsError(f'{uri}: write a URI without the parts that may be anything, such as "com.example..open"')
    if "key" in table and rule.choose != "affinity":
        raise SettingsError(f'{place}.key is of no use without choose = "affinity": add that, or remove the key')


def _table(place: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{place} is {_shown(value)}: write [{place}] on a line of its own, and below it what is set")
    return value


def _converted(place: str, table: dict[str, Any], kind: type[_Table]) -> _Table:
    _check_names(place, table, kind)
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    for name, value in table.items():
        try:
            values[name] = msgspec.convert(value, hints[name])
        except msgspec.ValidationError as error:
            whose = f" (of {_shown(table['uri'])})" if name != "uri" and "uri" in table else ""
            raise SettingsError(f"{place}.{name}{whose} is {_shown(value)}: write {_allowed(hints[name])}") from error
    return kind(**values)


def _check_names(place: str, table: dict[str, Any], kind: type[Struct]) -> None:
    known = kind.__struct_fields__
    for name in table:
        if name not in known:
            where = f"{place}.{name:.{MAX_SHOWN}}" if place else f"{name:.{MAX_SHOWN}}"
            likely = get_close_matches(name, known, 1)
            remedy = f"did you mean {likely[0]}?" if likely else f"there are {', '.join(known)}"
            raise SettingsError(f"{where} is unknown: {remedy}")


def _allowed(hint: Any) -> str:
    """Say in words what values a setting can have."""
    return _words(inspect.type_info(hint))


def _words(kind: Any) -> str:
    match kind:
        case inspect.UnionType():
            return " or ".join([_words(each) for each in kind.types if not isinstance(each, inspect.NoneType)])
        case inspect.LiteralType():
            return " or ".join([f'"{each}"' for each in kind.values])
        case inspect.IntType():
            return f"a whole number{_range(kind)}"
        case inspect.FloatType():
            return f"a number{_range(kind)}"
    return "text in quotes"


def _range(kind: Any) -> str:
    if kind.le is not None:
        return f" from {kind.ge} to {kind.le}" if kind.ge is not None else f" above {kind.gt}, at most {kind.le}"
    return f", {kind.ge} or more"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " …"


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
