"""Chromium, driven by Playwright, and a mesh with the examples that it looks at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.mesh.mesh import TIMEOUT, Component
from tests.running_router import RunningRouter

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser that is installed; Playwright's own is not downloaded."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
    assert found is not None, "no Chromium: install chromium or google-chrome with the package manager"
    expect.set_options(timeout=TIMEOUT * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Callable[[str], Page]]:
    """`page(url)` opens a page in a browser of its own: another person's. What the page complains about fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(url: str) -> Page:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(TIMEOUT * 1000)
        contexts.append(context)
        opened = context.new_page()
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto(url)
        return opened

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def hackernews(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningRouter, dict[str, Component]]]:
    """The example on a router of its own: a leader and two followers, `one` and `two`, as processes."""
    directory: Path = tmp_path_factory.mktemp("hackernews")
    with RunningRouter(directory) as router:
        application, url = "examples.hackernews:app", f"unix:{router.unix_path}"
        running = {"leader": Component("leader", url, application).start()}
        for name in ("one", "two"):
            running[name] = Component("follower", url, application, name=name).start()
        yield router, running
        for each in running.values():
            each.end()
