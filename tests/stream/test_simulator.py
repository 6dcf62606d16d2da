"""
The promise of the stream protocol, over thousands of histories; and that the simulator finds the rules when they are broken.

DELTAMESH_SEED=17 runs that history alone, DELTAMESH_HISTORIES=100000 more of them.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from deltamesh.errors import MalformedMessage
from deltamesh.stream import Answer, Delta, Mirror, Output, Position, Publisher, State, Subscriber, Track
from deltamesh.stream.history import History
from deltamesh.stream.subscriber import Verdict
from deltamesh.values import JSON
from tests.stream.histories import run_histories
from tests.stream.simulator import Parts, Violation, simulate

HISTORIES = int(os.environ.get("DELTAMESH_HISTORIES", "3000"))


@pytest.mark.slow
def test_no_history_breaks_a_promise() -> None:
    number, seen = run_histories(simulate, HISTORIES)
    if number >= 1000:  # what the promise is about did happen, often
        situations = ("ask", "pause", "timeout", "silence", "dropped", "resumed", "caught up", "Apply", "Replace")
        assert min(seen[situation] for situation in situations) > number / 20, seen


def test_the_same_seed_is_the_same_history() -> None:
    assert simulate(5) == simulate(5)


# Rules, broken one by one.


class JumpsOverGaps(Subscriber):
    @staticmethod
    def judge(position: Position, delta: Delta) -> Verdict:
        verdict = Subscriber.judge(position, delta)
        return Verdict.NEXT if verdict is Verdict.GAP and delta.epoch == position.epoch else verdict


class OverlooksGaps(Subscriber):
    @staticmethod
    def judge(position: Position, delta: Delta) -> Verdict:
        verdict = Subscriber.judge(position, delta)
        return Verdict.OLD if verdict is Verdict.GAP else verdict


class AppliesOldDeltas(Subscriber):
    @staticmethod
    def judge(position: Position, delta: Delta) -> Verdict:
        verdict = Subscriber.judge(position, delta)
        return Verdict.NEXT if verdict is Verdict.OLD else verdict


class IgnoresEpochs(Subscriber):
    @staticmethod
    def judge(position: Position, delta: Delta) -> Verdict:
        return Subscriber.judge(position, replace(delta, epoch=position.epoch))


class TakesEverySource(Subscriber):
    def receive(self, source: str, delta: Delta) -> list[Output]:
        return super().receive(self.source or source, delta)


class KeepsDeltasOfTheFormerSource(Subscriber):
    def answer(self, number: int, source: str, answer: Answer) -> list[Output]:
        self.source = source
        return super().answer(number, source, answer)


class ForgetsWhatCameMeanwhile(Subscriber):
    """Not wrong in what it shows, and the next event is a gap: the simulator must leave it alone."""

    def _keep(self, delta: Delta) -> None:
        pass


class TakesLateAnswers(Subscriber):
    def answer(self, number: int, source: str, answer: Answer) -> list[Output]:
        if self.state is not State.DISCONNECTED:
            self.state, self._number = State.ASKING, number
        return super().answer(number, source, answer)


class ShowsOlderAnswers(Subscriber):
    def _shown(self, epoch: str) -> int:
        return 0


class ForgetsFormerEpochs(Subscriber):
    def _shown(self, epoch: str) -> int:
        return super()._shown(epoch) if self.position is not None and self.position.epoch == epoch else 0


class NeverAsksAgain(Subscriber):
    def ask(self, *, whole: bool = False) -> list[Output]:
        return []


class AnnouncesNothing(Publisher):
    def announce(self) -> Delta:
        return Delta(self.position.epoch, 0, 0, "[]")


class ResumesOtherEpochs(Track):
    def passed(self, position: Position) -> bool:
        return super().passed(Position(self.epoch, position.revision))


class ForgetsJumps(Track):
    def passed(self, position: Position) -> bool:
        self._jumps.clear()
        return super().passed(position)


class ResumesFromTheFuture(Track):
    def passed(self, position: Position) -> bool:
        return super().passed(Position(position.epoch, min(position.revision, self.revision)))


class ForgettingHistory(History):
    def since(self, revision: int) -> list[str] | None:
        self.base = 0
        return super().since(revision)


class LosesTheEndOfHistory(Publisher):
    def __init__(self, track: Track, *, max_deltas: int = 1000, max_size: int = 1 << 20) -> None:
        super().__init__(track, max_deltas=max_deltas, max_size=max_size)
        self._history = ForgettingHistory(track.revision, max_deltas, max_size)


class ChainsWrongly(Publisher):
    def publish(self, entries: str) -> Delta:
        delta = super().publish(entries)
        return replace(delta, since=max(0, delta.since - 3))


class KeepsWhatIsGone(Mirror):
    def replace(self, text: str) -> list[JSON]:
        return super().apply(text)


BROKEN = {
    rule.__name__: parts
    for rule, parts in {
        **{rule: Parts(subscriber=rule) for rule in Subscriber.__subclasses__() if rule is not ForgetsWhatCameMeanwhile},
        **{rule: Parts(publisher=rule) for rule in Publisher.__subclasses__()},
        **{rule: Parts(track=rule) for rule in Track.__subclasses__()},
        KeepsWhatIsGone: Parts(mirror=KeepsWhatIsGone),
    }.items()
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_found(rule: str) -> None:
    for seed in range(1000):
        try:
            simulate(seed, BROKEN[rule])
        except (Violation, MalformedMessage):
            return
    pytest.fail(f"1000 histories with {rule} broke no promise")


def test_forgetting_is_harmless() -> None:
    for seed in range(100):
        simulate(seed, Parts(subscriber=ForgetsWhatCameMeanwhile))
