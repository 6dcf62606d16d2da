from __future__ import annotations

import os
import stat
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, globalLogPublisher

from deltamesh.parameters.client import cache as cache_module
from deltamesh.parameters.client import saving as saving_module
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

    assert [event["reason"] for event in told] == ["it is not a regular file"]
    assert [each.name for each in cache.path.parent.iterdir()] == ["service.cache"]
    assert cache.load() == {}


@pytest.mark.parametrize("kind", ["fifo", "device", "loop"])
def test_what_is_no_file_is_neither_read_nor_replaced(cache: Cache, told: list[LogEvent], errors: list[str], kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(cache.path)
    else:
        cache.path.symlink_to("/dev/null" if kind == "device" else cache.path)
    before = cache.path.lstat()
    assert cache.load() == {}
    cache.save(ENTRIES)
    errors.clear()

    assert len(told) == 2
    assert "it is not a regular file" in told[0]["reason"]
    assert (cache.path.lstat().st_ino, cache.path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert [each.name for each in cache.path.parent.iterdir()] == ["service.cache"]


def test_a_link_to_a_file_stays_one(cache: Cache, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    cache.path.symlink_to(place / "file")
    cache.save(ENTRIES)
    cache.save({"e": Entry(1, "c3", 3)})

    assert cache.path.is_symlink()
    assert (place / "file").is_file()
    assert cache.load() == {**ENTRIES, "e": Entry(1, "c3", 3)}


def test_two_programs_share_a_file(cache: Cache) -> None:
    other = Cache(cache.path, "com.example.service")
    old, new, newest = [Entry(number, f"c{number}", number) for number in (1, 2, 3)]
    cache.save({"a": old, "b": old, "gone": old})
    other.load()
    other.save({"a": newest, "c": new}, {"gone"})
    assert other.load() == {"a": newest, "b": old, "c": new}
    cache.save({"a": new, "b": old, "gone": old, "d": new})  # it is behind

    assert other.load() == {"a": newest, "b": old, "c": new, "d": new}


def test_what_a_branch_that_was_set_back_has_replaces_what_this_program_wrote(cache: Cache) -> None:
    cache.save({"a": Entry("discarded", "c9", 9)})
    cache.save({"a": Entry("again", "c8", 8)})

    assert cache.load() == {"a": Entry("again", "c8", 8)}


def test_two_programs_that_write_at_the_same_time_lose_nothing(cache: Cache) -> None:
    caches = [cache, *[Cache(cache.path, "com.example.service") for _ in range(3)]]

    def save(number: int) -> None:
        for round_ in range(10):
            caches[number].save({f"n{number}.{round_}": Entry(1, "c", 1)})

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(cache.load()) == 40


def test_what_is_kept_for_others_is_bounded(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "MAX_OTHERS", 3)
    cache.save({f"n{number}": Entry(number, "c", number) for number in range(5)})
    cache.save({"mine": Entry(0, "c", 0)})
    few = set(cache.load())
    monkeypatch.setattr(cache_module, "MAX_OTHERS_SIZE", 80)
    cache.save({"mine": Entry(0, "c", 0)})

    assert few == {"mine", "n2", "n3", "n4"}
    assert set(cache.load()) == {"n3", "n4"} | {"mine"}


class Slow(Cache):
    """Waits before it writes for the first time."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "com.example.service")
        self.begun, self.go = threading.Event(), threading.Event()

    def save(self, entries: Mapping[str, Entry], gone: Collection[str] = ()) -> None:
        self.begun.set()
        assert self.go.wait(60)
        super().save(entries, gone)


async def test_nothing_is_written_after_the_last_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twisted.internet import reactor

    monkeypatch.setattr(saving_module, "PAUSE", 0.0)
    cache = Slow(tmp_path / "cache")
    version = 1
    saving = saving_module.Saving(cache, lambda: (version, {"a": Entry(version, "c", version)}, set()), reactor)
    saving.soon(version)
    await deferToThread(cache.begun.wait, 60)
    monkeypatch.setattr(saving_module, "PAUSE", 1000.0)
    version = 2
    last = Deferred.fromCoroutine(saving.last())
    cache.go.set()
    await last
    version = 3
    saving.soon(version)

    assert saving._next is None
    assert cache.load() == {"a": Entry(2, "c", 2)}
