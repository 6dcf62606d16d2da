"""
The plainest YAML, read line by line: keys with simple values, indented objects, lists of simple values, comments.

That is what most files of parameters are, and a parser in Python takes a second for 200 kB. What this does not know for certain, the
parser reads; errors are its business as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from deltamesh.parameters.text.document import MAX_LEVELS

# Without possessive quantifiers: before 3.11.5 Python gets them wrong around a look-ahead. Alternatives exclude each other, so
# that nothing is tried twice.
_INSIDE: Final = r"[\w.+/@%,()=$;!?~-]"
_LINE: Final = re.compile(
    rf"""
    (?P<indent> \ * )
    (?:
      (?: (?P<key> [A-Za-z_][A-Za-z0-9_.-]{{0,200}} ) : | (?P<item> - ) (?=\ +[^\ \#]) )
      (?: \ + (?:
          " (?P<double> [^"\\]* ) "
        | ' (?P<single> [^']* ) '
        | (?P<plain> (?: [\w./$(+] | -(?=[0-9.]) ) (?: {_INSIDE} | \ +(?={_INSIDE}) | :(?={_INSIDE}) )* )
      ) )?
      (?: \ + \#.* )? \ *
    | (?: \#.* )?
    )
    """,
    re.VERBOSE,
)


def plain(text: str, resolve: Callable[[str], Any]) -> dict[str, Any] | None:
    """Return what `text` says, None if it may say something else. `resolve` says what a plain scalar means."""
    levels: list[tuple[int, dict[str, Any]]] = [(0, {})]
    items: list[Any] | None = None  # the list that the last line was of
    items_at = 0
    awaits: str | None = None  # the key that may have an object or a list on the next lines
    for line in text.split("\n"):
        found = _LINE.fullmatch(line)
        if found is None or not line.isprintable():  # tabs, and what YAML or its parser may see as the end of a line
            return None
        key, double, single, scalar = found["key"], found["double"], found["single"], found["plain"]
        value = resolve(scalar) if scalar is not None else single if double is None else double
        indent = len(found["indent"])
        depth, level = levels[-1]
        if found["item"]:
            if awaits is not None and indent >= depth:
                items = level[awaits] = []
                items_at, awaits = indent, None
            if items is None or indent != items_at:
                return None
            items.append(value)
            continue
        if key is None:
            continue
        items = None
        if indent > depth:
            if awaits is None or len(levels) == MAX_LEVELS:
                return None
            child: dict[str, Any] = {}
            level[awaits] = child
            levels.append((indent, child))
        while levels[-1][0] > indent:
            levels.pop()
        depth, level = levels[-1]
        if depth != indent or key in level or not isinstance(resolve(key), str):
            return None
        level[key] = value
        awaits = key if value is None and scalar is None else None
    return levels[0][1] or None
