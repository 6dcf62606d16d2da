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


def test_a_page_says_where_it_is_on_a_phone(hackernews: tuple[RunningRouter, dict[str, Component]], page: Callable[[str], Page]) -> None:
    """All pages are in the navigation, within the window, and the one that is open is marked."""
    router, _ = hackernews
    here = page(router.web_url)
    here.set_viewport_size({"width": 390, "height": 844})
    names = {"": "Console", "departures/": "Departures", "hackernews/": "Hacker News", "salesman/": "Salesman", "parameters/": "Parameters"}

    for path, name in {**names, "salesman/lend/": "Salesman"}.items():
        here.goto(router.web_url + path)
        links = here.get_by_role("navigation").get_by_role("link")

        expect(links).to_have_text(list(names.values()))
        for link in links.all():
            expect(link).to_be_in_viewport(ratio=1)
        expect(here.locator("nav [aria-current]")).to_have_text(name)
