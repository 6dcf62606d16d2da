"""The rule by which instances spread: it converges to even numbers, whatever they are, and then stops; also with old news and losses."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltamesh.follower.balance import ALLOWED, MAX_MOVES, Balance, moves

PROMISED = 1.3

COUNTS = st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.integers(0, 3000), min_size=1, max_size=12)


def is_even(counts: dict[str, int]) -> bool:
    most, least = max(counts.values()), min(counts.values())
    return most <= PROMISED * least or most - least <= 1


def carried_out(counts: dict[str, int], plan: dict[str, dict[str, int]]) -> dict[str, int]:
    after = dict(counts)
    for giver, takers in plan.items():
        for taker, number in takers.items():
            assert number > 0
            assert giver != taker
            after[giver] -= number
            after[taker] += number
    return after


@given(COUNTS)
def test_a_plan_makes_it_as_even_as_whole_numbers_can_be_and_then_there_is_none(counts: dict[str, int]) -> None:
    plan = moves(counts)
    after = carried_out(counts, plan)

    assert sum(after.values()) == sum(counts.values())
    assert min(after.values()) >= 0
    assert is_even(after)
    assert not plan or max(after.values()) - min(after.values()) <= 1
    assert moves(after) == {}


@given(COUNTS)
def test_nobody_gives_and_takes_and_no_more_moves_than_has_to(counts: dict[str, int]) -> None:
    plan = moves(counts)
    takers = {taker for row in plan.values() for taker in row}
    mean = sum(counts.values()) / len(counts)

    assert takers.isdisjoint(plan)
    assert all(counts[name] > mean - 1 for name in plan)
    assert all(counts[name] < mean + 1 for name in takers)
    assert sum(number for row in plan.values() for number in row.values()) <= sum(max(0, count - int(mean)) for count in counts.values())


def test_what_is_even_enough_stays() -> None:
    assert moves({"a": 125, "b": 100}) == {}
    assert moves({"a": 2, "b": 1}) == {}
    assert moves({"a": 1, "b": 0}) == {}
    assert moves({"a": 5}) == {}
    assert moves({}) == {}
    assert moves({"a": 126, "b": 100}) == {"a": {"b": 13}}
    assert ALLOWED < PROMISED


def test_one_that_joins_many_gets_its_share_from_all() -> None:
    counts = {f"f{number}": 100 for number in range(9)} | {"new": 0}

    assert {giver: row["new"] for giver, row in moves(counts).items()} == {f"f{number}": 10 for number in range(9)}


class Mesh:
    """Followers that say every `interval` how many instances they hold, are heard later or not at all, and hand over as `Balance` says."""

    INTERVAL = 2.0

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 0.0
        number = self.random.randint(2, 8)
        self.counts = {f"f{index}": self.random.choice([0, self.random.randint(0, 900)]) for index in range(number)}
        self.balances = {name: Balance(name) for name in self.counts}
        self.loses = self.random.choice([0.0, 0.1, 0.3])
        self.shares = self.random.choice([0.0, 0.2])  # of the instances that come are there already, and become one
        self.stays = self.random.choice([0.0, 0.1])  # of the clients do not know how to move
        self.num_moved = 0
        self._says = {name: self.random.uniform(0, self.INTERVAL) for name in self.counts}
        self._travelling: list[tuple[float, str, str, int]] = []  # when, to whom, from whom, how many
        self._arriving: list[tuple[float, str, int]] = []

    def leave(self, name: str) -> None:
        """A follower goes, and says so; all that it had goes to the first one."""
        self._travelling, self._arriving = [], []
        self.counts["f0"] += self.counts.pop(name)
        del self.balances[name]
        for each in self.balances.values():
            each.forget(name)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 0.25
            for name, balance in self.balances.items():
                if self.now >= self._says[name]:
                    self._says[name] += self.INTERVAL
                    for other in sorted(self.balances.keys() - {name}):
                        if self.random.random() >= self.loses:
                            self._travelling.append((self.now + self.random.uniform(0, 0.5), other, name, self.counts[name]))
                for taker, wanted in balance.decide(self.counts[name], self.now).items():
                    number = sum(self.random.random() >= self.stays for _ in range(wanted))
                    self.counts[name] -= number
                    self.num_moved += number
                    self._arriving.append((self.now + self.random.uniform(0, 0.75), taker, number))
            for told in [each for each in self._travelling if each[0] <= self.now]:
                self._travelling.remove(told)
                self.balances[told[1]].hear(told[2], told[3], self.INTERVAL, self.now)
            for come in [each for each in self._arriving if each[0] <= self.now]:
                self._arriving.remove(come)
                self.counts[come[1]] += sum(self.random.random() >= self.shares for _ in range(come[2]))


@pytest.mark.parametrize("seed", range(100))
def test_it_converges_and_stays_so_although_news_are_old_late_and_lost(seed: int) -> None:
    mesh = Mesh(seed)
    excess = sum(max(0, count - sum(mesh.counts.values()) // len(mesh.counts)) for count in mesh.counts.values())
    mesh.run(60)
    at_first = mesh.num_moved

    assert is_even(mesh.counts), mesh.counts
    assert at_first <= 3 * excess + 10  # some move twice, because of old news; nothing goes round and round
    mesh.run(60)
    assert mesh.num_moved == at_first
    assert is_even(mesh.counts)


@pytest.mark.parametrize("seed", range(20))
def test_it_converges_again_after_some_have_left(seed: int) -> None:
    mesh = Mesh(seed)
    mesh.run(60)
    for name in list(mesh.counts)[2:]:
        mesh.leave(name)
    mesh.run(60)

    assert is_even(mesh.counts), mesh.counts


@pytest.mark.parametrize("seed", range(100))
def test_what_comes_to_all_at_once_moves_nothing(seed: int) -> None:
    """A page opens several views, and calls go round the followers; then it is closed."""
    mesh = Mesh(seed)
    even = mesh.random.randint(0, 5)
    mesh.counts = dict.fromkeys(mesh.counts, even)
    for _ in range(20):
        more = mesh.random.choice([-even, 1, 2, 30])
        for name in mesh.counts:
            mesh.counts[name] += more
        even += more
        mesh.run(mesh.random.uniform(0, 6))

    assert mesh.num_moved == 0


def test_who_has_handed_over_waits_until_that_shows() -> None:
    balance = Balance("a")
    balance.hear("b", 0, 2.0, now=10.0)

    assert balance.decide(10, now=10.0) == {"b": 5}
    assert balance.decide(10, now=10.5) == {}
    balance.hear("b", 0, 2.0, now=10.9)
    assert balance.decide(10, now=11.0) == {}
    balance.hear("b", 0, 2.0, now=11.1)
    assert balance.decide(10, now=11.1) == {"b": 5}


def test_who_is_silent_or_leaves_is_handed_nothing() -> None:
    balance = Balance("a")
    balance.hear("b", 0, 2.0, now=0.0)
    assert balance.decide(10, now=6.0) == {}

    balance.hear("b", 0, 2.0, now=7.0)
    balance.forget("b")
    assert balance.decide(10, now=7.0) == {}
    balance.hear("a", 0, 2.0, now=8.0)  # itself
    assert balance.decide(10, now=8.0) == {}


def test_not_too_many_move_at_a_time() -> None:
    balance = Balance("a")
    balance.hear("b", 0, 2.0, now=0.0)
    balance.hear("c", 30_000, 2.0, now=0.0)

    assert balance.decide(60_000, now=0.0) == {"b": MAX_MOVES}
