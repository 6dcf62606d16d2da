"""The cases that every subscriber passes, in any language: see tests/cases/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deltamesh.errors import MalformedMessage
from deltamesh.stream import Answer, Apply, Ask, Delta, Mirror, Output, Position, Subscriber
from deltamesh.values import Values, freeze, order_of, same

TABLE = json.loads((Path(__file__).parents[1] / "cases" / "subscriber.json").read_text())


def text(entries: Any) -> str:
    return entries if isinstance(entries, str) else msgspec.json.encode(entries).decode()


def outputs_of(subscriber: Subscriber, step: dict[str, Any]) -> list[Output]:
    match step["do"]:
        case "connected":
            return subscriber.connected(step.get("source"))
        case "lost":
            subscriber.lost()
            return []
        case "ask":
            return subscriber.ask(whole=step.get("whole", False))
        case "answer":
            answer = Answer.from_wire({**step["answer"], "entries": text(step["answer"]["entries"])})
            return subscriber.answer(step["number"], step["source"], answer)
        case "receive":
            *numbers, entries = step["event"]
            return subscriber.receive(step["source"], Delta.from_wire(*numbers, text(entries)))
    raise AssertionError(f"unknown step {step['do']}")


def described(output: Output) -> dict[str, Any]:
    position = output.position and output.position.to_wire()
    if isinstance(output, Ask):
        return {"ask": position, "pause": True} if output.pause else {"ask": position}
    return {"apply" if isinstance(output, Apply) else "replace": position}


@pytest.mark.parametrize("case", TABLE["cases"], ids=[case["name"] for case in TABLE["cases"]])
def test_case(case: dict[str, Any]) -> None:
    subscriber = Subscriber(max_deltas=case.get("max_deltas", 1000))
    mirror = Mirror()
    asks = 0
    for place, step in enumerate(case["steps"]):
        outputs = outputs_of(subscriber, step)
        assert [described(output) for output in outputs] == step["expect"], place
        for output in outputs:
            if isinstance(output, Ask):
                asks += 1
                assert output.number == asks, place
                continue
            show = mirror.apply if isinstance(output, Apply) else mirror.replace
            if step.get("malformed"):
                with pytest.raises(MalformedMessage):
                    show(output.entries)
            else:
                changed = sorted(freeze(step["changed"]), key=order_of)
                assert same(tuple(show(output.entries)), tuple(changed)), place
        if "shows" in step:
            shows = [(key, Values(values)) for key, values in freeze(step["shows"])]
            assert same(tuple(mirror.entries()), tuple(shows)), place


@pytest.mark.parametrize("case", TABLE["events"], ids=repr)
def test_event(case: dict[str, Any]) -> None:
    if case["valid"]:
        assert Delta.from_wire(*case["event"]).to_wire() == case["event"]
    else:
        with pytest.raises(MalformedMessage):
            Delta.from_wire(*case["event"])


@pytest.mark.parametrize("case", TABLE["answers"], ids=repr)
def test_answer(case: dict[str, Any]) -> None:
    if case["valid"]:
        wire = Answer.from_wire(case["answer"]).to_wire()
        assert wire == {name: case["answer"][name] for name in wire}
        assert Answer.from_wire(wire).position == Position(wire["epoch"], wire["revision"])
    else:
        with pytest.raises(MalformedMessage):
            Answer.from_wire(case["answer"])
