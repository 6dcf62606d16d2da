"""Tests that are coroutines run in the reactor; what is logged as an error meanwhile fails them."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from deltamesh.application.service import Service
from tests.mesh.application import made
from tests.mesh.mesh import Component, Inside, run
from tests.running_router import RunningRouter


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    names = inspect.signature(pyfuncitem.function).parameters
    run(pyfuncitem.function(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/mesh/" in str(item.path):
            item.add_marker(pytest.mark.mesh)


@pytest.fixture(autouse=True)
def errors(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """What components in this process log as errors. A test that provokes one takes it out."""
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.error:
            failure = event.get("log_failure")
            found.append(f"{formatEvent(event)}\n{failure.getTraceback() if failure is not None else ''}")

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]
    yield found
    if inspect.iscoroutinefunction(request.function):
        gc.collect()  # which finds the Deferreds whose failure nobody has looked at
    globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]
    assert found == []


@pytest.fixture
def inside(router: RunningRouter) -> Iterator[Callable[..., Inside]]:
    """`inside(service)` makes a place for components in this process."""
    places: list[Inside] = []

    def make(service: Service | None = None) -> Inside:
        places.append(Inside(service or made("com.example.inside"), f"unix:{router.unix_path}"))
        return places[-1]

    yield make
    for place in places:
        run(place.stop())


@contextmanager
def _started() -> Iterator[tuple[Callable[..., Component], list[Component]]]:
    """Yield what starts a component, and those that it has started, which are ended."""
    started: list[Component] = []

    def start(*args: Any, **kwargs: Any) -> Component:
        started.append(Component(*args, **kwargs).start())
        return started[-1]

    yield start, started
    for each in started:
        each.end()


@pytest.fixture
def component() -> Iterator[Callable[..., Component]]:
    """`component(kind, url, name=…)` starts a component as a process. What it logs as an error fails the test."""
    with _started() as (start, started):
        yield start
    said = [line for each in started for line in each.lines]
    assert not any("error:" in line or "Traceback" in line for line in said), "\n".join(said)


@pytest.fixture
def faulty() -> Iterator[Callable[..., Component]]:
    """As `component`, for those that are to log errors."""
    with _started() as (start, _):
        yield start
