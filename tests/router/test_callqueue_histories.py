"""
Random histories of a call queue keep every rule of the model; and the model notices each rule that is broken on purpose.

DELTAMESH_SEED=17 runs that history alone, DELTAMESH_HISTORIES=2000 more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from deltamesh_router.queue import affinity, callqueue
from deltamesh_router.queue.affinity import Lanes
from deltamesh_router.queue.callee import Callee
from deltamesh_router.queue.callqueue import CallQueue
from deltamesh_router.queue.choice import Random, Ranked
from deltamesh_router.queue.line import Line
from deltamesh_router.queue.moves import Drained
from tests.router.queue_world import POLICIES, run

HISTORIES = int(os.environ.get("DELTAMESH_HISTORIES", "100"))
SEEDS = [int(os.environ["DELTAMESH_SEED"])] if "DELTAMESH_SEED" in os.environ else range(HISTORIES)

HAPPENS = [
    "full",
    "no_callee",
    "expired",
    "tried again",
    "Lost",
    "unwanted answer",
    "unwanted lost",
    "Emptied",
    "Drained",
    "join again",
    "no callee left",
]


@pytest.fixture(autouse=True)
def few_idle_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "MAX_IDLE_KEYS", 3)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_every_history_keeps_the_rules(policy: str) -> None:
    worlds = [run(seed, policy) for seed in SEEDS]

    if len(worlds) >= 100:  # what this is about did happen
        seen = sum((world.seen for world in worlds), Counter())
        assert min(seen[each] for each in HAPPENS) > len(worlds) // 2, seen
        assert seen["forgotten"] > len(worlds) // 2 or policy != "affinity"


def test_the_same_seed_is_the_same_history() -> None:
    first, second = run(3, "affinity"), run(3, "affinity")

    assert first.seen == second.seen


Break = Callable[[pytest.MonkeyPatch], None]
MUTANTS: list[Any] = []


def instead(owner: Any, name: str, policy: str = "roundrobin") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a mutant of a method: `function` takes the original, then what the original takes. Run it with `policy`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(owner, name)

        def broken(monkeypatch: pytest.MonkeyPatch) -> None:
            monkeypatch.setattr(owner, name, lambda *args: function(original, *args))

        MUTANTS.append(pytest.param(broken, policy, id=function.__name__))
        return function

    return decorate


# -- slots


@instead(CallQueue, "withdraw")
def a_withdrawn_call_frees_its_slot(original: Any, self: Any, call: Any, now: float) -> Any:
    if call.callee is not None and call.is_wanted:
        callee = call.callee
        del callee.calls[call]
        self._choice.changed(callee)
        callee.calls[call] = None
    return original(self, call, now)


@instead(CallQueue, "answered")
def an_answer_that_nobody_wants_frees_nothing(original: Any, self: Any, call: Any, now: float) -> Any:
    callee = call.callee
    moves = original(self, call, now)
    if not call.is_wanted:
        callee.calls[call] = None
    return moves


@instead(CallQueue, "join")
def a_callee_gets_one_slot_more(original: Any, self: Any, session: Any, concurrency: int | None, now: float) -> Any:
    return original(self, session, concurrency and concurrency + 1, now)


@instead(Ranked, "changed")
def a_callee_that_was_full_is_never_chosen_again(original: Any, self: Any, callee: Callee) -> None:
    if callee.entry is not None or not callee.turn or not callee.calls:
        original(self, callee)


@instead(Ranked, "pick", "least_loaded")
def an_outdated_entry_counts(original: Any, self: Any) -> Any:
    return self._entries[0][2] if self._entries else None


@instead(Random, "changed", "random")
def random_chooses_full_callees(original: Any, self: Any, callee: Callee) -> None:
    if callee.limit == 0 or callee.place < 0:
        original(self, callee)


@instead(Random, "changed", "random")
def random_loses_the_callee_that_changes_places(original: Any, self: Any, callee: Callee) -> None:
    original(self, callee)
    if callee.place < 0 and len(self._free) > 1:
        self._free.pop()


# -- who moves when


@instead(CallQueue, "_serve")
def nobody_is_served(original: Any, self: Any, callee: Callee, now: float) -> Any:
    return []


@instead(CallQueue, "_serve")
def only_one_is_served(original: Any, self: Any, callee: Callee, now: float) -> Any:
    call = self._take_for(callee) if self.waiting and len(callee.calls) < callee.limit else None
    return [self._give(call, callee, now)] if call is not None else []


@instead(CallQueue, "_spread")
def only_one_is_spread(original: Any, self: Any, now: float) -> Any:
    if self._num_registered and self.waiting and (callee := self._choice.pick()) and (call := self._take_for(callee)):
        return [self._give(call, callee, now)]
    return [] if self._num_registered else original(self, now)


@instead(CallQueue, "unregister")
def what_waits_stays_when_the_last_callee_goes(original: Any, self: Any, session: Any, now: float) -> Any:
    self._num_registered += 1
    moves = original(self, session, now)
    self._num_registered -= 1
    return moves


@instead(CallQueue, "drain")
def draining_is_unregistering(original: Any, self: Any, session: Any, now: float) -> Any:
    return self.unregister(session, now)


@instead(CallQueue, "drain")
def a_draining_callee_gets_calls(original: Any, self: Any, session: Any, now: float) -> Any:
    limit = self.callees[session].limit
    moves = original(self, session, now)
    self.callees[session].limit = limit
    return moves


@instead(Line, "append")
def who_comes_last_goes_first(original: Any, self: Any, call: Any) -> None:
    original(self, call)
    self._new.move_to_end(call, last=False)


# -- second chance


@instead(Line, "give_back")
def second_chances_come_in_reverse(original: Any, self: Any, calls: Any) -> None:
    original(self, calls[::-1])


@instead(Line, "give_back")
def second_chances_come_last(original: Any, self: Any, calls: Any) -> None:
    for call in calls:
        self.append(call)


@instead(CallQueue, "leave")
def there_is_always_another_chance(original: Any, self: Any, session: Any, now: float) -> Any:
    for call in self.callees[session].calls:
        call.tries = 0
    return original(self, session, now)


@instead(CallQueue, "leave")
def what_nobody_wants_is_tried_again(original: Any, self: Any, session: Any, now: float) -> Any:
    calls = [call for call in self.callees[session].calls if not call.is_wanted]
    for call in calls:
        call.is_wanted = True
    moves = original(self, session, now)
    for call in calls:
        call.is_wanted = False
    return moves


@instead(CallQueue, "leave")
def a_second_chance_waits_no_longer_than_the_first(original: Any, self: Any, session: Any, now: float) -> Any:
    since = {call: call.since for call in self.callees[session].calls}
    moves = original(self, session, now)
    for call, before in since.items():
        call.since = before
    return moves


# -- time, bounds, announcements


@instead(CallQueue, "expire")
def nobody_is_told_that_it_waited_too_long(original: Any, self: Any, now: float) -> Any:
    return original(self, 0.0)


@instead(CallQueue, "_end")
def nobody_is_told_that_it_is_drained(original: Any, self: Any, moves: Any) -> Any:
    return [move for move in original(self, moves) if type(move) is not Drained]


@instead(CallQueue, "_wait")
def one_more_may_wait(original: Any, self: Any, call: Any) -> Any:
    self.waiting -= 1
    try:
        return original(self, call)
    finally:
        self.waiting += 1


@instead(CallQueue, "_go_on_leaving")
def a_callee_that_has_gone_is_kept(original: Any, self: Any, callee: Callee, now: float) -> Any:
    is_registered, callee.is_registered = callee.is_registered, True
    moves = original(self, callee, now)
    callee.is_registered = is_registered
    return moves


@instead(Ranked, "_tidy", "least_loaded")
def a_ranking_is_never_tidied(original: Any, self: Any) -> None:
    pass


@instead(CallQueue, "_give")
def whoever_waited_does_not_count_as_a_turn(original: Any, self: Any, call: Any, callee: Callee, now: float) -> Any:
    draw, self._draw = self._draw, lambda: callee.turn
    move = original(self, call, callee, now)
    self._draw = draw
    return move


# -- keys


@instead(Lanes, "append", "affinity")
def a_call_overtakes_others_of_its_key(original: Any, self: Any, call: Any) -> None:
    original(self, call)
    self._lanes[call.key].waiting.move_to_end(call, last=False)


@instead(Lanes, "callee_for", "affinity")
def a_key_goes_anywhere(original: Any, self: Any, key: Any, pick: Any) -> Any:
    return pick()


@instead(Lanes, "answered", "affinity")
def a_key_that_is_done_at_a_draining_callee_stays(original: Any, self: Any, call: Any) -> None:
    callee = self._lanes[call.key].callee
    limit, callee.limit = callee.limit, callee.limit or 1
    original(self, call)
    callee.limit = limit


@instead(Lanes, "retired", "affinity")
def a_draining_callee_keeps_its_keys(original: Any, self: Any, callee: Callee) -> None:
    pass


@instead(Lanes, "retired", "affinity")
def keys_leave_a_draining_callee_that_works_on_them(original: Any, self: Any, callee: Callee) -> None:
    for lane in [lane for lane in self._share(callee).waiting if lane.in_flight]:
        self._step_out(lane)
        self._disown(lane)
    original(self, callee)


@instead(Lanes, "left", "affinity")
def the_keys_of_a_callee_that_left_are_lost(original: Any, self: Any, callee: Callee, given_back: Any = ()) -> None:
    share = self._shares.get(callee)
    if share:
        share.waiting.clear()
    original(self, callee, given_back)


@instead(Lanes, "left", "affinity")
def idle_keys_of_a_callee_that_left_stay(original: Any, self: Any, callee: Callee, given_back: Any = ()) -> None:
    share = self._shares.get(callee)
    if share:
        share.idle.clear()
    original(self, callee, given_back)


@instead(Lanes, "first_of", "affinity")
def own_keys_are_not_served(original: Any, self: Any, callee: Callee) -> Any:
    return None


@instead(Lanes, "_settle", "affinity")
def a_key_is_forgotten_at_once(original: Any, self: Any, lane: Any) -> None:
    original(self, lane)
    if lane.waiting is None and lane.key in self._lanes and not lane.in_flight:
        self._end_idleness(lane)
        del self._lanes[lane.key]


@instead(Lanes, "_settle", "affinity")
def no_key_is_ever_forgotten(original: Any, self: Any, lane: Any) -> None:
    self._num_idle = -1000
    original(self, lane)


@pytest.mark.slow
@pytest.mark.parametrize("breaks, policy", MUTANTS)
def test_a_broken_rule_is_noticed(breaks: Break, policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks(monkeypatch)

    with pytest.raises(Exception) as caught:  # noqa: PT012 - the first history that notices ends the search
        for seed in range(HISTORIES):
            run(seed, policy)

    assert any("seed" in note for note in caught.value.__notes__)


def test_a_first_refusal_that_is_announced_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`is_first` is given to the exception, where no method can be replaced."""
    full = callqueue.QueueFull
    monkeypatch.setattr(callqueue, "QueueFull", lambda waiting, *, is_first: full(waiting, is_first=True))

    with pytest.raises(AssertionError, match="told"):
        [run(seed, "first") for seed in range(HISTORIES)]
