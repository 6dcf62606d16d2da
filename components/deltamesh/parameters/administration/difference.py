"""What a change does to files, as unified diff. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import unified_diff
from typing import Final, TypeAlias

import msgspec

from deltamesh.values import JSON, same

MAX_DIFFERENCE: Final = 200_000
"""Characters of a diff; what is longer nobody reads, and a browser takes messages of 1 MiB."""

CONTEXT: Final = 3
"""Lines that are shown around those that change."""

Texts: TypeAlias = Mapping[str, str | None]
"""Texts of files by path; None: there is none."""

Members: TypeAlias = Callable[[str, str], Mapping[str, JSON] | None]
"""Returns the parameters that a file of this path and text has, by name; None if it cannot be read."""

UNREADABLE: Final = "secrets"
"""Who may have this may see what nobody can read: it may be anything."""


def difference(before: Texts, after: Texts, members: Members, may: Callable[[str], bool] | None) -> str:
    """
    Return what is other in `after`, as unified diff, at most `MAX_DIFFERENCE` characters of it.

    A file with a parameter that the reader of this may not have, as `may(name)` says, is shown by the names in it, without that value and
    without comments, since those may tell it as well. None: the reader may have everything.
    """
    pieces: list[str] = []
    size = 0
    for path in sorted(after):
        old, new = before.get(path), after[path]
        if old == new:
            continue
        if may is not None:
            old, new = _visible(path, old, new, members, may)
        for line in _lines(path, old, new):
            size += len(line)
            if size > MAX_DIFFERENCE:
                return "".join([*pieces, "… and more\n"])
            pieces.append(line)
    return "".join(pieces)


def _lines(path: str, old: str | None, new: str | None) -> Iterator[str]:
    names = "/dev/null" if old is None else f"a/{path}", "/dev/null" if new is None else f"b/{path}"
    for line in unified_diff(_split(old), _split(new), *names, n=CONTEXT):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _split(text: str | None) -> list[str]:
    """Return lines as git sees them; other ends of lines belong to the line."""
    lines = (text or "").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]


def _visible(path: str, old: str | None, new: str | None, members: Members, may: Callable[[str], bool]) -> tuple[str | None, str | None]:
    """Return both texts if all of their parameters may be seen, else lists of these."""
    held = [{} if text is None else members(path, text) for text in (old, new)]
    names = [name for each in held for name in ([UNREADABLE] if each is None else each)]
    if all([may(name) for name in names]):
        return old, new
    was, now = _listed(held[0], held[1], may)
    return None if old is None else was, None if new is None else now


def _listed(was: Mapping[str, JSON] | None, now: Mapping[str, JSON] | None, may: Callable[[str], bool]) -> tuple[str, str]:
    """Return names with their values, hidden ones without, before and after."""
    if was is None or now is None:
        return ("(hidden)\n", "(hidden, changed)\n")
    changed = {name for name, value in now.items() if name in was and not same(was[name], value)}

    def shown(name: str, value: JSON, note: str) -> str:
        return f"{name}: {msgspec.json.encode(value).decode() if may(name) else note}\n"

    before = [shown(name, value, "(hidden)") for name, value in was.items()]
    after = [shown(name, value, "(hidden, changed)" if name in changed else "(hidden)") for name, value in now.items()]
    return "".join(before), "".join(after)
