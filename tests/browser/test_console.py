"""The start page, in a mesh where only one of the examples runs."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.mesh.mesh import Component
from tests.running_router import RunningRouter


def test_the_console_shows_the_mesh(hackernews: tuple[RunningRouter, dict[str, Component]], page: Callable[[str], Page]) -> None:
    """Connection, who serves, at what position; and that the other service is not there."""
    router, _ = hackernews
    console = page(router.web_url)

    expect(console.get_by_text("Connected", exact=True)).to_be_visible()
    expect(console.get_by_role("table")).to_contain_text("hackernews")
    expect(console.locator("main")).to_contain_text("departures", ignore_case=True)
