"""What becomes of what clients say they hold. No network, no clock."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh.parameters.reader import holders as module
from deltamesh.parameters.reader.holders import MAX_EVENTS, SILENCE, BadHolding, Holders


class Roll:
    """Holders at a time that stands still, and what the service would have of them."""

    def __init__(self) -> None:
        self.holders = Holders()
        self.now = 0.0
        self.service: dict[str, dict[int, Any]] = {"holders": {}, "holdings": {}, "at": {}}

    def say(self, session: int, **said: Any) -> None:
        self.holders.hear(session, {"client": "shop", "kind": "python", "host": "here", **said}, self.now, 1000.0)

    def write(self) -> int:
        """Write all that waits; return in how many transactions."""
        number = 0
        while writes := self.holders.take():
            number += 1
            for name, changes in writes.items():
                for session, values in changes:
                    if values:
                        self.service[name][session] = values[0]
                    else:
                        self.service[name].pop(session, None)
        return number


@pytest.fixture
def roll() -> Roll:
    return Roll()


def test_a_holder_is_written_as_the_service_documents_it(roll: Roll) -> None:
    roll.say(7, names=["b.c", "a", "b.c"], commit="c2", number=2)
    assert roll.write() == 1

    assert roll.service == {
        "holders": {7: {"session": 7, "client": "shop", "kind": "python", "host": "here", "since": 1000.0, "size": 2}},
        "holdings": {7: "\na\nb.c\n"},
        "at": {7: {"commit": "c2", "number": 2}},
    }
    assert roll.write() == 0


def test_only_what_differs_is_written(roll: Roll) -> None:
    roll.say(7, names=["a"], commit=None, number=None)
    roll.write()
    roll.say(7, commit=None, number=None)
    assert roll.holders.take() == {}
    roll.say(7, commit="c3", number=3)
    roll.say(7, commit="c4", number=4)
    assert roll.holders.take() == {"at": [(7, [{"commit": "c4", "number": 4}])]}
    roll.say(7, names=["a", "b"], commit="c4", number=4)
    assert sorted(roll.holders.take()) == ["holders", "holdings"]


def test_who_leaves_holds_nothing_or_says_so_is_forgotten(roll: Roll) -> None:
    for session in (7, 8, 9):
        roll.say(session, names=["a"])
    roll.write()
    roll.holders.left(7)
    roll.holders.left(7)
    roll.say(8, names=[])
    roll.holders.keep([8])  # who is alive
    roll.write()

    assert roll.service == {"holders": {}, "holdings": {}, "at": {}}
    assert len(roll.holders) == 0


def test_who_is_silent_for_long_is_forgotten(roll: Roll) -> None:
    roll.say(7, names=["a"])
    roll.say(8, names=["a"])
    roll.now = SILENCE
    roll.say(8)
    roll.now += 1
    roll.holders.look(roll.now)
    roll.write()

    assert list(roll.service["holders"]) == [8]


def test_what_nobody_has_written_is_kept(roll: Roll) -> None:
    roll.say(7, names=["a"], commit="c1", number=1)
    roll.say(8, names=["a"])
    refused = roll.holders.take()
    roll.say(7, commit="c2", number=2)
    roll.holders.left(8)
    roll.holders.refused(refused)
    roll.write()

    assert roll.service["at"] == {7: {"commit": "c2", "number": 2}}
    assert roll.service["holdings"] == {7: "\na\n"}
    assert list(roll.service["holders"]) == [7]


def test_what_the_service_has_of_a_former_time_stays_as_long_as_the_session(roll: Roll) -> None:
    roll.say(7, names=["a", "b"], commit="c1", number=1)
    roll.say(8, names=["a"])
    roll.write()
    later = Roll()
    later.service = roll.service
    later.say(7, commit="c2", number=2)  # before it is known what there is
    for session, shown in {
        session: {**shown, **roll.service["at"][session], "is_current": None} for session, shown in roll.service["holders"].items()
    }.items():
        later.holders.restore(session, shown, later.now)
    later.holders.keep([7])
    later.write()

    assert list(later.service["holders"]) == [7]
    assert later.service["holdings"] == {7: "\na\nb\n"}
    assert later.service["at"] == {7: {"commit": "c2", "number": 2}}
    later.say(7, names=["c"])
    later.write()
    assert later.service["holdings"] == {7: "\nc\n"}


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "ruby"},
        {"kind": None},
        {"kind": ["python"]},
        {"client": "a" * 101},
        {"client": "a\nb"},
        {"client": 1},
        {"host": None},
        {"names": "a"},
        {"names": [1]},
        {"names": ["a\nb"]},
        {"names": ["a b"]},
        {"names": [""]},
        {"names": ["a" * 201]},
        {"names": ["a"] * 20_001},
        {"names": {"a": 1}},
        {"commit": 1},
        {"commit": "a" * 101},
        {"commit": "<b>"},
        {"number": -1},
        {"number": True},
        {"number": 1.5},
        {"number": 1 << 60},
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(roll: Roll, said: dict[str, Any]) -> None:
    roll.say(7, names=["a"])
    roll.write()
    for session in (7, 8):
        with pytest.raises(BadHolding):
            roll.say(session, **said)

    assert roll.holders.take() == {}
    assert len(roll.holders) == 1


def test_who_says_too_much_is_heard_again_later(roll: Roll) -> None:
    for number in range(2 * MAX_EVENTS):
        roll.say(7, names=["a"], number=number)
    roll.write()
    assert roll.service["at"][7]["number"] == MAX_EVENTS - 1
    for _ in range(MAX_EVENTS):
        with pytest.raises(BadHolding):
            roll.say(8, kind="ruby")
    roll.say(8, names=["a"])
    assert roll.write() == 0
    roll.holders.look(roll.now)
    roll.say(7, number=99)
    roll.say(8, names=["a"])
    roll.write()
    assert {session: at["number"] for session, at in roll.service["at"].items()} == {7: 99, 8: None}


def test_holders_and_names_are_bounded(roll: Roll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HOLDERS", 3)
    monkeypatch.setattr(module, "MAX_TEXT", 8)
    for session in (1, 2, 3):
        roll.say(session, names=["abc"])
    with pytest.raises(BadHolding, match="there are 3 holders already"):
        roll.say(4, names=["a"])
    roll.write()

    assert roll.service["holdings"] == {1: "\nabc\n", 2: "\n", 3: "\n"}
    assert [each["size"] for each in roll.service["holders"].values()] == [1, 0, 0]
    roll.holders.left(1)
    roll.say(2, names=["abc"])
    roll.write()
    assert roll.service["holdings"] == {2: "\nabc\n", 3: "\n"}


def test_of_very_many_names_the_first_ones_are_kept(roll: Roll) -> None:
    names = [f"some.name{index:05}" for index in range(module.MAX_NAMES)]
    roll.say(7, names=names)
    roll.write()

    assert roll.service["holdings"][7].split() == names[: module.MAX_KEPT]
    assert roll.service["holders"][7]["size"] == module.MAX_KEPT
    assert 1_000 <= module.MAX_KEPT < module.MAX_NAMES


def test_many_names_are_written_in_several_transactions(roll: Roll) -> None:
    for session in range(100):
        roll.say(session, names=[f"some.name{index}" for index in range(1_000)], commit="c1", number=1)
    first = roll.holders.take()
    assert sum([len(values[0]) for _, values in first["holdings"]]) <= module.MAX_WRITTEN
    assert sorted(first) == ["at", "holders", "holdings"]
    roll.holders.refused(first)
    assert 1 < roll.write() < 20
    assert len(roll.service["holdings"]) == len(roll.service["holders"]) == len(roll.service["at"]) == 100
