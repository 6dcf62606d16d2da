"""The second event of a topic takes the short way, and is treated as the first one was."""

from __future__ import annotations

from typing import Any

import pytest
from autobahn.wamp import message as wamp
from crossbar.router.role import RouterRoleStaticAuth

from deltamesh_router.events.fanout import Outgoing
from deltamesh_router.events.publishing import PROCEDURE
from deltamesh_router.wire import plain
from tests.router.recorded_realm import EVERYTHING, RecordedClient, RecordedRealm

NOT_AUTHORIZED = "wamp.error.not_authorized"


class Stage:
    """A publisher, and a reader of some topics. All answers of the authorizer are kept."""

    def __init__(self) -> None:
        self.realm = RecordedRealm()
        router = self.realm.router
        self.broker = router._broker
        permissions = [
            {"uri": "", "match": "prefix", "allow": EVERYTHING, "cache": True},
            {"uri": "denied", "match": "exact", "allow": {}, "cache": True},
            {"uri": "shown", "match": "exact", "allow": EVERYTHING, "disclose": {"publisher": True}, "cache": True},
        ]
        self.role = RouterRoleStaticAuth(router, "publisher", permissions)
        router.add_role(self.role)
        self.reader = self.realm.join()
        self.publisher = self.realm.join(role="publisher")
        for topic in ("usual", "denied", "shown", "crossbar.topic", "wamp.topic"):
            self.broker.processSubscribe(self.reader, wamp.Subscribe(1, topic))
        self.reader.messages()

    def publish(self, topic: str, value: Any, publisher: RecordedClient | None = None) -> None:
        self.broker.processPublish(publisher or self.publisher, plain.publish(7, topic, None, [value], None, None, None))

    def call(self, *events: list[Any]) -> Any:
        self.publisher.call(PROCEDURE, list(events))
        (result,) = self.publisher.messages()
        return result.args[0]

    def read(self) -> list[tuple[Any, int | None]]:
        return [(message.args[0], message.publisher) for message in self.reader.messages()]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_what_is_usual_takes_it(stage: Stage) -> None:
    event = Outgoing("usual", [1])
    assert not stage.broker.publish_quickly(stage.publisher, event)
    stage.publish("usual", 0)
    assert stage.broker.publish_quickly(stage.publisher, event)
    assert stage.read() == [(0, None), (1, None)]


def test_what_is_denied_stays_denied(stage: Stage) -> None:
    for number in (1, 2):
        stage.publish("denied", number)
        assert stage.call(["denied", [number]])["refused"] == [[0, NOT_AUTHORIZED, "session not authorized to publish to topic 'denied'"]]
    assert stage.read() == []


def test_a_publisher_that_is_told_is_told_each_time(stage: Stage) -> None:
    session = stage.publisher._session_id
    for topic in ("shown", "crossbar.topic"):
        for number in (1, 2):
            stage.publish(topic, number)
            stage.call([topic, [number + 2]])
        assert stage.read() == [(1, session), (3, session), (2, session), (4, session)]


def test_topics_of_the_router_stay_its_own(stage: Stage) -> None:
    trusted = stage.realm.join(role="trusted")
    for number in (1, 2):
        stage.publish("wamp.topic", number)
        stage.publish("wamp.topic", number + 2, publisher=trusted)
    assert stage.read() == [(3, trusted._session_id), (4, trusted._session_id)]


def test_a_role_that_was_dropped_may_nothing_any_more(stage: Stage) -> None:
    stage.publish("usual", 1)
    stage.realm.router.drop_role(stage.role)
    stage.publish("usual", 2)
    assert stage.read() == [(1, None)]


def test_a_pattern_is_noticed(stage: Stage) -> None:
    listener = stage.realm.join()
    stage.publish("usual", 1)
    stage.broker.processSubscribe(listener, wamp.Subscribe(1, "us", match="prefix"))
    (answer,) = listener.messages()
    stage.publish("usual", 2)
    assert [(message.args, message.topic) for message in listener.messages()] == [([2], "usual")]
    stage.broker.processUnsubscribe(listener, wamp.Unsubscribe(2, answer.subscription))
    stage.publish("usual", 3)
    assert [number for number, _ in stage.read()] == [1, 2, 3]


def test_a_traced_realm_is_left_to_crossbar(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.publish("usual", 1)
    left: list[Any] = []
    monkeypatch.setattr(stage.broker, "publish_ordinarily", lambda session, publish: left.append(publish.args))
    monkeypatch.setattr(stage.realm.router, "_trace_traffic", True)
    stage.publish("usual", 2)
    assert stage.call(["usual", [3]], ["denied", [4]])["published"] == 1
    assert left == [[2], [3]]
    assert stage.read() == [(1, None)]


def test_a_reader_inside_the_router_may_subscribe_while_it_is_told(stage: Stage) -> None:
    class Eager:
        """Its session subscribes another one, to the same topic, at each event."""

        def send(self, message: Any) -> None:
            if type(message) is wamp.Event:
                stage.broker.processSubscribe(stage.realm.join(), wamp.Subscribe(1, "usual"))

    eager = stage.realm.join()
    eager._transport = Eager()  # type: ignore[assignment]
    stage.broker.processSubscribe(eager, wamp.Subscribe(1, "usual"))
    for number in range(20):
        stage.publish("usual", number)
    assert [number for number, _ in stage.read()] == list(range(20))
