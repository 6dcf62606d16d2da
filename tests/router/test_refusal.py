"""Errors of the router: their shape, and what clients make of them."""

from __future__ import annotations

import json
import re

import pytest
from autobahn.wamp.message import Call, Register

from deltamesh.errors import RESERVED_FACTS, NotTaken, RemoteError, from_wire
from deltamesh_router.calls import refusal
from deltamesh_router.queue.moves import NoCallee, QueueFull, Refused, WaitedTooLong
from tests.running_router import ROOT

LONG = "com.example." + "x" * 100_000
REFUSALS = {
    "queue_full": refusal.of_queue(QueueFull(7, is_first=True), LONG),
    "waited_too_long": refusal.of_queue(WaitedTooLong(1.23456), LONG),
    "no_callee": refusal.of_queue(NoCallee(), LONG),
    "too_many_calls": refusal.too_many_calls(7),
    "reserved": refusal.reserved(LONG),
    "callee_gone": refusal.callee_gone(LONG),
    "canceled": refusal.canceled(LONG),
    "timed_out": refusal.timed_out(LONG, 250, is_waiting=True),
    "no_such_session": refusal.no_such_session(7),
    "internal_fault": refusal.internal_fault(LONG),
}


@pytest.mark.parametrize("refused", REFUSALS.values(), ids=REFUSALS)
def test_an_error_arrives_with_its_facts(refused: refusal.Refusal) -> None:
    error = refused.to_error(9)
    uri, args, kwargs = json.loads(json.dumps([error.error, error.args, error.kwargs]))
    arrived = from_wire(uri, args, kwargs)

    assert (error.request_type, error.request) == (Call.MESSAGE_TYPE, 9)
    assert refused.to_error(9, Register.MESSAGE_TYPE).request_type == Register.MESSAGE_TYPE
    assert (arrived.uri, arrived.retry, arrived.facts) == (refused.uri, refused.retry, refused.facts)
    assert not arrived.facts.keys() & RESERVED_FACTS
    assert refused.message in arrived.message or refused.message in str(arrived)
    assert len(refused.message) < 400


def test_clients_can_tell_what_no_callee_has() -> None:
    kinds = {name: type(from_wire(refused.uri, [], {})) for name, refused in REFUSALS.items()}

    not_taken = {"queue_full", "waited_too_long", "no_callee", "too_many_calls"}
    assert {name for name, kind in kinds.items() if kind is NotTaken} == not_taken
    assert {name for name, kind in kinds.items() if kind is RemoteError} == kinds.keys() - not_taken


def test_other_refusals_have_no_uri() -> None:
    with pytest.raises(TypeError):
        refusal.of_queue(Refused(), "com.example.x")


def test_clients_in_python_and_javascript_know_what_to_try_again() -> None:
    known = set(re.findall(r'^  "([\w.]+)",', (ROOT / "web/deltamesh/errors.js").read_text(), re.MULTILINE))
    ours = {refused.uri for refused in REFUSALS.values() if refused.retry}

    assert ours <= known
    assert all(from_wire(uri, [], {}).retry for uri in ours)


def test_the_protocol_documents_the_errors_of_the_router() -> None:
    section = (ROOT / "docs/protocol.md").read_text().split("### Errors of the router")[1].split("\n## ")[0]
    rows = set(re.findall(r"^\| `([\w.]+)` \| (yes|no) \|", section, re.MULTILINE))

    travel = [refused for name, refused in REFUSALS.items() if name not in ("no_such_session", "internal_fault")]
    assert {(refused.uri, "yes" if refused.retry else "no") for refused in travel} <= rows
