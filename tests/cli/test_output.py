"""The one stream of what all programs say."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from deltamesh.cli.output import Output


def test_names_stand_in_columns_also_those_that_come_later(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(["router", "poll.leader"])
    output.say("router", "ready")
    output.say("run", "ready: http://127.0.0.1:8080/")
    output.say("poll.follower12", "ready")
    output.say("poll.leader", "error: no")

    assert capsys.readouterr().out.splitlines() == [
        "router      | ready",
        "run         | ready: http://127.0.0.1:8080/",
        "poll.follower12 | ready",
        "poll.leader     | error: no",
    ]


def test_as_json_each_line_is_an_object_with_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(["router"], as_json=True)
    for text in ("ready", "error: it's “broken”: no", "warning: slow", "info: plain"):
        output.say("router", text)
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [(each["component"], each["level"], each["text"]) for each in records] == [
        ("router", "info", "ready"),
        ("router", "error", "it's “broken”: no"),
        ("router", "warning", "slow"),
        ("router", "info", "info: plain"),
    ]
    assert all(datetime.fromisoformat(each["time"]).tzinfo is not None for each in records)
