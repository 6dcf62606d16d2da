"""What a session publishes is sent in its order, however long an authorizer thinks about it, and refused one by one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from autobahn.wamp import message as wamp
from crossbar.router.role import RouterRole
from twisted.internet.defer import Deferred, fail

from deltamesh_router.events import decision
from deltamesh_router.events.publishing import PROCEDURE
from tests.router.recorded_realm import RecordedClient, RecordedRealm


class Asking(RouterRole):  # type: ignore[misc]
    """A role whose permissions somebody else knows, who is asked for each topic and answers when the test says so."""

    def __init__(self, router: Any) -> None:
        super().__init__(router, "asking")
        self.asked: dict[str, list[Deferred[Any]]] = {}

    def authorize(self, session: Any, uri: str, action: str, options: dict[str, Any]) -> Any:
        if uri == "broken":
            return fail(RuntimeError("the authorizer is broken"))
        if action != "publish" or uri == "known":
            return {"allow": True, "cache": True}
        self.asked.setdefault(uri, []).append(Deferred())
        return self.asked[uri][-1]

    def answer(self, topic: str, *, allow: bool = True) -> None:
        self.asked[topic].pop(0).callback({"allow": allow, "cache": False})


class Stage:
    """A realm with a publisher whose role is `Asking`, and a reader of some topics."""

    def __init__(self) -> None:
        self.realm = RecordedRealm()
        self.broker = self.realm.router._broker
        self.role = Asking(self.realm.router)
        self.realm.router.add_role(self.role)
        self.reader = self.realm.join()
        self.publisher = self.realm.join(role="asking")
        for topic in ("a", "b", "c", "known", "broken"):
            self.broker.processSubscribe(self.reader, wamp.Subscribe(1, topic))
        self.reader.messages()

    def publish(self, topic: str, value: Any, *, acknowledge: bool | None = None, publisher: RecordedClient | None = None) -> None:
        self.broker.processPublish(publisher or self.publisher, wamp.Publish(7, topic, args=[value], acknowledge=acknowledge))

    def call(self, *events: list[Any]) -> None:
        self.publisher.call(PROCEDURE, list(events))

    def read(self) -> list[Any]:
        return [message.args[0] for message in self.reader.messages()]

    def results(self) -> list[Any]:
        return [message.args[0] if type(message) is wamp.Result else message.error for message in self.publisher.messages()]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_answers_in_any_order_change_nothing_about_the_order_of_events(stage: Stage) -> None:
    stage.call(["a", [1]], ["known", [2]], ["b", [3]], ["c", [4]])
    stage.publish("known", 5)
    stage.publish("a", 6)
    stage.call(["known", [7]])

    stage.role.answer("c")
    stage.role.answer("b")
    assert (stage.read(), stage.results()) == ([], [])
    stage.role.answer("a")
    assert (stage.read(), stage.results()) == ([1, 2, 3, 4, 5], [{"published": 4, "num_refused": 0, "refused": []}])
    stage.role.answer("a")
    assert (stage.read(), stage.results()) == ([6, 7], [{"published": 1, "num_refused": 0, "refused": []}])
    stage.publish("known", 8)
    assert stage.read() == [8]
    assert not stage.broker.decisions.are_awaited


def test_other_sessions_do_not_wait(stage: Stage) -> None:
    other = stage.realm.join()
    stage.publish("a", 1)
    stage.publish("a", 2, publisher=other)
    assert stage.read() == [2]
    stage.role.answer("a")
    assert stage.read() == [1]


def test_what_an_authorizer_denies_is_refused_and_holds_nothing_up(stage: Stage) -> None:
    stage.call(["a", [1]], ["b", [2]], ["c", [3]])
    stage.role.answer("a", allow=False)
    stage.role.answer("b")
    stage.role.answer("c", allow=False)

    assert stage.read() == [2]
    ((result),) = stage.results()
    assert (result["published"], [[index, error] for index, error, _ in result["refused"]]) == (
        1,
        [[0, "wamp.error.not_authorized"], [2, "wamp.error.not_authorized"]],
    )


def test_an_authorizer_that_fails_refuses(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[Any] = []
    monkeypatch.setattr(decision.Decisions, "log", SimpleNamespace(failure=lambda text, failure: failures.append(failure)))
    stage.call(["broken", [1]], ["known", [2]])
    stage.publish("broken", 3, acknowledge=True)
    stage.publish("broken", 4)
    stage.publish("known", 5, acknowledge=True)

    assert stage.read() == [2, 5]
    result, error, published = stage.publisher.messages()
    assert result.args[0]["refused"] == [
        [0, "wamp.error.authorization_failed", "failed to authorize the publication: the authorizer is broken"]
    ]
    assert error.error == "wamp.error.authorization_failed"
    assert type(published) is wamp.Published
    assert len(failures) == 3


def test_a_publisher_that_has_gone_is_heard_to_the_end(stage: Stage) -> None:
    stage.call(["a", [1]])
    stage.publish("known", 2)
    stage.publisher.leave()
    stage.role.answer("a")

    assert stage.read() == [1, 2]
    assert not stage.broker.decisions.are_awaited


def test_so_many_may_wait_and_one_more_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "MAX_WAITING", 3)
    for number in range(1, 6):
        stage.publish("a", number, acknowledge=True)
    assert stage.results() == ["wamp.error.authorization_failed"] * 2
    for _ in range(5):
        stage.role.answer("a")

    assert stage.read() == [1, 2, 3]
    assert [type(message) for message in stage.publisher.messages()] == [wamp.Published] * 3
    assert not stage.broker.decisions.are_awaited


def test_an_event_that_goes_to_many_is_not_overtaken(stage: Stage) -> None:
    """Whatever the configuration says of going to some of them first."""
    stage.broker._options.event_dispatching_chunk_size = 2
    readers = [stage.realm.join() for _ in range(9)]
    for reader in readers:
        stage.broker.processSubscribe(reader, wamp.Subscribe(1, "known"))
        reader.messages()
    stage.publish("known", 1)
    stage.publish("known", 2)

    assert [[message.args[0] for message in reader.messages()] for reader in readers] == [[1, 2]] * 9


def test_published_and_delivered_events_are_counted(stage: Stage) -> None:
    stage.publish("known", 1)
    stage.publish("unheard of", 2)
    stage.call(["known", [3]], ["known", [4]], ["no topic"])

    assert stage.read() == [1, 3, 4]
    assert (stage.broker.num_published, stage.broker.num_delivered) == (5, 3)
