from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from deltamesh.parameters.client.cache import Cache
from deltamesh.parameters.client.news import Entry

ENTRIES = {"a.b": Entry([1, {"c": None}], "c1", 1), "d": Entry("text", "c2", 2)}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "service.cache", "com.example.service")


@pytest.fixture
def told() -> Any:
    """What is logged."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def test_what_is_saved_is_loaded(cache: Cache) -> None:
    cache.save({})
    cache.save(ENTRIES)

    assert cache.load() == ENTRIES
    assert [each.name for each in cache.path.parent.iterdir()] == ["service.cache"]
    assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600


def test_no_file_is_no_news(cache: Cache, told: list[LogEvent]) -> None:
    assert cache.load() == {}
    assert told == []


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_a_damaged_file_is_ignored_and_that_is_logged(cache: Cache, told: list[LogEvent], cut: int) -> None:
    cache.save(ENTRIES)
    cache.path.write_bytes(cache.path.read_bytes()[:cut])

    assert cache.load() == {}
    assert [event["reason"] for event in told] == ["it is damaged, or something else"]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"null", b"[" * 100_000, b'{"format": "x", "service": "com.example.service", "parameters": {}}']
)
def test_something_else_is_ignored(cache: Cache, told: list[LogEvent], content: bytes) -> None:
    cache.path.write_bytes(content)

    assert cache.load() == {}
    assert len(told) == 1


def test_the_file_of_another_service_is_ignored(cache: Cache, told: list[LogEvent]) -> None:
    cache.save(ENTRIES)

    assert Cache(cache.path, "com.example.other").load() == {}
    assert [event["reason"] for event in told] == ["it is of 'com.example.service'"]


def test_a_file_that_cannot_be_written_is_logged_and_leaves_nothing(cache: Cache, told: list[LogEvent], errors: list[str]) -> None:
    cache.path.mkdir()
    cache.save(ENTRIES)
    errors.clear()

    assert [event["reason"] for event in told] == ["Is a directory"]
    assert [each.name for each in cache.path.parent.iterdir()] == ["service.cache"]
    assert cache.load() == {}
