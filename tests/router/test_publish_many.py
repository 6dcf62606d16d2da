"""`mesh.publish_many` does for each event what a PUBLISH of it would have done, and says which it did not take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from deltamesh_router.events.publishing import MAX_EVENTS, MAX_MESSAGE, MAX_TOLD, PROCEDURE
from tests.running_router import RunningRouter
from tests.wire_connection import CALL, ERROR, EVENT, PUBLISH, RESULT, SUBSCRIBE, WireConnection, error_of

pytestmark = pytest.mark.mesh

OPEN = "com.example.open."
"""Topics for everybody. Who has published is told of those that begin with `com.example.open.shown.`"""
CLOSED = "com.example.closed."
END = OPEN + "end"

EVERYTHING = {"call": True, "publish": True, "subscribe": True}


def edit(config: dict[str, Any]) -> None:
    """Let browsers call the procedure, and publish to some topics."""
    (browser,) = [role for role in config["workers"][0]["realms"][0]["roles"] if role["name"] == "browser"]
    browser["permissions"] += [
        {"uri": PROCEDURE, "match": "exact", "allow": {"call": True}},
        {"uri": OPEN, "match": "prefix", "allow": EVERYTHING, "cache": True},
        {"uri": OPEN + "shown.", "match": "prefix", "allow": EVERYTHING, "disclose": {"publisher": True}},
    ]


@pytest.fixture(scope="module")
def partly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    with RunningRouter(tmp_path_factory.mktemp("router"), edit=edit) as running:
        yield running


class Room:
    """A publisher, and two readers on each kind of connection."""

    def __init__(self, router: RunningRouter, stack: ExitStack) -> None:
        addresses = [router.ws_url, *[router.ws_url, router.unix_path] * 2]
        self.publisher, *self.readers = [stack.enter_context(WireConnection(address)) for address in addresses]
        self.topics: dict[tuple[WireConnection, int], str] = {}

    def subscribe(self, *topics: str) -> None:
        for reader in self.readers:
            for topic in (*topics, END):
                answer = reader.subscribe(topic)
                assert error_of(answer) is None
                self.topics[reader, answer[2]] = topic

    def publish(self, *events: list[Any]) -> dict[str, Any]:
        kind, _, _, (result,) = self.publisher.call(PROCEDURE, list(events))
        assert kind == RESULT
        return dict(result)

    def received(self) -> list[list[tuple[str, Any]]]:
        """Topic and first argument of what each reader was sent, up to now."""
        assert error_of(self.publisher.publish(END, "end")) is None
        return [list(self._until_end(reader)) for reader in self.readers]

    def _until_end(self, reader: WireConnection) -> Iterator[tuple[str, Any]]:
        while (message := reader.receive())[4:] != [["end"]]:
            assert message[0] == EVENT
            yield self.topics[reader, message[1]], message[4][0]


@pytest.fixture
def room(partly: RunningRouter) -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(partly, stack)


def accepted(count: int) -> dict[str, Any]:
    return {"published": count, "num_refused": 0, "refused": []}


def test_events_for_many_topics_arrive_everywhere_in_their_order(room: Room) -> None:
    topics = [f"{OPEN}{number}" for number in range(10)]
    room.subscribe(*topics)
    events = [(topics[number % 7], number) for number in range(100)]

    assert room.publish(*[[topic, [number]] for topic, number in events]) == accepted(100)
    assert room.received() == [events] * 4


def test_what_the_same_session_publishes_before_and_afterwards_stays_before_and_after(room: Room) -> None:
    room.subscribe(OPEN + "a", OPEN + "b")
    publisher = room.publisher
    messages: list[list[Any]] = [
        [PUBLISH, 1, {}, OPEN + "a", [1]],
        [CALL, 2, {}, PROCEDURE, [[[OPEN + "b", [2]], [OPEN + "a", [3]]]]],
        [PUBLISH, 3, {}, OPEN + "a", [4]],
        [CALL, 4, {}, PROCEDURE, [[[OPEN + "a", [5]]]]],
        [PUBLISH, 5, {}, OPEN + "b", [6]],
    ]
    publisher.socket.sendall(b"".join([publisher.frame(message) for message in messages]))
    assert [publisher.receive()[:2] for _ in range(2)] == [[RESULT, 2], [RESULT, 4]]

    expected = [(OPEN + name, number) for number, name in enumerate("abaaab", 1)]
    assert room.received() == [expected] * 4


def test_nobody_need_listen(room: Room) -> None:
    assert room.publish([OPEN + "unheard", [1]], [OPEN + "unheard"]) == accepted(2)
    assert room.publish() == accepted(0)


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        ([], []),
        ([None], []),
        ([[]], []),
        ([[1, None]], [[1, None]]),
        ([None, {"a": 1}], [[], {"a": 1}]),
        ([[1], {"a": [2]}, {}], [[1], {"a": [2]}]),
        ([["é" * 70_000]], [["é" * 70_000]]),
    ],
)
def test_values_arrive_as_they_were_given(room: Room, event: list[Any], sent: list[Any]) -> None:
    room.subscribe(OPEN + "a")
    assert room.publish([OPEN + "a", *event]) == accepted(1)

    for reader in room.readers:
        kind, _, _, details, *content = reader.receive()
        assert (kind, details, content) == (EVENT, {}, sent)


def test_each_event_is_authorized_by_itself(room: Room) -> None:
    room.subscribe(OPEN + "a")
    result = room.publish([OPEN + "a", [1]], [CLOSED + "b", [2]], ["wamp.session.on_join", [3]], ["not a topic", [4]], [OPEN + "a", [5]])

    assert (result["published"], result["num_refused"]) == (2, 3)
    assert [[index, error] for index, error, _ in result["refused"]] == [
        [1, "wamp.error.not_authorized"],
        [2, "wamp.error.invalid_uri"],
        [3, "wamp.error.invalid_uri"],
    ]
    assert "com.example.closed.b" in result["refused"][0][2]
    assert room.received() == [[(OPEN + "a", 1), (OPEN + "a", 5)]] * 4


def test_a_refused_event_gets_the_error_that_a_publish_gets(room: Room) -> None:
    for topic in (CLOSED + "b", "wamp.session.on_join", "com..empty"):
        alone = room.publisher.publish(topic, 1) if ".." not in topic else [ERROR, 0, 0, {}, "wamp.error.invalid_uri"]
        ((_, error, _),) = room.publish([topic, [1]])["refused"]

        assert error == error_of(alone)


@pytest.mark.parametrize(
    "event",
    [
        None,
        "com.example.open.a",
        [],
        [7],
        [OPEN + "a", 7],
        [OPEN + "a", "text"],
        [OPEN + "a", [], []],
        [OPEN + "a", [], {}, []],
        [OPEN + "a", [], {}, 7],
        [OPEN + "a", [], {}, {}, 1],
        [OPEN + "a", [], {}, {"acknowledge": True}],
        [OPEN + "a", [], {}, {"forward_for": []}],
        [OPEN + "a", [], {}, {"eligble": []}],
        [OPEN + "a", [], {}, {"eligible": 7}],
        [OPEN + "a", [], {}, {"exclude": ["x"]}],
        [OPEN + "a", [], {}, {"exclude_me": None}],
        [OPEN + "a", [], {}, {"retain": 1}],
    ],
)
def test_an_event_of_another_shape_is_refused_and_the_others_are_published(room: Room, event: Any) -> None:
    room.subscribe(OPEN + "a")
    result = room.publish(event, [OPEN + "a", [1]])

    ((index, error, message),) = result["refused"]
    assert (index, error, result["published"]) == (0, "wamp.error.invalid_argument", 1)
    assert message
    assert room.received() == [[(OPEN + "a", 1)]] * 4


def test_refused_events_are_told_up_to_a_bound(room: Room) -> None:
    result = room.publish(*[["no topic " + "x" * 5_000, [1]]] * (MAX_TOLD + 50))

    assert (result["published"], result["num_refused"]) == (0, MAX_TOLD + 50)
    assert [index for index, _, _ in result["refused"]] == list(range(MAX_TOLD))
    assert max(len(message) for _, _, message in result["refused"]) <= MAX_MESSAGE


def test_options_say_who_gets_an_event(room: Room) -> None:
    room.subscribe(OPEN + "a")
    first, second, third, _ = [reader.session for reader in room.readers]
    result = room.publish(
        [OPEN + "a", ["two"], None, {"eligible": [first, second]}],
        [OPEN + "a", ["all"], None, {}],
        [OPEN + "a", ["not the first"], None, {"exclude": [first]}],
        [OPEN + "a", ["components"], None, {"eligible_authrole": ["component"]}],
        [OPEN + "a", ["browsers"], None, {"exclude_authrole": ["component"], "exclude": [third]}],
    )

    assert result == accepted(5)
    assert [[text for _, text in messages] for messages in room.received()] == [
        ["two", "all", "browsers"],
        ["two", "all", "not the first", "components"],
        ["all", "not the first"],
        ["all", "not the first", "components"],
    ]


def test_a_publisher_gets_its_own_events_only_if_it_wants_to(room: Room) -> None:
    room.subscribe(OPEN + "a")
    publisher = room.publisher
    publisher.subscribe(OPEN + "a")
    publisher.send([CALL, 9, {}, PROCEDURE, [[[OPEN + "a", [1]], [OPEN + "a", [2], {}, {"exclude_me": False}]]]])

    assert publisher.receive()[4] == [2]
    assert publisher.receive()[:2] == [RESULT, 9]
    assert room.received() == [[(OPEN + "a", 1), (OPEN + "a", 2)]] * 4


def test_who_listens_to_a_pattern_is_told_the_topic(room: Room, partly: RunningRouter) -> None:
    room.subscribe(OPEN + "a")
    with WireConnection(partly.unix_path) as listener:
        listener.subscribe(OPEN, "prefix")
        room.publish([OPEN + "a", [1]], [OPEN + "b", [2]])

        assert [(message[3], message[4]) for message in (listener.receive(), listener.receive())] == [
            ({"topic": OPEN + "a"}, [1]),
            ({"topic": OPEN + "b"}, [2]),
        ]
    assert room.received() == [[(OPEN + "a", 1)]] * 4


def test_a_publisher_is_disclosed_as_its_permission_says(room: Room) -> None:
    room.subscribe(OPEN + "a", OPEN + "shown.a")
    room.publish([OPEN + "a", [1]], [OPEN + "shown.a", [2]])

    for reader in room.readers:
        assert reader.receive()[3] == {}
        details = reader.receive()[3]
        assert (details["publisher"], details["publisher_authrole"]) == (room.publisher.session, "browser")


def test_a_retained_event_reaches_who_comes_later(room: Room) -> None:
    topic = OPEN + "retained"
    assert room.publish([topic, ["kept"], None, {"retain": True}], [topic, ["not kept"]]) == accepted(2)
    reader = room.readers[0]
    reader.send([SUBSCRIBE, 77, {"get_retained": True}, topic])
    reader.receive()

    assert reader.receive()[3:] == [{"retained": True}, ["kept"]]


@pytest.mark.parametrize("args", [[], [[], []], ["text"], [{}], [None]])
def test_a_call_of_another_shape_is_an_error(room: Room, args: list[Any]) -> None:
    answer = room.publisher.call(PROCEDURE, *args)

    assert error_of(answer) == "deltamesh.error.invalid_parameters"
    assert answer[6]["retry"] is False


def test_the_number_of_events_is_bounded(room: Room) -> None:
    room.subscribe(OPEN + "a")
    answer = room.publisher.call(PROCEDURE, [[OPEN + "a", [1]]] * (MAX_EVENTS + 1))

    assert error_of(answer) == "deltamesh.error.too_large"
    assert (answer[6]["size"], answer[6]["limit"], answer[6]["retry"]) == (MAX_EVENTS + 1, MAX_EVENTS, False)
    assert room.received() == [[]] * 4
    assert room.publish(*[[OPEN + "unheard", [1]]] * MAX_EVENTS) == accepted(MAX_EVENTS)


def test_whom_the_configuration_does_not_allow_it_may_not_call_it(router: RunningRouter) -> None:
    with WireConnection(router.ws_url) as browser, WireConnection(router.unix_path) as component:
        assert error_of(browser.call(PROCEDURE, [])) == "wamp.error.not_authorized"
        assert component.call(PROCEDURE, [])[3] == [accepted(0)]


def test_events_for_one_reader_that_together_are_large_arrive(room: Room) -> None:
    room.subscribe(OPEN + "a", OPEN + "b")
    text = "x" * 25_000
    room.publish(*[[OPEN + "ab"[number % 2], [f"{number} {text}"]] for number in range(40)])

    for messages in room.received():
        assert [(topic[-1], value.split(" ")[0]) for topic, value in messages] == [("ab"[number % 2], str(number)) for number in range(40)]
