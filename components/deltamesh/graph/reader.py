"""Who reads what: entries whose functions look up other collections, and the keys that they have read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from deltamesh.graph.made import NOT_MADE, Made
from deltamesh.values import IndexKey

if TYPE_CHECKING:
    from deltamesh.graph.computed import ComputedNode
    from deltamesh.graph.lookup import Lookup

SIZE: Final = object()
"""Stands among the keys that are read for the number of keys."""


class Reader:
    """An entry whose function may read other collections."""

    __slots__ = ("entry", "made", "node", "reads")

    def __init__(self, node: ComputedNode, entry: IndexKey) -> None:
        self.node = node
        self.entry = entry
        self.made: Made = NOT_MADE
        """What a mapper has made of it. It is here because who is told of a change needs it next."""
        self.reads: tuple[Any, ...] = ()
        """Look-up, key, look-up, key, …: what was read, once each, in the order of first reading; `SIZE` may stand for a key."""

    def pairs(self) -> Iterator[tuple[Lookup, Any]]:
        """Iterate over look-ups and the keys that were read through them."""
        return _pairs(self.reads)

    def track(self, seen: list[Any]) -> None:
        """Let changes of what was seen (look-up, key, look-up, key, …), and of nothing else, be the occasion to run the function again."""
        now = dict.fromkeys(_pairs(seen))
        before = dict.fromkeys(self.pairs()) if self.reads else {}
        self.reads = tuple(seen if len(seen) == 2 * len(now) else chain.from_iterable(now))
        for pair in now:
            if pair not in before:
                lookup, key = pair
                lookup.node.add_reader(key, self)
        for pair in before:
            if pair not in now:
                lookup, key = pair
                lookup.node.drop_reader(key, self)


def _pairs(reads: Iterable[Any]) -> Iterator[tuple[Lookup, Any]]:
    each = iter(reads)
    return zip(each, each, strict=True)
