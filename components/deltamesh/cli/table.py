"""Entries as a table: one row for each value, the fields of objects as columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from rich.table import Table
from rich.text import Text

from deltamesh.values import JSON, IndexKey, Values, index_key

MAX_WIDTH: Final = 32
"""Characters that a column takes at most."""

_GAP: Final = 2
_CHANGED: Final = "bold yellow"


def table_of(entries: Sequence[tuple[JSON, Values]], *, width: int, max_rows: int, changed: Collection[IndexKey] = ()) -> Table:
    """
    Return the first `max_rows` rows, those of the keys `changed` highlighted.

    Fields for which there is no room in `width` characters share the last column.
    """
    rows = [(key, value) for key, values in entries[:max_rows] for value in values][:max_rows]
    num_parts = _num_parts([key for key, _ in rows])
    keys = [[_text(part) for part in key] if num_parts > 1 else [_text(key)] for key, _ in rows]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number in range(num_parts):
        name = "key" if num_parts == 1 else f"key {number + 1}"
        size = _width([Text(name), *[cells[number] for cells in keys]])
        table.add_column(name, no_wrap=True, overflow="ellipsis", style="cyan", min_width=size, max_width=size)
        width -= size + _GAP
    fields = _fields([value for _, value in rows], width)
    has_rest = any([not isinstance(value, Mapping) or not fields.keys() >= value.keys() for _, value in rows])
    for name, size in fields.items():
        table.add_column(Text(name), no_wrap=True, overflow="ellipsis", min_width=size, max_width=size)
    room = max(1, width - sum(fields.values()) - _GAP * len(fields))
    if has_rest:
        table.add_column("…" if fields else "value", no_wrap=True, max_width=room)
    for (key, value), cells in zip(rows, keys, strict=True):
        members = value if isinstance(value, Mapping) else {}
        cells += [_text(members[name]) if name in members else Text("") for name in fields]
        if has_rest:
            rest = {name: item for name, item in members.items() if name not in fields}
            cell = _text(value if members is not value else rest) if rest or members is not value else Text("")
            cell.truncate(room, overflow="ellipsis")
            cells.append(cell)
        table.add_row(*cells, style=_CHANGED if index_key(key) in changed else None)
    return table


def _num_parts(keys: list[JSON]) -> int:
    """Return how many columns the keys take: more than one if all are arrays of the same length."""
    lengths = {len(key) if isinstance(key, tuple) and key else 1 for key in keys}
    return lengths.pop() if len(lengths) == 1 else 1


def _fields(values: list[JSON], width: int) -> dict[str, int]:
    """Return the names of members that objects have, in the order in which they come, with their widths, while there is room."""
    members = [value for value in values if isinstance(value, Mapping)]
    sizes: dict[str, int] = {}
    for name in dict.fromkeys([name for value in members for name in value]):
        sizes[name] = _width([Text(name), *[_text(value[name]) for value in members if name in value]])
    if sum(sizes.values()) + _GAP * len(sizes) <= width:
        return sizes
    left = width - len("…") - _GAP
    fields: dict[str, int] = {}
    for name, size in sizes.items():
        left -= size + _GAP
        if left < 0:
            break
        fields[name] = size
    return fields


def _width(cells: Sequence[Text]) -> int:
    """Return what a column of these cells takes."""
    return min(max([cell.cell_len for cell in cells]), MAX_WIDTH)


def _text(value: JSON) -> Text:
    """Return a value on one line: strings without quotes, everything else as JSON. Control characters would move the cursor."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return Text("".join([each if each.isprintable() else "�" for each in text]), justify="right" if _is_number(value) else "left")


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
