"""Two people with a browser each, on the example's page."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.mesh.mesh import Component
from tests.running_router import RunningRouter

OpenPage = Callable[[str], Page]
Mesh = tuple[RunningRouter, dict[str, Component]]

TITLES = "#posts > li .headline"

WATCH = """() => {
    const list = document.querySelector("#posts");
    window.fewest = list.children.length;
    new MutationObserver(() => { window.fewest = Math.min(window.fewest, list.children.length); }).observe(list, {childList: true});
}"""
"""From now on, remember the fewest rows that the list has had."""


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#me")).to_have_text(name)


def submit(page: Page, title: str) -> None:
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_label("Address").fill("https://example.org/" + title.replace(" ", "-"))
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.locator(TITLES).filter(has_text=title)).to_be_visible()


def test_an_upvote_reorders_the_list_in_another_browser(hackernews: Mesh, page: OpenPage) -> None:
    """The order changes live, and what is personal does not travel."""
    router, _ = hackernews
    ada, bob = page(router.web_url + "hackernews/"), page(router.web_url + "hackernews/")
    sign_in(ada, "ada")
    submit(ada, "First post")
    submit(ada, "Second post")
    expect(bob.locator(TITLES)).to_have_text(["First post", "Second post"])

    sign_in(bob, "bob")
    bob.get_by_role("button", name="Upvote “Second post”").click()

    expect(ada.locator(TITLES)).to_have_text(["Second post", "First post"])
    expect(bob.get_by_role("button", name="Upvote “Second post”")).to_have_attribute("aria-pressed", "true")
    expect(bob.get_by_role("button", name="Upvote “First post”")).to_have_attribute("aria-pressed", "false")


def test_a_killed_follower_is_seen_in_the_status_alone(hackernews: Mesh, page: OpenPage) -> None:
    """The list stays as it is and goes on changing; another follower's name appears."""
    router, running = hackernews
    reader, writer = page(router.web_url + "hackernews/"), page(router.web_url + "hackernews/")
    sign_in(writer, "eve")
    submit(writer, "Before the fall")
    expect(reader.locator(TITLES).filter(has_text="Before the fall")).to_be_visible()
    state = reader.locator("#state")
    expect(state).to_contain_text("Live from")
    serving = next(name for name in ("one", "two") if name in (state.text_content() or ""))
    other = {"one": "two", "two": "one"}[serving]
    reader.evaluate(WATCH)
    rows = reader.locator(TITLES).count()

    running[serving].kill()

    submit(writer, "After the fall")
    expect(reader.locator(TITLES).filter(has_text="After the fall")).to_be_visible()
    expect(state).to_contain_text(other)
    assert reader.evaluate("window.fewest") >= rows


def test_what_is_refused_is_said(hackernews: Mesh, page: OpenPage) -> None:
    """A name that somebody else has taken is refused in words."""
    router, _ = hackernews
    first, second = page(router.web_url + "hackernews/"), page(router.web_url + "hackernews/")
    sign_in(first, "mallory")

    second.get_by_label("Name", exact=True).fill("mallory")
    second.get_by_role("button", name="Sign in").click()

    expect(second.locator("#who-problem")).to_contain_text("Somebody else has this name")
