"""Errors survive the wire, and say whether the same call can succeed later."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from deltamesh import errors
from deltamesh.errors import PREFIX, RESERVED_FACTS, DeltameshError, from_wire

EXAMPLES: list[DeltameshError] = [
    errors.ApplicationError("com.example.error.refused", "no", reason="late"),
    errors.ApplicationError("com.example.error.busy", "later", retry=True),
    errors.UnknownName("resource", "nope", ["top", "me"]),
    errors.UnknownName("input", ["x"] * 100, []),
    errors.InvalidParameters("top", "Expected `int`"),
    errors.InvalidTransaction("not a list", place="changes[0]"),
    errors.InvalidPosition(["x"]),
    errors.InvalidIdempotencyKey(),
    errors.MalformedMessage("event", "not a list"),
    errors.Rejected("posts.map(f)", 7, "ValueError"),
    errors.ComputationFailed("top", "ValueError"),
    errors.TooLarge("result", 10, 5, "ask for less"),
    errors.NotCaughtUp(["e", 2], ["e", 1]),
    errors.TooManyInstances(5),
    errors.Fenced(),
    errors.JournalFull("disk is full " * 50),
    errors.JournalUnavailable("connection refused " * 50),
    errors.JournalDamaged("revision 7", "its digest differs"),
    errors.AnotherJournal(["e", 1], ["f", 2]),
    errors.GraphBroken("KeyError"),
    errors.NotTaken("deltamesh.error.queue_full", "7 calls wait already", retry=True, waiting=7),
]


def test_every_error_that_travels_is_tried_here() -> None:
    kinds = {each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, DeltameshError)}

    assert kinds - {type(each) for each in EXAMPLES} == {DeltameshError, errors.ConfigurationError, errors.RemoteError}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_it_was_sent(error: DeltameshError) -> None:
    uri, args, kwargs = json.loads(json.dumps(error.to_wire()))

    arrived = from_wire(uri, args, kwargs)

    assert (arrived.uri, arrived.retry) == (error.uri, error.retry)
    assert arrived.facts == error.facts
    assert error.message in str(arrived)
    assert not error.facts.keys() & RESERVED_FACTS
    assert len(error.message) < 300


def test_what_can_be_tried_again() -> None:
    can = {each.uri.removeprefix(PREFIX) for each in EXAMPLES if each.retry}

    ours = {"not_caught_up", "too_many_instances", "fenced", "journal_full", "journal_unavailable", "another_journal"}
    assert can == {"com.example.error.busy", "queue_full", *ours}


@pytest.mark.parametrize("uri", ["wamp.error.no_such_procedure", "wamp.error.canceled", "crossbar.error.max_concurrency_reached"])
def test_errors_of_the_router_that_pass(uri: str) -> None:
    assert from_wire(uri, [], {}).retry
    assert not from_wire("wamp.error.not_authorized", [], {}).retry


def test_a_call_that_no_callee_has_is_told_from_one_that_a_callee_may_have_done() -> None:
    kinds = {name: type(from_wire(f"{PREFIX}{name}", ["why"], {"retry": True})) for name in ("queue_full", "no_callee", "not_caught_up")}

    assert kinds == {"queue_full": errors.NotTaken, "no_callee": errors.NotTaken, "not_caught_up": errors.RemoteError}
    assert type(from_wire("wamp.error.canceled", [], {})) is errors.RemoteError


@pytest.mark.parametrize("args, kwargs", [([], {}), ([7], {}), ([10**5000], {}), ([None], {"retry": 1, "x": []}), ([["a"]], {})])
def test_whatever_a_stranger_sends_becomes_an_error(args: list[Any], kwargs: dict[str, Any]) -> None:
    error = from_wire("com.stranger.error", args, kwargs)

    assert error.uri == "com.stranger.error"
    assert isinstance(error.message, str)
    assert error.retry is bool(kwargs.get("retry"))
