"""How values and members are written in JSON and in YAML. Pure. What is written here reads the same in YAML 1.1 and 1.2."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from deltamesh.values import JSON

WIDTH: Final = 80
"""Characters up to which an array stands on one line."""

_PLAIN: Final = re.compile(r"[^\W\d][\w./@+-]*( [\w./@+-]+)*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", "nan", "inf"})
"""What somebody's YAML may not take as text."""


class Group(dict[str, Any]):
    """Members to be written, by key: values, or groups of such. An `Object` instead is a value in itself."""


def grouped(values: dict[tuple[str, ...], JSON]) -> Group:
    """Return values by segments as nested groups."""
    root = Group()
    for segments, value in values.items():
        group = root
        for segment in segments[:-1]:
            group = group.setdefault(segment, Group())
        group[segments[-1]] = value
    return root


def json_value(value: JSON, indent: str, step: str, *, is_long: bool = False) -> str:
    """
    Return a value, or a group, as JSON text.

    Args:
        value: frozen, or a group.
        indent: blanks before the line that it begins on.
        step: how much further inner lines begin. None of either: all on one line.
        is_long: write an array item by item, even if it is short.
    """
    if isinstance(value, Group):
        inner = indent + step
        members = [json_member(key, item, inner, step) for key, item in value.items()]
        return "{" + ", ".join(members) + "}" if not step else "{\n" + ",\n".join(inner + each for each in members) + f"\n{indent}}}"
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, list | tuple) or not value or not step or (len(line) <= WIDTH and not is_long):
        return line
    return json.dumps(value, ensure_ascii=False, indent=step).replace("\n", "\n" + indent)


def json_member(key: str, value: JSON, indent: str, step: str) -> str:
    """Return a member as JSON text; see `json_value`."""
    return f"{json.dumps(key, ensure_ascii=False)}: {json_value(value, indent, step)}"


def yaml_value(value: JSON) -> str:
    """Return a value, or a group, as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join([f"{yaml_key(key)}: {yaml_value(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join([yaml_value(item) for item in value]) + "]"
    if isinstance(value, str):
        return yaml_text(value)
    if isinstance(value, float):
        mantissa, exponent, power = repr(value).partition("e")
        if exponent:  # YAML 1.1 wants both a point and a sign
            return f"{mantissa}{'' if '.' in mantissa else '.0'}e{'' if power.startswith('-') else '+'}{power.lstrip('+')}"
    return json.dumps(value)


def yaml_text(text: str, quote: str = "") -> str:
    """Return a text, in quotes unless everybody sees that it is one. `quote` are those that it is to have if it can."""
    if not quote and _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text.isprintable():
        return text
    if quote == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join([each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted])


def yaml_key(key: str) -> str:
    """Return a key, in quotes unless everybody sees that it is a text."""
    return yaml_text(key)


def yaml_block(group: Group, indent: str, step: str) -> list[str]:
    """Return a group as lines of YAML."""
    lines = []
    for key, item in group.items():
        if isinstance(item, Group):
            lines += [f"{indent}{yaml_key(key)}:", *yaml_block(item, indent + step, step)]
        else:
            lines.append(f"{indent}{yaml_key(key)}: {yaml_value(item)}")
    return lines


def yaml_literal(text: str, indent: str) -> str | None:
    """Return a text of several lines behind `|`, each after `indent`, or None if it cannot be written so."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 2 or not lines[-1] or lines[0][:1] in ("", " ") or not all([each.isprintable() for each in lines]):
        return None
    return "\n".join(["|" if text.endswith("\n") else "|-", *[indent + each if each else "" for each in lines]])
