"""Which callee gets a call."""

from __future__ import annotations

import gc
import random
import weakref
from collections import Counter
from itertools import count

import pytest

from deltamesh_router.queue.callee import UNBOUNDED, Callee, QueuedCall
from deltamesh_router.queue.choice import SPARE, Choice, choice


class Watched(Callee):
    """One that a weak reference can be made of."""


class Callees:
    """Callees and the policy to be tried, which is told of every change."""

    def __init__(self, policy: str, **limits: int) -> None:
        self.draw = count(1).__next__
        self.chosen: Choice = choice(policy, [], random.Random(1).randrange)
        self.by_name: dict[str, Callee] = {}
        for name, limit in limits.items():
            callee = self.by_name[name] = Watched(name)
            callee.limit = limit
            callee.number = callee.turn = self.draw()
            self.chosen.changed(callee)

    def give(self, num: int = 1) -> str:
        """Give calls to those that are chosen; return their names, "-" for nobody."""
        names = ""
        for _ in range(num):
            callee = self.chosen.pick()
            names += "-" if callee is None else callee.session
            if callee is not None:
                self.give_to(callee)
        return names

    def give_to(self, callee: Callee) -> None:
        callee.calls[QueuedCall()] = None
        callee.turn = self.draw()
        self.chosen.changed(callee)

    def answer(self, *names: str) -> None:
        for name in names:
            callee = self.by_name[name]
            del callee.calls[next(iter(callee.calls))]
            self.chosen.changed(callee)

    def change(self, name: str, limit: int) -> None:
        self.by_name[name].limit = limit
        self.chosen.changed(self.by_name[name])


POLICIES = ["single", "first", "last", "roundrobin", "random", "least_loaded"]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_fills_all_callees_and_none_beyond_its_limit(policy: str) -> None:
    callees = Callees(policy, a=1, b=2, c=3)

    assert Counter(callees.give(8)) == {"a": 1, "b": 2, "c": 3, "-": 2}
    callees.answer("b", "c")
    assert Counter(callees.give(3)) == {"b": 1, "c": 1, "-": 1}


@pytest.mark.parametrize("policy", POLICIES)
def test_who_gets_no_new_calls_is_not_chosen_and_not_held(policy: str) -> None:
    callees = Callees(policy, a=1, b=2, c=2)
    callees.give(2)
    gone = weakref.ref(callees.by_name["c"])

    callees.change("c", 0)

    assert "c" not in callees.give(5)
    del callees.by_name["c"]
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("policy", POLICIES)
def test_a_lower_limit_holds_and_a_higher_one_too(policy: str) -> None:
    callees = Callees(policy, a=3)
    callees.give(2)

    callees.change("a", 1)
    assert callees.give() == "-"
    callees.answer("a")
    assert callees.give() == "-"
    callees.change("a", 3)
    assert callees.give(3) == "aa-"


def test_first_is_who_joined_first_and_flows_over() -> None:
    callees = Callees("first", a=2, b=1, c=1)

    assert callees.give(5) == "aabc-"
    callees.answer("c", "b", "a")
    assert callees.give(3) == "abc"


def test_last_is_who_joined_last_and_flows_over() -> None:
    callees = Callees("last", a=2, b=1, c=1)

    assert callees.give(5) == "cbaa-"
    callees.answer("a", "b")
    assert callees.give(2) == "ba"


def test_roundrobin_goes_round() -> None:
    callees = Callees("roundrobin", a=9, b=9, c=9)

    assert callees.give(7) == "abcabca"


def test_roundrobin_passes_over_the_full_and_then_turns_to_them_first() -> None:
    callees = Callees("roundrobin", a=9, b=1, c=9)

    assert callees.give(6) == "abcaca"
    callees.answer("b")
    assert callees.give(3) == "bca"


def test_random_chooses_each_about_as_often() -> None:
    callees = Callees("random", a=9000, b=9000, c=9000)

    assert all(900 < times < 1100 for times in Counter(callees.give(3000)).values())


def test_least_loaded_is_by_the_part_of_the_slots_that_is_taken() -> None:
    callees = Callees("least_loaded", a=1, b=2, c=4)

    assert callees.give(4) == "abcc"
    assert callees.give(4) == "bcc-"
    callees.answer("c", "b")
    assert callees.give() == "b"


def test_least_loaded_takes_equal_ones_in_turn() -> None:
    callees = Callees("least_loaded", a=2, b=2, c=2)

    for _ in range(3):
        assert callees.give(3) == "abc"
        callees.answer("c", "a", "b")


def test_who_takes_any_number_counts_as_one_slot() -> None:
    callees = Callees("least_loaded", a=UNBOUNDED, b=2)

    assert callees.give(6) == "abbaaa"


@pytest.mark.parametrize("policy", ["roundrobin", "least_loaded"])
def test_a_ranking_does_not_grow_with_the_calls(policy: str) -> None:
    callees = Callees(policy, **{f"callee {number}": 5 for number in range(20)})
    draw = random.Random(3)
    largest = 0
    for _ in range(5000):
        if draw.random() < 0.5:
            callees.give()
        else:
            busy = [name for name, callee in callees.by_name.items() if callee.calls]
            callees.answer(*busy[:1])
        largest = max(largest, len(callees.chosen._entries))

    assert largest <= 2 * 20 + SPARE


def test_another_policy_takes_over() -> None:
    callees = Callees("random", a=2, b=2, c=1)
    callees.give(3)

    callees.chosen = choice("last", callees.by_name.values(), lambda n: 0)

    before = {name: len(callee.calls) for name, callee in callees.by_name.items()}
    assert callees.give(3) == "c" * (1 - before["c"]) + "b" * (2 - before["b"]) + "a" * (2 - before["a"]) + "-"
