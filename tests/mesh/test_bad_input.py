"""What strangers may send: each mistake has its documented error, and the mesh goes on."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from deltamesh.connection import connection
from deltamesh.connection.wamp import CallOptions
from deltamesh.errors import DeltameshError
from tests.mesh.application import made
from tests.mesh.mesh import Inside, reactor, until
from tests.running_router import RunningRouter
from tests.wire_connection import CALL, ERROR, INVOCATION, PUBLISH, YIELD, WireConnection, error_of


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


DEEP_TEXT = "[" * 100_000 + "]" * 100_000

REQUESTS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("unknown_resource", [], {}),
    ("unknown_resource", ["nope", {}], {}),
    ("unknown_resource", [7, {}], {}),
    ("unknown_resource", [None, {}], {}),
    ("unknown_resource", [["window"], {}], {}),
    ("unknown_resource", [nested(200), {}], {}),
    ("unknown_resource", ["x" * 1_000_000, {}], {}),
    ("invalid_parameters", ["window", {}], {}),
    ("invalid_parameters", ["window", None], {}),
    ("invalid_parameters", ["window", "start"], {}),
    ("invalid_parameters", ["window", [1, 2]], {}),
    ("invalid_parameters", ["window", {"start": "1", "end": 2}], {}),
    ("invalid_parameters", ["window", {"start": 1.5, "end": 2}], {}),
    ("invalid_parameters", ["window", {"start": True, "end": 2}], {}),
    ("invalid_parameters", ["window", {"start": nan, "end": 2}], {}),
    ("invalid_parameters", ["window", {"start": 1, "end": -1}], {}),
    ("invalid_parameters", ["window", {"start": 1, "end": 2, "more": 3}], {}),
    ("invalid_parameters", ["window", {"start": 1, 2: 3}], {}),
    ("invalid_parameters", ["words", {"first": nan}], {}),
    ("invalid_parameters", ["words", {"first": nested(100)}], {}),
    ("invalid_parameters", ["words", {"first": b"bytes"}], {}),
    ("invalid_parameters", ["mine", {"caller": "somebody else"}], {}),
    ("too_large", ["words", {"first": "x" * 20_000}], {}),
    ("invalid_parameters", ["words", {}, None, None, None], {}),
    ("invalid_parameters", ["words", {}], {"unknown": 1}),
    ("invalid_position", ["words", {}], {"at_least": "soon"}),
    ("invalid_position", ["words", {}], {"at_least": []}),
    ("invalid_position", ["words", {}], {"at_least": ["epoch"]}),
    ("invalid_position", ["words", {}], {"at_least": ["epoch", -1]}),
    ("invalid_position", ["words", {}], {"at_least": ["epoch", "1"]}),
    ("invalid_position", ["words", {}], {"at_least": ["epoch", 1.5]}),
    ("invalid_position", ["words", {}], {"at_least": ["epoch", True]}),
    ("invalid_position", ["words", {}], {"at_least": [1, 1]}),
    ("invalid_position", ["words", {}], {"at_least": {"epoch": 1}}),
    ("computation_failed", ["crashing", {"how": "raise"}], {}),
    ("computation_failed", ["crashing", {"how": "wrong"}], {}),
    ("computation_failed", ["crashing", {"how": "unknown"}], {}),
]
"""Wrong in `open` and in `read`."""

CHANGES: list[tuple[str, Any]] = [
    ("invalid_transaction", None),
    ("invalid_transaction", 7),
    ("invalid_transaction", {}),
    ("invalid_transaction", {"texts": [["a", [1]]]}),
    ("invalid_transaction", "not JSON"),
    ("invalid_transaction", ""),
    ("invalid_transaction", "[NaN]"),
    ("invalid_transaction", '[["texts", [["a", [1e999]]]]]'),
    ("invalid_transaction", '{"texts": []}'),
    ("invalid_transaction", '[["texts", [["a", ["\\ud800"]]]]]'),
    ("invalid_transaction", DEEP_TEXT),
    ("invalid_transaction", [7]),
    ("invalid_transaction", ["texts"]),
    ("invalid_transaction", [[]]),
    ("invalid_transaction", [["texts"]]),
    ("invalid_transaction", [[7, []]]),
    ("invalid_transaction", [["texts", 7]]),
    ("invalid_transaction", [["texts", "ab"]]),
    ("invalid_transaction", [["texts", {"a": [1]}]]),
    ("invalid_transaction", [["texts", [], []]]),
    ("invalid_transaction", [["texts", ["ab"]]]),
    ("invalid_transaction", [["texts", [["a"]]]]),
    ("invalid_transaction", [["texts", [["a", 1]]]]),
    ("invalid_transaction", [["texts", [["a", "b"]]]]),
    ("invalid_transaction", [["texts", [["a", {"b": 1}]]]]),
    ("invalid_transaction", [["texts", [["a", [1], 2]]]]),
    ("invalid_transaction", [["texts", [["good", [1]], ["a", None]]]]),
    ("invalid_transaction", [["texts", [["good", [1]], ["a", [nan]]]]]),
    ("invalid_transaction", [["texts", [["good", [1]], [inf, [1]]]]]),
    ("invalid_transaction", [["texts", [["good", [1]], ["a", [b"bytes"]]]]]),
    ("invalid_transaction", [["texts", [["good", [1]], ["a", [{1: 2}]]]]]),
    ("invalid_transaction", [["texts", [["good", [1]], ["a", [nested(65)]]]]]),
    ("invalid_transaction", [["texts", [["good", [1]], [nested(65), ["a"]]]]]),
    ("unknown_input", [["nope", []]]),
    ("unknown_input", [["texts", [["good", [1]]]], ["nope", [["a", [1]]]]]),
    ("too_large", [["texts", [[index, [1]] for index in range(100_001)]]]),
    ("too_large", [["texts", [["a", ["x" * 9_000_000]]]]]),
    ("too_large", '[["texts", [["a", ["%s"]]]]]' % ("x" * 9_000_000)),
    ("too_large", [["texts", [["a", ["\x01" * 2_000_000]]]]]),
]


class Asked:
    """A mesh, and what it answers."""

    def __init__(self, place: Inside, mesh: Mesh) -> None:
        self.place = place
        self.mesh = mesh

    async def error(self, procedure: str, *args: Any, **kwargs: Any) -> DeltameshError:
        with pytest.raises(DeltameshError) as caught:
            await self.mesh.connection.call(f"{self.place.service.uris.prefix}.{procedure}", *args, **kwargs)
        return caught.value

    async def is_well(self) -> None:
        """Assert that the mesh takes a write and shows it, and nothing else that was tried before."""
        done = await self.mesh.write({"texts": [("well", [1])]})
        await self.mesh.write({"texts": [("well", [])]})
        assert await self.mesh.read("words", at_least=done.position) in ([("well", (1,))], [])


async def mesh_of(place: Inside) -> Asked:
    await place.lead()
    await place.follow()
    return Asked(place, Mesh(await place.connect(), place.service.uris.prefix))


async def test_wrong_requests_for_a_resource(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside())

    for name, args, kwargs in REQUESTS:
        for procedure in ("open", "read"):
            error = await asked.error(procedure, *args, **kwargs)
            assert (error.uri, error.retry) == (f"deltamesh.error.{name}", False), (procedure, args, kwargs)
            assert len(error.message) < 1_000
    await asked.is_well()


async def test_wrong_options_of_open_and_read(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside())

    assert (await asked.error("open", "words", {}, position=["epoch", -1])).uri == "deltamesh.error.invalid_position"
    assert (await asked.error("open", "words", {}, key=1)).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("read", "words", {}, position=["epoch", 1])).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("read", "words", {}, key=nan)).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("read", "words", {}, key=nested(100))).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("shared.snapshot", position="x")).uri == "deltamesh.error.invalid_position"
    assert (await asked.error("shared.snapshot", 1, 2, 3)).uri == "deltamesh.error.invalid_parameters"
    refused = await asked.error("open", "crashing", {"how": "error"})
    assert (refused.uri, refused.facts, refused.retry) == ("com.example.inside.error.no_such_view", {"how": "error"}, False)
    await asked.is_well()


async def test_wrong_changes_write_nothing(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside())

    for name, changes in CHANGES:
        error = await asked.error("write", changes)
        assert (error.uri, error.retry) == (f"deltamesh.error.{name}", False), f"{changes!r:.100}"
        assert len(error.message) < 1_000
    assert await asked.mesh.read("words") == []
    assert (await asked.error("write", [], 1, 2)).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("write", [], sideways=True)).uri == "deltamesh.error.invalid_parameters"
    await asked.is_well()


async def test_keys_of_all_types_and_numbers_of_any_size(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside())
    keys = [None, False, True, -1, 0.5, 1, 2**70, "", "a", [], [1], [1, None], {}, {"a": 1}]
    live = await asked.mesh.live("words")

    done = await asked.mesh.write({"texts": [(key, [key, 10**30, 0.1]) for key in reversed(keys)]})
    await asked.mesh.write({"texts": [(1.0, ["one"])]})
    await until(lambda: live.values_of(1) == ("one",))

    entries = await asked.mesh.read("words", at_least=done.position)
    assert [list(key) if isinstance(key, tuple) else key for key, _ in entries] == keys
    assert live.entries() == entries
    assert dict(live.entries()[-2:][0][1][0]) == {}
    assert live.values_of(2**70) == (2**70, 10**30, 0.1)


async def test_an_idempotency_key_makes_a_write_happen_once(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside())
    mesh = asked.mesh
    for wrong in ("", "x" * 129, 7, [], {"a": 1}, True):
        for procedure, args in (("write", [[["texts", [["a", [1]]]]]]), ("put", ["a", 1])):
            error = await asked.error(procedure, *args, idempotency_key=wrong)
            assert error.uri == "deltamesh.error.invalid_idempotency_key"

    first = await mesh.write({"texts": [("a", [1])]}, idempotency_key="x" * 128)
    await mesh.write({"texts": [("a", [2])]})
    again = await mesh.write({"texts": [("a", [3]), ("b", [3])]}, idempotency_key="x" * 128)
    put = await mesh.call("put", "c", 1, idempotency_key="put")
    put_again = await mesh.call("put", "d", 1, idempotency_key="put")

    assert again == first
    assert put_again == put
    assert await mesh.read("words", at_least=put.position) == [("a", (2,)), ("c", (1,))]


async def test_errors_of_actions(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside())
    mesh = asked.mesh

    refused = await asked.error("refuse", reason="late")
    assert (refused.uri, refused.facts, refused.retry) == ("com.example.inside.error.refused", {"reason": "late"}, False)
    assert "no: late" in str(refused)
    assert (await asked.error("refuse")).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("refuse", "a", "b")).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("refuse", "a", reason="b")).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("refuse", 7)).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("put", "a", nan)).uri == "deltamesh.error.invalid_parameters"
    assert (await asked.error("put", "a", "x" * 20_000)).uri == "deltamesh.error.too_large"
    assert (await asked.error("put", "a", 1, crash=True)).uri == "deltamesh.error.computation_failed"
    assert (await asked.error("boast", 5_000_000)).uri == "deltamesh.error.too_large"
    unknown = await asked.error("nope")
    assert (unknown.uri, unknown.retry) == ("wamp.error.no_such_procedure", True)
    assert await mesh.read("words") == []

    done = await mesh.call("look", details="are the caller's own word")
    assert done.result == {"clock": 0, "details": "are the caller's own word"}
    assert (await mesh.call("put", "a", 1)).result == {"was": 1, "details": "component"}
    await mesh.write({"texts": [("a", [])]})
    await asked.is_well()


async def test_a_mapper_that_raises_leaves_its_key_out_and_no_other(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside())
    mesh = asked.mesh

    done = await mesh.write({"fragile": [("a", [1]), ("b", ["bad"]), ("c", [3])]})
    assert await mesh.read("whatever", at_least=done.position) == [("a", (1,)), ("c", (3,))]
    done = await mesh.write({"fragile": [("a", ["bad"]), ("b", [2])]})
    assert await mesh.read("whatever", at_least=done.position) == [("b", (2,)), ("c", (3,))]


async def test_a_service_that_rejects_takes_nothing_of_such_a_write(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside(made("com.example.inside", "reject")))
    mesh = asked.mesh
    before = await mesh.write({"fragile": [("a", [1])]})

    error = await asked.error("write", [["texts", [["x", [1]]]], ["fragile", [["a", [2]], ["b", ["bad"]]]]])
    assert (error.uri, error.facts["key"]) == ("deltamesh.error.rejected", "b")
    assert await mesh.read("whatever") == [("a", (1,))]
    assert await mesh.read("words") == []
    after = await mesh.write({"fragile": [("b", [2])]})
    assert after.position.revision == before.position.revision + 1


@pytest.mark.parametrize("size", [(1 << 24) - 64, (1 << 24) + 1], ids=["hardly one message", "more than one message"])
async def test_a_message_that_is_too_large_is_an_error_for_who_sends_it(
    inside: Callable[..., Inside], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_LIMIT", 1.0)  # the router may lose a call that grows too large on its way
    asked = await mesh_of(inside())
    other = await asked.place.connect()

    with pytest.raises(DeltameshError) as caught:
        await other.call(f"{asked.place.service.uris.prefix}.write", "x" * size)

    assert caught.value.uri.startswith(("deltamesh.error.", "wamp.error."))
    await asked.is_well()
    await Mesh(other, asked.place.service.uris.prefix).read("words")


async def test_a_frame_that_is_too_large_costs_the_session_that_sends_it(inside: Callable[..., Inside]) -> None:
    asked = await mesh_of(inside())
    other = await asked.place.connect()
    live = await Mesh(other, asked.place.service.uris.prefix).live("words")
    session = other.session

    session._transport.transport.write((1 << 25).to_bytes(4, "big") + b"x" * 1_000_000)
    await until(lambda: other.session is not session)
    await other.joined()
    done = await asked.mesh.write({"texts": [("a", [1])]})

    await until(lambda: live.position == done.position)


# ---- keywords that are called like parameters of functions through which Autobahn hands them on

AWKWARD = ("self", "fun", "f", "callee", "callee_authid", "callee_authrole", "error", "forward_for", "details", "deltamesh details")


async def test_no_keyword_of_a_stranger_costs_a_component_its_session(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    place = inside()
    leader, follower, component = await place.lead(), await place.follow(), await place.connect()
    heard: list[dict[str, Any]] = []

    async def odd(details: Any, /, *args: Any, **keywords: Any) -> dict[str, Any]:
        return keywords

    def event(*args: Any, **keywords: Any) -> None:
        heard.append(keywords)

    await component.register("com.example.inside.odd", odd)
    await component.session.subscribe(event, "com.example.inside.on_odd")

    def visit() -> dict[str, list[Any]]:
        requests: dict[str, list[Any]] = {"open": ["words", {}], "read": ["words", {}], "write": [[]], "put": ["a", 1], "odd": []}
        with WireConnection(router.unix_path) as stranger:
            for name in AWKWARD:
                stranger.request(PUBLISH, {"acknowledge": True}, "com.example.inside.on_odd", [], {name: 1})
            return {
                each: [stranger.request(CALL, {}, f"com.example.inside.{each}", args, {name: 1}) for name in AWKWARD]
                for each, args in requests.items()
            }

    answers = await deferToThread(visit)
    for procedure in ("open", "read", "write", "put"):
        assert {error_of(each) for each in answers[procedure][:-1]} == {"deltamesh.error.invalid_parameters"}
    assert [each[3][0] for each in answers["odd"]] == [*[{name: 1} for name in AWKWARD[:-1]], {}]
    assert len(heard) == len(AWKWARD)
    assert [leader._connection.num_joined, follower._connection.num_joined, component.num_joined] == [1, 1, 1]


@pytest.mark.parametrize("with_details", [False, True])
async def test_no_keyword_in_an_answer_costs_a_component_its_session(
    router: RunningRouter, inside: Callable[..., Inside], with_details: bool
) -> None:
    component = await inside().connect()
    registered: Deferred[None] = Deferred()

    def serve() -> None:
        with WireConnection(router.unix_path) as stranger:
            stranger.register("com.example.inside.answers")
            reactor.callFromThread(registered.callback, None)
            for name in AWKWARD:
                stranger.send([YIELD, stranger.receive()[1], {}, [1], {name: 1}])
                stranger.send([ERROR, INVOCATION, stranger.receive()[1], {}, "x.y", ["no"], {name: 1}])
            stranger.call("wamp.session.count")  # so that it leaves when the last answer has been taken

    served = deferToThread(serve)
    await registered
    options: dict[str, Any] = {"options": CallOptions(details=True)} if with_details else {}
    for _ in AWKWARD:
        answer = await component.call("com.example.inside.answers", **options)
        assert answer.results == (1,)
        with pytest.raises(DeltameshError) as caught:
            await component.call("com.example.inside.answers", **options)
        assert (caught.value.uri, caught.value.message) == ("x.y", "x.y: no")
    await served
    assert component.num_joined == 1
