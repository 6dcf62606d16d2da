from __future__ import annotations

from typing import Any

from deltamesh.parameters.client.news import Entry
from deltamesh.parameters.client.report import ABSENCE, INTERVAL, MAX_NAMES, MAX_SIZE, Report

WHO = {"client": "test", "kind": "python", "host": "here"}


def reported(report: Report, names: list[str], newest: Entry | None, until: float) -> list[tuple[float, Any]]:
    """Return what is said until a time, and when."""
    said = []
    while report.next is not None and report.next <= until:
        now = report.next
        event = report.due(names, newest, now)
        if event is not None:
            said.append((now, {name: value for name, value in event.items() if name not in WHO}))
            assert {name: event[name] for name in WHO} == WHO
    return said


def entry(number: int) -> Entry:
    return Entry(None, f"c{number}", number)


def joined(names: list[str], newest: Entry | None = None) -> Report:
    report = Report("test", "here", 0.5)
    report.joined(0.0)
    reported(report, names, newest, 1.0)
    return report


def test_names_are_told_once_to_each_session_and_from_time_to_time_that_somebody_is_there() -> None:
    report = Report("test", "here", 0.5)
    before = report.next
    report.joined(0.0)
    first = reported(report, ["a", "b"], entry(3), 2 * INTERVAL)
    report.left()
    assert report.next is None
    report.joined(200.0)
    second = reported(report, ["a", "b"], entry(3), 220.0)

    place = {"commit": "c3", "number": 3}
    assert before is None
    assert first == [(1.0, {"names": ["a", "b"], **place}), (1.0 + INTERVAL, place)]
    assert second == [(201.0, {"names": ["a", "b"], **place})]


def test_names_that_change_are_told_when_they_stay_or_after_a_while() -> None:
    report = joined(["a"])
    times = [2.0, 2.5, 3.0]
    for time in times:
        report.names_changed(time)
    settled = reported(report, ["b"], None, 10.0)
    for tenth in range(100):
        report.names_changed(20.0 + tenth / 10)
    restless = reported(report, ["c"], None, 30.0)

    assert settled == [(4.0, {"names": ["b"], "commit": None, "number": None})]
    assert restless[0][0] == 25.0


def test_a_new_commit_is_told_at_most_once_a_second() -> None:
    report = joined(["a"], entry(1))
    report.values_changed()
    first = reported(report, ["a"], entry(2), 10.0)
    report.values_changed()
    same = reported(report, ["a"], entry(2), 10.0)

    assert first == [(2.0, {"commit": "c2", "number": 2})]
    assert same == []


def test_who_holds_nothing_says_so_once_or_nothing_at_all() -> None:
    assert reported(joined([]), [], None, 1000.0) == []
    report = joined(["a"])
    report.names_changed(2.0)
    assert [event.get("names") for _, event in reported(report, [], None, 1000.0)] == [[]]


def test_a_new_reader_is_told_the_names_again() -> None:
    report = joined(["a"])
    report.heard(1.5, 0.3)  # for the first time
    first = reported(report, ["a"], None, 3.0)
    for second in range(2, 10):
        report.heard(float(second), 0.3)
    steady = reported(report, ["a"], None, 10.0)
    report.heard(9.0 + ABSENCE, 0.3)
    again = reported(report, ["a"], None, 20.0)

    names = {"names": ["a"], "commit": None, "number": None}
    assert first == [(2.0, names)]
    assert steady == []
    assert again == [(9.0 + ABSENCE + 0.3, names)]


def test_the_last_word_is_that_nothing_is_held() -> None:
    report = joined(["a"])

    assert (report.farewell() or {}).get("names") == []
    assert joined([]).farewell() is None


def test_reports_are_bounded() -> None:
    report = Report("test", "here", 0.5)
    report.joined(0.0)
    ((_, many),) = reported(report, [f"n{number}" for number in range(30_000)], None, 2.0)
    report.joined(10.0)
    ((_, long),) = reported(report, [f"{number:0200}" for number in range(10_000)], None, 12.0)

    assert len(many["names"]) == MAX_NAMES
    assert len(long["names"]) == MAX_SIZE // 200
