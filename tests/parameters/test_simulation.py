"""
Programs with parameters in the simulator of the stream: its leader, followers, network and faults, and pages that come and go on top.

Checked at every moment: a program shows exactly what its pages show, each of which was the leader's content at its position; no name goes
back within an epoch; nothing is called live without a stream and a reader that speaks. Checked when the faults have stopped: each parameter
is live and what the leader has, or at its default because there is none.

DELTAMESH_SEED=17 runs that history alone, DELTAMESH_HISTORIES=10000 more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from msgspec import Meta

from deltamesh.parameters.client import holding as holding_module
from deltamesh.parameters.client import pages as pages_module
from deltamesh.parameters.client.holding import DOUBT, LOOK, SILENCE, Change, Holding
from deltamesh.parameters.client.news import Entry, News
from deltamesh.parameters.client.pages import Open
from deltamesh.parameters.client.state import Source, State
from deltamesh.parameters.client.typed import check_of
from deltamesh.stream import Answer, Output, Position, Subscriber
from deltamesh.stream.subscriber import State as StreamState
from tests.stream.histories import run_histories
from tests.stream.simulator import FAULTS, Client, Content, Parts, Violation, World, view

HISTORIES = int(os.environ.get("DELTAMESH_HISTORIES", "200"))
TICK = 0.1  # s: an announcement each 1.2 s, a call without an answer within 6 s
NAMES = [f"posts.{number}" for number in range(5)]
CHECKS = {"any": check_of(int), "small": check_of(Annotated[int, Meta(le=2)])}
DEFAULT = -1


def news_in(content: Content, name: str) -> News:
    """What the service has of a name, when the instance shows `content`."""
    values = content.get(("posts", int(name.rpartition(".")[2])))
    return Entry(values[0], f"c{values[0]}", values[0]) if values else None


class Page(Client):
    """A page: an instance at any follower, of which only some names count."""

    def __init__(self, program: Program, page: Open) -> None:
        self.program, self.number, self.names, self.at_least = program, page.page, page.names, page.at_least
        self.is_closed = False
        self.was_live = False
        self.lost_since = 0.0
        super().__init__(program.world, f"{program.name}/{page.page}", program.world.followers)

    def connect(self) -> None:
        if not self.is_closed:
            super().connect()

    def close(self) -> None:
        self.is_closed = True
        self.subscriber.lost()
        self._leave()

    def answered(self, subscriber: Subscriber, number: int, source: str, answer: Answer) -> None:
        """Take an answer; one that is not far enough a follower does not give."""
        least = self.at_least
        if least is None or (answer.epoch == least.epoch and answer.revision >= least.revision):
            if subscriber is self.subscriber and subscriber.state is StreamState.ASKING:
                self.at_least = None
            super().answered(subscriber, number, source, answer)

    @property
    def is_live(self) -> bool:
        return self.subscriber.state is StreamState.LIVE

    def shown(self, before: Position | None, position: Position, former: Content) -> None:
        content = self.content
        changed = [name for name in self.names if before is None or news_in(former, name) != news_in(content, name)]
        if changed:
            self.program.take(
                self.program.holding.shown(self.number, position, {name: news_in(content, name) for name in changed}, is_live=self.is_live)
            )

    def do(self, outputs: list[Output]) -> None:
        super().do(outputs)
        self.tell()

    def lose_session(self) -> None:
        super().lose_session()
        self.tell()

    def tell(self) -> None:
        has_gap = self.subscriber.position is not None and not self.is_live  # also behind its first content
        if (self.is_live != self.was_live or has_gap) and not self.is_closed:
            if self.is_live != self.was_live or self.lost_since == 0:
                self.lost_since = self.program.now
            self.was_live = self.is_live
            self.program.take(self.program.holding.status(self.number, self.is_live, self.program.now))


class Program:
    """Wants names, for a while, and is restarted with what it had in its cache."""

    def __init__(self, world: Programs, name: str) -> None:
        self.world = world
        self.name = name
        self._begin({})
        world.every(7, self.wish)
        world.every(int(LOOK / TICK), self.look)

    def _begin(self, cached: dict[str, Entry]) -> None:
        self.holding = Holding(cached)
        self.cached = cached
        self.pages: dict[int, Page] = {}
        self.handles: dict[int, tuple[str, str, State[Any]]] = {}
        self.at: dict[str, tuple[Position, News]] = {}  # of what was shown last, the latest one in its epoch
        self.heard: tuple[float, bool] | None = None  # the last word of the reader, or when it was given time after it
        self.is_granted = False
        for name in self.world.random.sample(NAMES, 3):
            self.want(name)
        self.holding.listening(self.now)
        self.turn()

    @property
    def now(self) -> float:
        return self.world.now * TICK

    def restart(self) -> None:
        for page in self.pages.values():
            page.close()
        self._begin(self.holding.to_cache())

    def lose_session(self) -> None:
        self.holding.deaf()
        for page in self.pages.values():
            page.lose_session()
        self.holding.listening(self.now)
        if self.heard is not None and self.heard[1] and not self.is_granted:
            self.is_granted = True
            self.heard = self.now, True

    def want(self, name: str) -> None:
        kind = self.world.random.choice(list(CHECKS))
        handle, state = self.holding.want(name, DEFAULT, CHECKS[kind])
        self.handles[handle] = name, kind, state
        self.check()

    def wish(self) -> None:
        if self.world.faulty:
            if self.handles and self.world.random.random() < 0.4:
                handle = self.world.random.choice(list(self.handles))
                del self.handles[handle]
                self.holding.unwant(handle)
            else:
                self.want(self.world.random.choice(NAMES))
            self.turn()

    def turn(self) -> None:
        for output in self.holding.turn(self.now):
            if isinstance(output, Open):
                self.world.seen["opened" if output.at_least is None else "opened far enough"] += 1
                self.pages[output.page] = Page(self, output)
            else:
                self.pages.pop(output.page).close()
        wanted = {name for name, _, _ in self.handles.values()}
        self.at = {name: shown for name, shown in self.at.items() if name in wanted}

    def look(self) -> None:
        self.take(self.holding.look(self.now))
        for number in self.holding.waiting:
            position = self.pages[number].subscriber.position
            assert position is not None
            self.world.seen["waited"] += 1
            self.take(self.holding.shown(number, position, {}, is_live=self.pages[number].is_live))
        if self.world.faulty and self.pages and self.world.random.random() < 0.02:
            number = self.world.random.choice(list(self.pages))
            self.pages.pop(number).close()
            self.world.seen["failed"] += 1
            self.take(self.holding.failed(number, self.now))
        if self.holding.needs_turn(self.now):
            self.turn()

    def hear(self, is_current: bool) -> None:
        self.heard, self.is_granted = (self.now, is_current), False
        self.take(self.holding.heard(is_current, None, self.now))

    def take(self, changes: list[Change]) -> None:
        for change in changes:
            name, kind, former = self.handles[change.handle]
            if change.state == former:
                raise Violation(f"{self.name}: {name} is told a change where there is none")
            self.handles[change.handle] = name, kind, change.state
            self.world.seen[change.state.source] += 1
        self.check()

    def check(self) -> None:
        """Compare what is shown with the pages."""
        for name, kind, state in self.handles.values():
            server = self.holding._pages.server(name)
            page = None if server is None else self.pages[server]
            if page is not None:
                position = self.holding._pages._pages[page.number].position  # of the last change of it: nothing has changed since
                assert position is not None
                news = news_in(page.content, name)
                last, shown = self.at.get(name, (position, news))
                if last.epoch != position.epoch or last.revision <= position.revision:
                    self.at[name] = position, news
                elif news != shown:
                    raise Violation(f"{self.name}: {name} went back from {last} to {position}, from {shown} to {news}")
                self._check_value(name, kind, state, news)
            elif state.is_current:
                raise Violation(f"{self.name}: {name} is called current and nobody serves it")
            if state.is_current and page is not None:
                self._check_liveness(name, page)

    def _check_value(self, name: str, kind: str, state: State[Any], news: News) -> None:
        if isinstance(news, Entry) and (kind == "any" or news.value <= 2):
            is_right = state.value == news.value and state.commit == news.commit and state.source in (Source.LIVE, Source.STALE)
        elif isinstance(news, Entry):
            self.world.seen["wrong type"] += 1
            is_right = state.source is not Source.LIVE and state.error is not None and (state.value == DEFAULT or state.value <= 2)
        elif name in self.holding._doubted:  # it counts when the reader says that all is written
            self.world.seen["doubted"] += 1
            is_right = not state.is_current and state.source is not Source.LIVE
        else:
            is_right = state.value == DEFAULT and state.source is Source.DEFAULT and state.error is None
        if not is_right:
            raise Violation(f"{self.name}: {name} is {state}, and its page has {news}")

    def _check_liveness(self, name: str, page: Page) -> None:
        # what is told late: by a look, which comes some ticks after the moment
        if not page.is_live and self.now > page.lost_since + DOUBT + LOOK:
            raise Violation(f"{self.name}: {name} is called live, its page was lost long ago")
        if self.heard is None or not (self.heard[1] and self.now <= self.heard[0] + SILENCE + LOOK):
            raise Violation(f"{self.name}: {name} is called live, and the reader said {self.heard}")

    def check_agreement(self, content: Content) -> None:
        for name, kind, state in self.handles.values():
            news = news_in(content, name)
            is_fit = isinstance(news, Entry) and (kind == "any" or news.value <= 2)
            if news is None and (state.source is not Source.DEFAULT or state.error is not None):
                raise Violation(f"{self.name}: {name} is {state} in the end, where there is none")
            if state.is_current != (is_fit or news is None) or (state.source is Source.CACHE and state.error is None):
                raise Violation(f"{self.name}: {name} is {state} in the end, where it is {news}")
            self._check_value(name, kind, state, news)
        names = sorted({name for name, _, _ in self.handles.values()})
        if sorted(name for page in self.pages.values() for name in page.names) != names:
            raise Violation(f"{self.name} wants {names}, and has pages of {[page.names for page in self.pages.values()]}")


class Programs(World):
    """The world of the stream with programs in it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, Parts())
        self.programs = [Program(self, name) for name in ("P", "Q")]
        self.every(10, self._read)

    def _read(self) -> None:
        """The reader speaks; it is behind for as long as there is no leader."""
        for program in self.programs:
            self.send(program.hear, self.leader.up)

    def _fault(self) -> None:
        program = self.random.choice(self.programs)
        match self.random.randrange(4):
            case 0:
                program.restart()
            case 1:
                program.lose_session()
            case _:
                super()._fault()

    def run(self) -> None:
        super().run()
        for program in self.programs:
            program.check_agreement(view(self.leader.content))


def simulate(seed: int) -> Counter[str]:
    world = Programs(seed)
    world.run()
    return world.seen


def test_no_history_breaks_a_promise() -> None:
    number, seen = run_histories(simulate, HISTORIES)
    if number >= 200:  # what the promises are about did happen, often
        situations = (
            "opened",
            "opened far enough",
            "waited",
            "failed",
            "wrong type",
            "doubted",
            "dropped",
            *[source for source in Source if source is not Source.CACHE],
        )
        assert min(seen[situation] for situation in situations) > number / 10, seen


BROKEN: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "hands over at once": (pages_module, "_has_reached", lambda *_: True),
    "forgets where a failed page was": (pages_module.Pages, "_is_above", lambda *_: True),
    "believes in streams for ever": (holding_module, "DOUBT", 1e9),
    "believes in the reader for ever": (holding_module, "SILENCE", 1e9),
    "keeps no page until another one is there": (pages_module.Pages, "_hand_over", lambda *_: []),
    "does not tell that a value came back": (holding_module, "is_same_news", lambda *_: True),
}  # type: ignore[dict-item]


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_found(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BROKEN[rule])
    for seed in range(1000):
        try:
            simulate(seed)
        except (Violation, AssertionError, KeyError):
            return
    pytest.fail(f"1000 histories in which it {rule} broke no promise")


def test_faults_end_before_the_quiet_time_is_over() -> None:
    assert FAULTS * TICK > 2 * SILENCE  # so that silence of the reader happens
