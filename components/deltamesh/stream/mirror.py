"""The content of a stream as its subscriber holds it."""

from __future__ import annotations

from bisect import bisect_left, insort

from deltamesh.stream.entries import decode
from deltamesh.values import ABSENT, JSON, IndexKey, Values, index_key, order_of, plain_key, same


class Mirror:
    """Keys with their values, ordered by key, as the outputs of a `Subscriber` make them."""

    __slots__ = ("_content", "_order")

    def __init__(self) -> None:
        self._content: dict[IndexKey, Values] = {}
        self._order: list[IndexKey] = []  # the keys of _content, sorted

    def apply(self, text: str) -> list[JSON]:
        """
        Set the keys of the entries `text`; return those keys whose values really changed, in their order.

        Raises:
            MalformedMessage: the text is not entries; nothing has changed.
        """
        return self._change(decode(text))

    def replace(self, text: str) -> list[JSON]:
        """
        Make the entries `text` the whole content; return the keys whose values really changed, in their order.

        Raises:
            MalformedMessage: the text is not entries; nothing has changed.
        """
        entries = decode(text)
        return self._change(entries | {key: ABSENT for key in self._content if key not in entries})

    def entries(self) -> list[tuple[JSON, Values]]:
        """Return all keys with their values, in the order of keys."""
        return [(plain_key(key), self._content[key]) for key in self._order]

    def get(self, key: object) -> Values:
        """Return the values of `key`, none if it is absent."""
        return self._content.get(index_key(key), ABSENT)

    def __len__(self) -> int:
        return len(self._content)

    def __contains__(self, key: object) -> bool:
        return index_key(key) in self._content

    def _change(self, entries: dict[IndexKey, Values]) -> list[JSON]:
        content = self._content
        changed = {key: values for key, values in entries.items() if not same(content.get(key, ABSENT), values)}
        gone = [key for key, values in changed.items() if not values]
        new = [key for key, values in changed.items() if values and key not in content]
        content.update(changed)
        for key in gone:
            del content[key]
        self._reorder(gone, new)
        return [plain_key(key) for key in sorted(changed, key=order_of)]

    def _reorder(self, gone: list[IndexKey], new: list[IndexKey]) -> None:
        order = self._order
        if (len(gone) + len(new)) * 16 > len(order):  # sorting all is cheaper than many searches
            self._order = sorted(self._content, key=order_of)
            return
        for key in gone:
            del order[bisect_left(order, order_of(key), key=order_of)]
        for key in new:
            insort(order, key, key=order_of)
