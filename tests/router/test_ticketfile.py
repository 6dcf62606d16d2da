"""Who comes in with a ticket that is in a file, on our router and on plain Crossbar.io; and who does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deltamesh.connection.identity import Ticket
from deltamesh_router.node.nodecheck import NodeError, check_secrets
from deltamesh_router.ticketfile import NoTicket, read_ticket, ticket_files
from tests.router.visitor import Refused, Visitor
from tests.running_router import OURS, STOCK, RunningRouter, configuration

TICKET = "0123456789abcdef"


@pytest.fixture(params=[pytest.param(OURS, id="ours"), pytest.param(STOCK, id="stock")], scope="module")
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """The repository's own node."""
    with RunningRouter(tmp_path_factory.mktemp("node"), program=request.param) as running:
        yield running


def refusal(node: RunningRouter, ticket: str, authid: str = "administrator") -> str:
    with pytest.raises(Refused) as caught:
        Visitor(node.ws_url, Ticket(authid, ticket))
    reason, details = caught.value.args
    assert reason == "wamp.error.authentication_failed", (reason, details)
    return str(details["message"])


@pytest.mark.mesh
@pytest.mark.slow
def test_an_administrator_comes_with_the_ticket_and_nobody_without(node: RunningRouter) -> None:
    file = node.node_directory / "administrator.ticket"
    guesses = ["", "x", TICKET[:-1], f"{TICKET}\n", "${DELTAMESH_ADMINISTRATOR_TICKET}", "administrator", "None", "null", "ü" * 16]
    for content in (None, "", "\n", "short", "${DELTAMESH_ADMINISTRATOR_TICKET}", "$DELTAMESH_ADMINISTRATOR", "x" * 2_000):
        if content is not None:
            file.write_text(content)
        for guess in [*guesses, *([] if content is None else [content, content.strip()])]:
            assert "nobody can come as administrator now: administrator.ticket" in refusal(node, guess)
    file.write_text(f"{TICKET}\n")
    for guess in guesses:
        assert refusal(node, guess) == "that is not the ticket of administrator"
    for authid in ("component", "browser", "", "__class__", "administrator "):
        assert refusal(node, TICKET, authid) == "nobody of that name can come with a ticket"
    with Visitor(node.ws_url, Ticket("administrator", TICKET)) as administrator, Visitor(node.ws_url) as page:
        assert (administrator.welcome["authid"], administrator.welcome["authrole"]) == ("administrator", "administrator")
        assert page.welcome["authrole"] == "browser"


def test_a_ticket_is_read_without_blanks_around_it(tmp_path: Path) -> None:
    file = tmp_path / "ticket"
    file.write_text(f" {TICKET}\n\n")
    assert read_ticket(file) == TICKET
    for content in (b"", b"0123456789abcde", b" " * 100, b"$" + b"x" * 30, b"\xff" * 20):
        file.write_bytes(content)
        with pytest.raises(NoTicket, match="write a random word of 16 characters or more into it"):
            read_ticket(file)
    with pytest.raises(NoTicket, match="No such file"):
        read_ticket(tmp_path / "nothing")


def test_what_a_configuration_says_of_tickets_in_files_is_found() -> None:
    ticket = {"type": "function", "create": "deltamesh_router.ticketfile.create", "config": {"a": {"role": "r", "file": "f"}}}
    other = {"type": "static", "principals": {}}

    assert list(ticket_files({"workers": [{"paths": {"ws": {"auth": {"ticket": ticket}}}}, {"auth": {"ticket": other}}, 1]})) == [
        ("a", "f")
    ]
    assert list(ticket_files(None)) == []


def test_a_node_with_a_ticket_that_is_none_is_not_sound(tmp_path: Path) -> None:
    config = configuration(0)
    file = tmp_path / "administrator.ticket"
    check_secrets(config, tmp_path)
    for content in ("", "short"):
        file.write_text(content)
        with pytest.raises(NodeError, match=r"administrator\.ticket has no ticket in it: write a random word"):
            check_secrets(config, tmp_path)
    file.write_text(TICKET)
    check_secrets(config, tmp_path)
    for principals in ({"administrator": {}}, {"administrator": 1}, 7):
        config["workers"][0]["transports"][0]["paths"]["ws"]["auth"]["ticket"]["config"] = principals
        with pytest.raises(NodeError, match="a ticket in a file is not of the form that it has to be"):
            check_secrets(config, tmp_path)
