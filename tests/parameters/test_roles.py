"""What browsers and administrators get of a service of parameters, and do not get, on the repository's own node."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.connection.identity import Identity, Ticket
from deltamesh.connection.wamp import WampError
from deltamesh.errors import DeltameshError
from deltamesh.parameters import service
from tests.mesh.mesh import Inside, until
from tests.running_router import RunningRouter

pytestmark = pytest.mark.mesh

S = "com.example.parameters"
DENIED = "wamp.error.not_authorized"
NOBODY_THERE = "wamp.error.no_such_procedure"
TICKET = "a ticket that nobody guesses"
HUSH = "hush"
"""The beginning of all that is secret here."""

TOKEN = "payment.secrets.token"
RULES = [("payment.keys", ["auditor"])]


def held(value: Any, number: int, file: str) -> list[dict[str, Any]]:
    return [{"value": value, "commit": f"c{number}", "number": number, "file": file}]


def commit(number: int) -> list[dict[str, Any]]:
    return [{"commit": f"c{number}", "author": "Ada", "time": number, "message": f"m{number}", "good": True, "changed": 2}]


def changed(number: int) -> dict[str, list[tuple[Any, list[Any]]]]:
    """A commit that changes a limit and three secrets, the last of which is in a value."""
    secret = f"{HUSH}{number}"
    names = {"payment.limit": number, TOKEN: secret, "payment.keys.one": {"deep": [secret]}, "payment.providers": [{"secrets": secret}]}
    return {
        "values": [(name, held(value, number, "base/payment.yaml")) for name, value in names.items()],
        "changes": [((name, number), [{"value": value}]) for name, value in names.items()],
        "commits": [(number, commit(number))],
        "problems": [
            (
                0,
                [
                    {
                        "commit": "c9",
                        "author": "Ada",
                        "time": 1,
                        "file": "base/payment.yaml",
                        "line": 1,
                        "name": TOKEN,
                        "reason": f"not {secret}",
                    }
                ],
            ),
            (
                1,
                [
                    {
                        "commit": "c9",
                        "author": "Ada",
                        "time": 1,
                        "file": "base/payment/secrets.json",
                        "line": 1,
                        "name": None,
                        "reason": secret,
                    }
                ],
            ),
        ],
        "reading": [(None, [{"repository": "/srv/git/shop.git", "head": "c9", "good": f"c{number}", "number": number}])],
        "holders": [(1, [{"session": 1, "client": "a", "kind": "node", "host": "", "since": 1, "size": 2}])],
        "holdings": [(1, [f"\npayment.keys.one\npayment.limit\n{TOKEN}\n"])],
        "at": [(1, [{"commit": f"c{number}", "number": number}])],
    }


class Roles:
    """A service with secrets, and sessions of each role."""

    def __init__(self, place: Inside, component: Mesh, browser: Mesh, administrator: Mesh) -> None:
        self.place = place
        self.component = component
        self.browser = browser
        self.administrator = administrator


UNMOVED: list[tuple[str, dict[str, Any]]] = [
    ("chosen", {"names": [TOKEN]}),
    ("tree", {"prefix": TOKEN}),
    ("tree", {"prefix": "payment.secrets"}),
]
"""Requests with nothing in the answer for a browser, so nothing of it changes."""


def install_ticket(directory: Path) -> None:
    (directory / "administrator.ticket").write_text(TICKET)


@asynccontextmanager
async def roles(router: RunningRouter, place: Inside) -> AsyncIterator[Roles]:
    install_ticket(router.node_directory)
    await place.lead()
    await place.follow(name="here")
    component = Mesh(await place.connect(), S)
    await component.write(changed(1))
    await component.write(changed(2))
    connection = Connection(router.ws_url, identity=Identity(Ticket("administrator", TICKET)))
    connection.start()
    await connection.joined()
    try:
        yield Roles(place, component, Mesh(await place.connect(router.ws_url), S), Mesh(connection, S))
    finally:
        await connection.stop()


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("parameter", {"name": "payment.limit"}),
    ("chosen", {"names": ["payment.limit", TOKEN, "payment.keys.one", "payment.keys"]}),
    ("chosen", {"names": [TOKEN]}),
    ("tree", {}),
    ("tree", {"prefix": "payment"}),
    ("tree", {"prefix": TOKEN}),
    ("tree", {"prefix": "payment.secrets"}),
    ("history", {"name": "payment.limit"}),
    ("census", {}),
    ("census", {"name": "payment.limit"}),
    ("commits", {}),
    ("state", {}),
]


async def test_no_resource_shows_a_browser_a_secret(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    async with roles(router, inside(service(S, RULES))) as found:
        lives = [await found.browser.live(*request) for request in REQUESTS]
        done = await found.component.write(changed(3))
        reads = [await found.browser.read(*request, at_least=done.position) for request in REQUESTS]
        reads += [
            await found.browser.read(*request, key=key, at_least=done.position)
            for request in REQUESTS
            for key in (TOKEN, "payment.keys.one")
        ]
        moved = [live for live, request in zip(lives, REQUESTS, strict=True) if request not in UNMOVED]
        await until(lambda: all(live.position == done.position for live in moved))

        assert HUSH not in str([*reads, *[live.entries() for live in lives]])
        assert lives[1].values_of(TOKEN) == ({"restricted": True},)
        shown = [str(await found.administrator.read(*request, at_least=done.position)) for request in REQUESTS]
        assert [HUSH in each for each in shown] == [request[0] in ("chosen", "tree", "state") for request in REQUESTS]


@pytest.mark.parametrize("resource", ["parameter", "history", "census"])
async def test_who_asks_for_a_secret_is_refused_unless_he_is_an_administrator(
    router: RunningRouter, inside: Callable[..., Inside], resource: str
) -> None:
    async with roles(router, inside(service(S, RULES))) as found:
        for name in (TOKEN, "payment.keys.one", "payment.keys", "payment.secrets.nothing"):
            for ask in (found.browser.live, found.browser.read):
                with pytest.raises(DeltameshError) as caught:
                    await ask(resource, {"name": name})
                assert caught.value.uri == f"{S}.error.restricted"
                assert HUSH not in str(caught.value.facts)
        assert (await found.administrator.live(resource, {"name": TOKEN})).entries() != []


ODD: list[Any] = [
    *[None, "", "tree", 1, True, [], {}, ["tree"]],
    *[{"prefix": prefix} for prefix in ("", f"{TOKEN}.", ".payment.secrets", "payment..secrets", "payment.secrets.*")],
    {"prefix": "payment.secrets", "caller": {"authrole": "administrator"}},
    *[{"name": TOKEN, "caller": "component"}, {"name": [TOKEN]}, {"name": "payment.limit", "limit": 10**30}],
    *[{"names": [TOKEN], "role": "component"}, {"names": {"0": TOKEN}}],
]


async def test_odd_questions_of_a_browser_are_answered_without_a_secret(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    async with roles(router, inside(service(S, RULES))) as found:
        questions: list[tuple[list[Any], dict[str, Any]]] = [
            ([resource, odd], keywords)
            for resource in (
                "parameter",
                "chosen",
                "tree",
                "history",
                "census",
                "commits",
                "state",
                "values",
                "shared",
                "changes",
                "",
                None,
                7,
            )
            for odd in ODD
            for keywords in ({},)
        ]
        questions += [
            (["tree", {}], keywords)
            for keywords in (
                {"key": TOKEN}, {"key": [TOKEN]}, {"caller": 1}, {"details": {"caller_authrole": "component"}}, {"position": ["x", 0]},
                {"position": [found.component.connection.num_joined, -1]}, {"caller_authrole": "component"}, {"at_least": []},
            )
        ]  # fmt: skip
        answers = []
        for procedure in (f"{S}.open", f"{S}.read", f"{S}.open.here"):
            for arguments, keywords in questions:
                try:
                    answers.append(await found.browser.connection.call(procedure, *arguments, **keywords))
                except DeltameshError as error:
                    answers.append([error.uri, error.message, error.facts])

        assert HUSH not in json.dumps(answers)
        assert sum([isinstance(each, dict) for each in answers]) > 20  # some of them are fine


async def test_what_each_role_may_call_publish_and_hear(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    async with roles(router, inside(service(S, RULES))) as found:

        async def answer(mesh: Mesh, procedure: str) -> str:
            with pytest.raises(DeltameshError) as caught:
                await mesh.connection.call(f"{S}.{procedure}")
            return caught.value.uri

        for procedure in ("write", "shared", "shared.snapshot", "leader", "leader.x", "live.x", "follower.x"):
            assert [await answer(mesh, procedure) for mesh in (found.browser, found.administrator)] == [DENIED, DENIED]
        for procedure in ("repository.preview", "repository.change", "repository.revert", "repository.reader", "repository"):
            assert [await answer(mesh, procedure) for mesh in (found.browser, found.administrator)] == [DENIED, NOBODY_THERE]
        assert await answer(found.browser, "something_else") == NOBODY_THERE
        with pytest.raises(DeltameshError) as caught:  # administrators are those of the parameters
            await found.administrator.connection.call("com.example.hackernews.open")
        assert caught.value.uri == DENIED

        for mesh in (found.browser, found.administrator):
            topics: Any = mesh.connection.topics
            session = mesh.connection.session
            await topics.add(f"{S}.on_reading", print)
            for topic in ("on_holding", "shared", "leader.on_gone", "status", "repository"):
                with pytest.raises(DeltameshError) as caught:
                    await topics.add(f"{S}.{topic}", print)
                assert caught.value.uri == DENIED
            with pytest.raises(WampError, match=DENIED):
                await session.register(print, f"{S}.repository.change")
