"""
What a program knows of its parameters, over random histories of its pages, its wishes, the reader and the time.

The service is a list of states; a page is where its stream is in that list. Whatever happens, in whatever order, the promises of the
module hold, and when all is quiet each parameter is what the service has.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from deltamesh.errors import MalformedMessage
from deltamesh.parameters.client.holding import DOUBT, SILENCE, Holding
from deltamesh.parameters.client.news import Entry, News, Refused, news_of
from deltamesh.parameters.client.pages import MAX_NAMES, MAX_SIZE, PATIENCE, Close, Open, Pages
from deltamesh.parameters.client.state import Source, State
from deltamesh.parameters.client.typed import check_of
from deltamesh.stream import Position
from deltamesh.values import Values, freeze

NAMES = ["a", "a.b", "c", "d"]
INTEGER, ANY = check_of(int), check_of(Any)


def entry(value: Any, number: int) -> Entry:
    return Entry(value, f"c{number}", number)


class World(RuleBasedStateMachine):
    """A service, pages that follow it each at its own pace, and a program."""

    @initialize(cached=st.dictionaries(st.sampled_from(NAMES), st.sampled_from([7, "seven"])))
    def begin(self, cached: dict[str, Any]) -> None:
        self.now = 100.0
        self.cached = {name: entry(value, 0) for name, value in cached.items()}
        self.holding = Holding(self.cached)
        self.is_confirmed = False  # the reader has said that it is current
        self.states: list[dict[str, News]] = [{}]
        self.asked: dict[int, Open] = {}  # pages that are to be opened
        self.pages: dict[int, tuple[tuple[str, ...], int, bool]] = {}  # names, place in the list, whether it is live
        self.shown: dict[int, tuple[str, type, list[State[Any]]]] = {}  # handle -> what it was
        self.least: dict[int, int] = {}  # handle -> the place in the list that it is at, at least

    # The service

    @rule(name=st.sampled_from(NAMES), value=st.sampled_from([1, 2, 3, "text", None, True, "gone", "refused"]))
    def commit(self, name: str, value: Any) -> None:
        state = dict(self.states[-1])
        state[name] = (
            {"gone": None, "refused": Refused("no")}.get(str(value)) if value in ("gone", "refused") else entry(value, len(self.states))
        )
        self.states.append(state)

    # The program

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from([int, object]))
    def want(self, name: str, kind: type) -> None:
        handle, state = self.holding.want(name, -1, INTEGER if kind is int else ANY)
        self.shown[handle] = (name, kind, [])
        self.least[handle] = 0
        self.show(handle, state)

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def unwant(self, data: st.DataObject) -> None:
        handle = data.draw(st.sampled_from(sorted(self.shown)))
        state = self.holding.unwant(handle)

        assert state.source is not Source.LIVE
        assert not state.is_current
        assert state.value == self.shown[handle][2][-1].value
        del self.shown[handle]

    # The pages

    @rule()
    def turn(self) -> None:
        for output in self.holding.turn(self.now):
            if isinstance(output, Open):
                self.asked[output.page] = output
            else:
                assert output.page in self.asked or output.page in self.pages
                self.asked.pop(output.page, None)
                self.pages.pop(output.page, None)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def opened(self, data: st.DataObject) -> None:
        """Some follower answers, which may be behind another one."""
        page = data.draw(st.sampled_from(sorted(self.asked)))
        opened = self.asked.pop(page)
        names, least = opened.names, 0 if opened.at_least is None else opened.at_least.revision
        place = data.draw(st.integers(max(0, len(self.states) - 3, least), len(self.states) - 1))
        self.pages[page] = (names, place, True)
        self.deliver(page, {name: self.states[place].get(name) for name in names})

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def moves(self, data: st.DataObject) -> None:
        """A page goes on, by a delta of one revision, or a resume of many; if nothing of it has changed, nobody is told."""
        page = data.draw(st.sampled_from(sorted(self.pages)))
        names, place, is_live = self.pages[page]
        to = data.draw(st.integers(place, len(self.states) - 1))
        before, after = self.states[place], self.states[to]
        self.pages[page] = (names, to, True)
        news = {name: after.get(name) for name in names if before.get(name) != after.get(name)}
        if news:
            self.deliver(page, news)
        if not is_live:
            self.take(self.holding.status(page, True, self.now))

    @precondition(lambda self: self.pages)
    @rule(data=st.data())
    def lost(self, data: st.DataObject) -> None:
        page = data.draw(st.sampled_from(sorted(self.pages)))
        names, place, _ = self.pages[page]
        self.pages[page] = (names, place, False)
        self.take(self.holding.status(page, False, self.now))

    @precondition(lambda self: self.asked or self.pages)
    @rule(data=st.data())
    def failed(self, data: st.DataObject) -> None:
        page = data.draw(st.sampled_from(sorted([*self.asked, *self.pages])))
        self.asked.pop(page, None)
        self.pages.pop(page, None)
        self.take(self.holding.failed(page, self.now))

    # The reader, and the time

    @rule(is_current=st.booleans())
    def hear(self, is_current: bool) -> None:
        self.is_confirmed = self.is_confirmed or is_current
        self.take(self.holding.heard(is_current, None, self.now))

    @rule()
    def listen(self) -> None:
        self.holding.listening(self.now)

    @rule(seconds=st.sampled_from([0.2, 1.0, 6.0, 40.0]))
    def look(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.holding.look(self.now))
        for page in self.holding.waiting:
            self.deliver(page, {})

    # What is promised

    def deliver(self, page: int, news: dict[str, News]) -> None:
        _, place, is_live = self.pages[page]
        self.take(self.holding.shown(page, Position("E", place), news, is_live=is_live))

    def take(self, changes: list[Any]) -> None:
        for change in changes:
            assert change.state != self.shown[change.handle][2][-1], "a change is a change"
            self.show(change.handle, change.state)

    def show(self, handle: int, state: State[Any]) -> None:
        name, kind, history = self.shown[handle]
        history.append(state)
        if kind is int:
            assert type(state.value) is int
        if state.source is Source.DEFAULT:
            assert state.value == -1
            assert state.commit is None
        elif state.source is Source.CACHE:
            assert state.value == self.cached[name].value if state.commit == "c0" else state.commit is not None
        else:
            places = [
                place for place, each in enumerate(self.states) if isinstance(each.get(name), Entry) and each[name].commit == state.commit
            ]
            assert places, "no state of the service has this commit"
            assert self.states[places[0]][name].value == state.value, "this value was never there with this commit"
            assert places[-1] >= self.least[handle], "it went back"
            self.least[handle] = max(self.least[handle], places[0])
        assert state.is_current == (state.source is Source.LIVE) or state.source is Source.DEFAULT
        assert self.is_confirmed or not state.is_current
        if state.error is not None:
            assert not state.is_current

    @invariant()
    def names_of_pages_are_bounded_and_no_name_is_in_two_that_last(self) -> None:
        for names in [*[opened.names for opened in self.asked.values()], *[names for names, _, _ in self.pages.values()]]:
            assert 0 < len(names) <= MAX_NAMES
            assert list(names) == sorted(set(names))

    def teardown(self) -> None:
        """The faults are over: everybody follows, the reader speaks, and the time goes on."""
        if not hasattr(self, "holding"):
            return
        self.now += 60
        for _ in range(6):
            self.turn()
            for page, names in [(page, opened.names) for page, opened in self.asked.items()]:
                del self.asked[page]
                self.pages[page] = (names, len(self.states) - 1, True)
                self.deliver(page, {name: self.states[-1].get(name) for name in names})
            for page, (names, _, _) in list(self.pages.items()):
                self.pages[page] = (names, len(self.states) - 1, True)
                self.deliver(page, {name: self.states[-1].get(name) for name in names})
                self.take(self.holding.status(page, True, self.now))
            self.hear(True)
            self.look(0.5)
        wanted = sorted({name for name, _, _ in self.shown.values()})
        assert sorted(name for names, _, _ in self.pages.values() for name in names) == wanted
        assert not self.holding.needs_turn(self.now)
        assert self.holding.is_ready
        for name, kind, history in self.shown.values():
            state, news = history[-1], self.states[-1].get(name)
            if isinstance(news, Entry) and (kind is object or type(news.value) is int):
                assert state == State(news.value, Source.LIVE, news.commit, None, True)
            elif isinstance(news, Entry):
                assert state.source is not Source.LIVE
                assert state.error is not None
            else:
                assert (state.value, state.source, state.commit) == (-1, Source.DEFAULT, None)
                assert (state.error is None) == (news is None) == state.is_current


def test_no_history_breaks_a_promise() -> None:
    run_state_machine_as_test(World, settings=settings(max_examples=200, stateful_step_count=40, deadline=None))  # type: ignore[no-untyped-call]


# One by one


def opened(*names: str, **values: Any) -> tuple[Holding, dict[str, int], int]:
    """Return a holding with `names` as integers, whose page has shown `values` of commit 1; its handles and its page."""
    holding = Holding()
    holding.heard(True, None, 0.0)
    handles = {name: holding.want(name, -1, INTEGER)[0] for name in names}
    (page,) = holding.turn(0)
    assert isinstance(page, Open)
    holding.shown(page.page, Position("E", 1), {name: entry(values[name], 1) if name in values else None for name in names})
    return holding, handles, page.page


def states(holding: Holding, *names: str) -> list[State[Any]]:
    return [holding.want(name, -1, INTEGER)[1] for name in names]


def test_a_default_is_there_before_anything_else_and_a_live_value_follows() -> None:
    holding = Holding()
    holding.heard(True, None, 0.0)
    handle, first = holding.want("a", 5, INTEGER)
    (page,) = holding.turn(0)
    (change,) = holding.shown(page.page, Position("E", 3), {"a": entry(6, 2)})

    assert first == State(5, Source.DEFAULT)
    assert page == Open(1, ("a",))
    assert (change.handle, change.state) == (handle, State(6, Source.LIVE, "c2", None, True))


def test_the_cache_is_shown_until_the_service_has_spoken() -> None:
    holding = Holding({"a": entry(4, 1), "b": entry("four", 1)})
    holding.heard(True, None, 0.0)
    _, a = holding.want("a", 5, INTEGER)
    _, b = holding.want("b", 5, INTEGER)
    (page,) = holding.turn(0)
    holding.shown(page.page, Position("E", 3), {"a": None, "b": entry(3, 2)})

    assert a == State(4, Source.CACHE, "c1")
    assert (b.value, b.source) == (5, Source.DEFAULT)
    assert b.error is not None
    assert states(holding, "a", "b") == [State(-1, Source.DEFAULT, None, None, True), State(3, Source.LIVE, "c2", None, True)]
    assert holding.to_cache() == {"b": entry(3, 2)}
    assert holding.gone == {"a"}


def test_a_value_of_the_wrong_type_keeps_the_last_good_one() -> None:
    holding, handles, page = opened("a", a=1)
    (wrong,) = holding.shown(page, Position("E", 2), {"a": entry("one", 2)})
    again = holding.shown(page, Position("E", 3), {"a": entry("one", 2)})
    (good,) = holding.shown(page, Position("E", 4), {"a": entry(3, 4)})

    assert wrong.handle == handles["a"]
    assert wrong.state == State(1, Source.STALE, "c1", "a: the value of commit c2 is not used: Expected `int`, got `str`")
    assert again == []
    assert good.state == State(3, Source.LIVE, "c4", None, True)


def test_what_cannot_be_used_is_not_kept_for_the_next_start() -> None:
    holding, _, page = opened("a", a=1)
    holding.shown(page, Position("E", 2), {"a": entry("one", 2)})

    assert holding.to_cache() == {"a": entry(1, 1)}


def test_what_was_known_is_kept_for_who_wants_it_again() -> None:
    holding, handles, _ = opened("a", a=1)
    left = holding.unwant(handles["a"])
    holding.turn(1.0)

    assert left == State(1, Source.STALE, "c1")
    assert holding.to_cache() == {"a": entry(1, 1)}
    assert states(holding, "a") == [State(1, Source.CACHE, "c1")]


def test_what_is_restricted_or_gone_is_at_its_default_and_not_in_the_cache() -> None:
    holding, _, page = opened("a", "b", a=1, b=1)
    refused, gone = holding.shown(page, Position("E", 2), {"a": Refused("not for you"), "b": None})

    assert refused.state == State(-1, Source.DEFAULT, None, "a: not for you")
    assert gone.state == State(-1, Source.DEFAULT, None, None, True)
    assert holding.to_cache() == {}


def test_a_short_loss_of_the_stream_is_no_news_and_a_long_one_is() -> None:
    holding, _, page = opened("a", a=1)
    holding.status(page, False, 10.0)
    soon = holding.look(10.0 + DOUBT / 2)
    holding.status(page, True, 10.4)
    holding.status(page, False, 11.0)
    (late,) = holding.look(11.0 + DOUBT)
    (back,) = holding.status(page, True, 12.0)

    assert soon == []
    assert late.state == State(1, Source.STALE, "c1")
    assert back.state == State(1, Source.LIVE, "c1", None, True)


def test_a_resume_with_a_new_value_is_one_change() -> None:
    holding, _, page = opened("a", a=1)
    holding.status(page, False, 10.0)
    holding.look(11.0)
    changes = holding.shown(page, Position("E", 5), {"a": entry(2, 2)})

    assert [change.state for change in changes] == [State(2, Source.LIVE, "c2", None, True)]
    assert holding.status(page, True, 11.0) == []


def test_all_is_stale_when_the_reader_is_silent_or_says_that_it_is_behind() -> None:
    holding, _, _ = opened("a", a=1)
    holding.listening(10.0)
    assert holding.look(10.0 + SILENCE - 0.1) == []
    (silent,) = holding.look(10.0 + SILENCE)
    assert holding.next_look(20.0) is None
    holding.listening(20.0)  # after a reconnect the reader is as silent as it was
    assert holding.look(20.0) == []
    (current,) = holding.heard(True, None, 21.0)
    (behind,) = holding.heard(False, "the disk is full", 22.0)

    assert [each.state.source for each in (silent, current, behind)] == [Source.STALE, Source.LIVE, Source.STALE]
    assert holding.reading == "the disk is full"


def begun() -> tuple[Holding, int]:
    """Return a holding that listens since 0 s, whose page shows "a", and nothing of "b"; and the page."""
    holding = Holding()
    for name in ("a", "b"):
        holding.want(name, -1, INTEGER)
    (page,) = holding.turn(0)
    holding.listening(0.0)
    (change,) = holding.shown(page.page, Position("E", 1), {"a": entry(1, 1), "b": None})
    assert change.state == State(1, Source.STALE, "c1")  # the value is there, but nobody has confirmed it
    return holding, page.page


def test_nothing_is_live_until_the_reader_has_said_that_it_is_current() -> None:
    holding, _ = begun()
    assert not holding.is_ready
    live, none = holding.heard(True, None, 1.0)

    assert live.state == State(1, Source.LIVE, "c1", None, True)
    assert none.state == State(-1, Source.DEFAULT, None, None, True)
    assert holding.is_ready


def test_who_begins_while_the_reader_is_gone_waits_for_it_and_is_ready_with_what_there_is() -> None:
    holding, _ = begun()
    holding.deaf()
    holding.listening(SILENCE - 1)  # a connection that comes and goes gives it no more time
    assert holding.look(SILENCE - 0.1) == []
    assert not holding.is_ready
    assert holding.next_look(SILENCE - 0.1) == SILENCE
    assert holding.look(SILENCE) == []

    assert holding.is_ready
    assert holding.reading is not None
    assert states(holding, "a", "b") == [State(1, Source.STALE, "c1"), State(-1, Source.DEFAULT)]


def test_who_begins_while_the_reader_is_behind_is_ready_with_what_there_is() -> None:
    holding, _ = begun()

    assert holding.heard(False, "the disk is full", 1.0) == []
    assert holding.is_ready
    assert states(holding, "a") == [State(1, Source.STALE, "c1")]


def test_a_default_cannot_be_changed_for_the_next_time() -> None:
    holding = Holding()
    default = [1]
    _, first = holding.want("a", default, ANY)
    first.value.append(2)
    (page,) = holding.turn(0)
    holding.heard(True, None, 0.0)
    for number in (1, 2):
        holding.shown(page.page, Position("E", 2 * number), {"a": entry([7], number)})
        (again,) = holding.shown(page.page, Position("E", 2 * number + 1), {"a": None})
        assert again.state.value == [1]
        again.state.value.append(2)


def test_a_connection_that_comes_and_goes_does_not_hide_that_the_reader_is_silent() -> None:
    holding, _, _ = opened("a", a=1)
    holding.listening(0.0)
    holding.heard(True, None, 1.0)
    holding.deaf()
    assert holding.look(1.0 + SILENCE) == []  # nobody could have heard it
    holding.listening(10.0)
    assert holding.look(10.0 + SILENCE - 1) == []
    holding.deaf()
    holding.listening(10.0 + SILENCE - 0.5)
    (silent,) = holding.look(10.0 + SILENCE)

    assert silent.state.source is Source.STALE


@pytest.mark.parametrize("what", ["start", "epoch", "session"])
def test_a_service_that_is_not_written_yet_takes_nothing_away(what: str) -> None:
    if what == "start":
        holding = Holding({"a": entry(1, 1)})
        holding.want("a", -1, INTEGER)
        (opened_page,) = holding.turn(0)
        changes = holding.shown(opened_page.page, Position("E", 0), {"a": None})
        assert changes == []
    else:
        holding, _, page = opened("a", a=1)
        if what == "session":
            holding.listening(1.0)
        (change,) = holding.shown(page, Position("F" if what == "epoch" else "E", 2), {"a": None})
        assert change.state == State(1, Source.STALE, "c1")
    assert not holding.is_ready
    assert holding.heard(False, None, 2.0) == []
    assert holding.to_cache() == {"a": entry(1, 1)}
    (gone,) = holding.heard(True, None, 3.0)
    assert gone.state == State(-1, Source.DEFAULT, None, None, True)
    assert holding.to_cache() == {}


def test_a_reader_that_is_behind_now_has_still_written_what_was_before() -> None:
    holding, handles, page = opened("a", "b", a=1)
    holding.heard(False, None, 1.0)

    changes = holding.shown(page, Position("E", 2), {"a": None, "b": entry(2, 2)})

    assert {change.handle: change.state.value for change in changes} == {handles["a"]: -1, handles["b"]: 2}


def test_equal_json_of_another_type_is_a_change() -> None:
    holding = Holding()
    holding.want("a", None, ANY)
    (page,) = holding.turn(0)
    holding.shown(page.page, Position("E", 1), {"a": entry(1, 1)})
    (change,) = holding.shown(page.page, Position("E", 2), {"a": entry(True, 1)})

    assert change.state.value is True


@pytest.mark.parametrize("wire", [1, {}, {"value": 1}, {"value": 1, "commit": 2, "number": 3}, {"value": 1, "commit": "c", "number": "3"}])
def test_entries_of_another_shape_are_refused_without_their_values(wire: Any) -> None:
    with pytest.raises(MalformedMessage, match=r"not \{value, commit, number\}"):
        news_of(Values((freeze(wire),)))


def test_entries_are_read() -> None:
    assert news_of(Values((freeze({"value": [1], "commit": "c", "number": 3}),))) == Entry((1,), "c", 3)
    assert isinstance(news_of(Values((freeze({"restricted": True}),))), Refused)
    assert news_of(Values()) is None


# Pages


def sizes(outputs: list[Any]) -> list[int]:
    return [len(output.names) for output in outputs]


def test_names_are_asked_for_in_full_pages_and_the_last_one_grows() -> None:
    pages = Pages()
    wanted = {f"n{number:04}" for number in range(1000)}
    first = pages.turn(wanted, 0)
    for output in first:
        pages.shown(output.page, Position("E", 1))
    wanted.add("n2000")
    (grown,) = pages.turn(wanted, 0)
    moved = pages.shown(grown.page, Position("E", 1))
    closed = pages.turn(wanted, 0)

    assert sizes(first) == [400, 400, 200]
    assert isinstance(grown, Open)
    assert len(grown.names) == len(moved) == 201
    assert closed == [Close(3)]
    assert pages.turn(wanted, 0) == []


def test_names_that_come_while_a_page_is_being_opened_wait_for_it() -> None:
    pages = Pages()
    (first,) = pages.turn({"a"}, 0)
    assert pages.turn({"a", "b"}, 0) == []
    pages.shown(first.page, Position("E", 1))
    assert pages.needs_turn(0)
    (second,) = pages.turn({"a", "b"}, 0)

    assert second == Open(2, ("a", "b"))


def test_a_page_goes_on_until_its_successor_has_reached_it() -> None:
    pages = Pages()
    (first,) = pages.turn({"a"}, 0)
    pages.shown(1, Position("E", 5))
    pages.turn({"a", "b"}, 0)
    moved = pages.shown(2, Position("E", 4))  # of a follower that is behind

    assert first == Open(1, ("a",))
    assert moved == ["b"]
    assert (pages.server("a"), pages.waiting) == (1, [2, 1])
    assert pages.turn({"a", "b"}, 0) == []
    assert pages.shown(1, Position("F", 0)) == []  # the leader was replaced
    assert pages.shown(2, Position("E", 6)) == []
    assert pages.shown(2, Position("F", 0)) == ["a"]
    assert pages.turn({"a", "b"}, 0) == [Close(1)]


def test_a_page_that_stays_behind_is_replaced_by_one_that_is_not() -> None:
    """Its position moves with its content only, so it may stay behind for ever, and show the same."""
    pages = Pages()
    pages.turn({"a"}, 0)
    pages.shown(1, Position("E", 9))
    pages.turn({"a", "b"}, 0)
    pages.shown(2, Position("E", 8))
    assert pages.turn({"a", "b"}, 0) == []
    assert pages.next_look == PATIENCE
    assert pages.turn({"a", "b"}, PATIENCE) == [Open(3, ("a", "b"), Position("E", 9))]
    assert pages.shown(3, Position("E", 10)) == ["b", "a"]
    assert pages.turn({"a", "b"}, PATIENCE) == [Close(1), Close(2)]


def test_a_page_is_not_waited_for_in_an_epoch_that_is_over() -> None:
    pages = Pages()
    pages.turn({"a"}, 0)
    pages.shown(1, Position("E", 9))
    pages.turn({"a", "b"}, 0)
    pages.shown(2, Position("E", 8))
    pages.turn({"a", "b"}, 0)
    pages.turn({"a", "b"}, PATIENCE)
    assert pages.shown(1, Position("F", 3)) == []
    assert pages.needs_turn(PATIENCE)
    assert pages.turn({"a", "b"}, PATIENCE) == [Close(3), Open(4, ("a", "b"), Position("F", 3))]
    assert pages.shown(2, Position("F", 4)) == ["a"]
    assert pages.turn({"a", "b"}, PATIENCE) == [Close(1), Close(4)]


def test_names_that_nobody_wants_leave_their_page() -> None:
    pages = Pages()
    pages.turn({"a", "b"}, 0)
    pages.shown(1, Position("E", 1))
    assert pages.turn({"a"}, 0) == [Open(2, ("a",))]
    pages.shown(2, Position("E", 1))
    assert pages.turn({"a"}, 0) == [Close(1)]
    assert pages.turn((), 0) == [Close(2)]
    assert pages.server("a") is None


def test_a_page_that_fails_is_opened_again_later_and_later() -> None:
    pages = Pages()
    pauses = []
    now = 0.0
    for _ in range(7):
        (opened,) = pages.turn({"a"}, now)
        pages.failed(opened.page, now)
        assert pages.turn({"a"}, now) == []
        assert pages.next_look is not None
        pauses.append(pages.next_look - now)
        now = pages.next_look

    assert pauses == [1, 2, 4, 8, 16, 30, 30]


@settings(max_examples=50, deadline=None)
@given(st.sets(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200), max_size=300))
def test_names_of_a_page_are_bounded_as_json(names: set[str]) -> None:
    import msgspec

    outputs = Pages().turn(names, 0)

    assert sorted(name for output in outputs for name in output.names) == sorted(names)
    assert all(len(msgspec.json.encode(output.names)) <= MAX_SIZE + 2 for output in outputs)
