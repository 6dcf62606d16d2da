"""`Order` keeps keys in order, whatever they are and however they came; `Ranges` finds who wants to know of a key."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from deltamesh.graph.order import TOP, Order, bound_order, first_of, in_order, is_before
from deltamesh.graph.ranges import Ranges
from deltamesh.values import index_key, order_of

NUMBERS: list[Any] = list(range(60))
PAIRS: list[Any] = [(i % 7, i) for i in range(60)]
MIXED: list[Any] = [
    *map(index_key, (None, False, True, 1.5, "a", "b", [], [1], [1, True], [1, "a"], {}, {"a": 1})),
    *range(12),
    *PAIRS[:20],
]


def naive(keys: set[Any], low: Any, high: Any, *, after: bool) -> list[Any]:
    within = [key for key in keys if bound_order(low) <= order_of(key) <= bound_order(high)]
    return sorted([key for key in within if not (after and order_of(key) == bound_order(low))], key=order_of)


@pytest.mark.parametrize(
    "pool", [NUMBERS, PAIRS, MIXED, [*NUMBERS, "late"], [None, *NUMBERS]], ids=["numbers", "pairs", "mixed", "late", "null"]
)
@pytest.mark.parametrize("seed", range(8))
def test_it_is_a_sorted_set(pool: list[Any], seed: int) -> None:
    random = Random(seed)
    keys = set(random.sample(pool, random.choice([0, 1, len(pool) // 2])))
    order = Order(keys)
    for _ in range(300):
        for _ in range(random.choice([1, 1, 5, 60])):
            key = random.choice(pool[: random.choice([10, len(pool)])])
            keys ^= {key}
            order.note(key)
        if random.random() < 0.1:
            order.trim()
        if random.random() < 0.5:
            low, high = random.choice([None, TOP, *pool]), random.choice([None, TOP, *pool])
            after = random.random() < 0.5
            assert list(order.between(low, high, after=after)) == naive(keys, low, high, after=after)
            assert order.count(low, high) == len(naive(keys, low, high, after=False))
            if keys:
                assert order.last() == max(keys, key=order_of)


def test_first_and_sorted_keys_of_any_kind() -> None:
    assert first_of(dict.fromkeys(MIXED)) is None
    assert in_order(MIXED) == sorted(MIXED, key=order_of)
    assert first_of([3, 1, 2]) == 1


def test_top_is_after_everything() -> None:
    for key in MIXED:
        assert is_before(key, TOP)
        assert not is_before(TOP, key)
        assert is_before((key,), (key, TOP))
    assert not is_before(TOP, TOP)
    assert max(3, TOP) is TOP
    assert repr(TOP) == "TOP"


@pytest.mark.parametrize("seed", range(12))
def test_ranges_find_their_owners(seed: int) -> None:
    random = Random(seed)
    pool = random.choice([NUMBERS, MIXED, PAIRS])
    ranges: Ranges[int] = Ranges()
    owned: dict[int, tuple[tuple[Any, Any], ...]] = {}
    for owner in range(400):
        if owned and random.random() < 0.4:
            gone = random.choice(list(owned))
            ranges.remove(gone, owned.pop(gone))
        owned[owner] = _disjoint(random, pool)
        ranges.add(owner, owned[owner])
        key = random.choice(pool)
        expected = [
            name for name, bounds in owned.items() if any(bound_order(low) <= order_of(key) <= bound_order(high) for low, high in bounds)
        ]
        assert sorted(ranges.owners_of(key)) == expected
    for owner, bounds in owned.items():
        ranges.remove(owner, bounds)
    assert [list(ranges.owners_of(key)) for key in pool] == [[] for _ in pool]
    assert not ranges._single
    assert not ranges._prefix
    assert not ranges._long


def _disjoint(random: Random, pool: list[Any]) -> tuple[tuple[Any, Any], ...]:
    if random.random() < 0.3:
        part = random.choice([0, 1, "a"])
        return (((part,), (part, TOP)),)
    ends = sorted(random.sample(range(len(pool)), random.choice([2, 4, 6])))
    ordered = sorted(pool, key=order_of)
    bounds = [(ordered[a], ordered[b]) for a, b in zip(ends[::2], ends[1::2], strict=True)]
    if random.random() < 0.3:
        bounds = [(low, low) for low, _ in bounds]
    elif random.random() < 0.3:
        bounds[-1] = (bounds[-1][0], TOP)
    return tuple(bounds)
