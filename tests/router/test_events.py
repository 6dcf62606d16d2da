"""Events through the router, which frames them once for all receivers: the same for everybody, and only for whom they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from deltamesh_router.wire.websocket import frame
from tests.running_router import RunningRouter
from tests.wire_connection import EVENT, PUBLISH, SUBSCRIBE, SUBSCRIBED, WireConnection, error_of

pytestmark = pytest.mark.mesh

TOPIC = "com.example.hackernews.live.events.test"
END = "com.example.hackernews.live.events.end"


class Room:
    """Two receivers on each kind of connection, and a publisher, all joined."""

    def __init__(self, router: RunningRouter, stack: ExitStack) -> None:
        self.publisher = stack.enter_context(WireConnection(router.unix_path))
        addresses = [router.ws_url, router.unix_path, router.ws_url, router.unix_path]
        self.receivers = [stack.enter_context(WireConnection(address)) for address in addresses]
        self.subscriptions = [self._subscribe(receiver) for receiver in self.receivers]

    def _subscribe(self, receiver: WireConnection) -> int:
        receiver.subscribe(END)
        answer = receiver.subscribe(TOPIC)
        assert error_of(answer) is None
        return int(answer[2])

    def publish(self, *args: Any, **options: Any) -> None:
        assert error_of(self.publisher.publish(TOPIC, *args, **options)) is None

    def received(self) -> list[list[list[Any]]]:
        """What each receiver was sent on the topic, up to now."""
        self.publisher.publish(END, "end")
        return [list(self._until_end(receiver)) for receiver in self.receivers]

    def _until_end(self, receiver: WireConnection) -> Iterator[list[Any]]:
        while (message := receiver.receive())[4:] != [["end"]]:
            yield message


@pytest.fixture
def room(router: RunningRouter) -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(router, stack)


@pytest.mark.parametrize("size", [0, 20, 125, 126, 1000, 70_000, 1_000_000])
def test_everybody_gets_the_same_event_of_any_size(room: Room, size: int) -> None:
    room.publish("é" + "x" * size, 7, None)

    for subscription, messages in zip(room.subscriptions, room.received(), strict=True):
        ((kind, subscribed, _, _, args),) = messages
        assert (kind, subscribed, args) == (EVENT, subscription, ["é" + "x" * size, 7, None])


def test_events_arrive_in_the_order_in_which_they_were_published(room: Room) -> None:
    for number in range(200):
        room.publisher.send([PUBLISH, 1, {}, TOPIC, [number]])

    assert [[message[4] for message in messages] for messages in room.received()] == [[[number] for number in range(200)]] * 4


def test_only_eligible_sessions_get_an_event(room: Room) -> None:
    first, second = room.receivers[0].session, room.receivers[1].session
    room.publish("to two", eligible=[first, second])
    room.publish("to browsers", eligible_authrole=["browser"])
    room.publish("not to the first", exclude=[first])

    assert [[message[4] for message in messages] for messages in room.received()] == [
        [["to two"], ["to browsers"]],
        [["to two"], ["not to the first"]],
        [["to browsers"], ["not to the first"]],
        [["not to the first"]],
    ]


def test_a_publisher_gets_its_own_event_only_if_it_wants_to(room: Room) -> None:
    both = room.receivers[1]
    both.send([PUBLISH, 1, {}, TOPIC, ["for others"]])
    both.send([PUBLISH, 2, {"exclude_me": False}, TOPIC, ["for me as well"]])
    messages = room.received()

    assert [message[4] for message in messages[1]] == [["for me as well"]]
    assert [message[4] for message in messages[0]] == [["for others"], ["for me as well"]]


def test_a_pattern_subscriber_is_told_the_topic(room: Room, router: RunningRouter) -> None:
    with WireConnection(router.unix_path) as listener:
        listener.subscribe("com.example.hackernews.live.events.", "prefix")
        room.publish("x")

        assert listener.receive()[3]["topic"] == TOPIC
        assert all(messages[0][3] == {} for messages in room.received())


def test_an_opaque_payload_passes_as_it_is(room: Room) -> None:
    payload = b"\x01opaque"
    room.publisher.send([PUBLISH, 1, {"enc_algo": "cryptobox", "enc_serializer": "cbor"}, TOPIC, payload])

    for messages in room.received():
        ((_, _, _, details, content),) = messages
        assert details["enc_algo"] == "cryptobox"
        assert content in (payload, "\0AW9wYXF1ZQ==")  # WAMP's form of bytes in JSON


def test_no_event_follows_after_a_receiver_has_gone(room: Room) -> None:
    room.receivers.pop(0).close()
    room.subscriptions.pop(0)
    room.publish("still here")

    assert [[message[4] for message in messages] for messages in room.received()] == [[["still here"]]] * 3


def test_a_receiver_that_takes_only_small_messages_is_left_out_of_a_large_event(room: Room, router: RunningRouter) -> None:
    with WireConnection(router.unix_path, handshake=b"\x7f\x23\0\0") as small:  # up to 2 KiB
        small.subscribe(TOPIC)
        small.subscribe(END)
        room.publish("x" * 5000)
        room.publish("small")

        assert [len(messages) for messages in room.received()] == [2, 2, 2, 2]
        assert small.receive()[4] == ["small"]


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65_535, b"\x82\x7e\xff\xff"),
        (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_frame_says_how_long_it_is_in_the_form_for_its_size(size: int, head: bytes) -> None:
    assert frame(bytes(size), 0x82) == head + bytes(size)


def test_a_subscriber_that_joins_under_load_gets_its_answer_before_the_events(room: Room, router: RunningRouter) -> None:
    with WireConnection(router.ws_url) as late:
        late.send([SUBSCRIBE, 1, {}, TOPIC])
        for number in range(50):
            room.publisher.send([PUBLISH, 1, {}, TOPIC, [number]])
        room.received()
        kind, request, _ = late.receive()

        assert (kind, request) == (SUBSCRIBED, 1)
