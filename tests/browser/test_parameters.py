"""The page of parameters, with the whole service: a repository, its reader, and two people with a browser each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.parameters.repositories import Repo, made
from tests.reliability.processes import Program, deltamesh
from tests.running_router import ROOT, RunningRouter

OpenPage = Callable[[str], Page]

APPLICATION = "examples.parameters:app"
SERVICE = "com.example.parameters"
TICKET = "a-ticket-of-a-test-3f9a1c"
SETTINGS = ("--settings", str(ROOT / "router" / "router.toml"), "--insight-port", "0")

LIMITS = "# what one customer may pay\ndaily:\n  eur: 5\n  usd: 6\n"
SCHEMA = '{"properties": {"daily": {"additionalProperties": {"type": "integer", "maximum": 100}}}}'
FILES = {
    "base/payment/limits.yaml": LIMITS,
    "base/payment/secrets.yaml": "token: hidden\n",
    "base/shop.json": '{"greeting": "<b>Hello</b>", "open": true, "days": ["Mon", "Tue"]}\n',
    "schemas/payment/limits.json": SCHEMA,
}


@dataclass
class Shop:
    url: str
    repository: Repo


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A repository with one commit, and everything that follows it, as processes."""
    directory = tmp_path_factory.mktemp("parameters")
    repository = made(directory / "shop.git")
    repository.commit(FILES, "Begin with the shop.")
    with RunningRouter(directory, arguments=SETTINGS) as router:
        (router.node_directory / "administrator.ticket").write_text(TICKET)
        url = f"unix:{router.unix_path}"
        programs = [
            Program("leader", deltamesh("leader", APPLICATION, "--router", url, "--journal", "memory:")).start(),
            Program("follower", deltamesh("follower", APPLICATION, "--router", url)).start(),
            Program("reader", deltamesh("parameters", "reader", SERVICE, str(repository.path), "--router", url)).start(),
        ]
        yield Shop(router.web_url + "parameters/", repository)
        for each in reversed(programs):
            each.stop()


def sign_in(page: Page, ticket: str = TICKET) -> None:
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Ticket").fill(ticket)
    page.locator("#sign-in-submit").click()


def test_a_commit_changes_what_is_shown(shop: Shop, page: OpenPage) -> None:
    """Search, value, who has it, history; a commit is in the page without anything being done there; texts are no markup."""
    reader = page(shop.url)
    expect(reader.locator("#names-remark")).to_have_text("5 parameters")
    expect(reader.locator("#reader")).to_contain_text("Up to date with")
    expect(reader.locator("#tree")).not_to_contain_text("token")
    expect(reader.get_by_role("treeitem", name="greeting")).to_contain_text('"<b>Hello</b>"')
    assert reader.locator("#tree b").count() == 0

    reader.keyboard.press("/")
    reader.keyboard.type("limits eur")
    expect(reader.locator("#names-remark")).to_have_text("1 of 5 parameters")
    reader.keyboard.press("Enter")

    expect(reader.locator("#value")).to_have_text("5")
    expect(reader.locator("#source")).to_have_text("live")
    expect(reader.locator("#facts")).to_contain_text("Begin with the shop.")
    expect(reader.locator("#holders li")).to_contain_text("page of parameters")
    expect(reader.locator("#history li")).to_have_count(1)
    assert reader.url.endswith("#payment.limits.daily.eur")

    shop.repository.commit({"base/payment/limits.yaml": LIMITS.replace("eur: 5", "eur: 7")}, "Allow more.")

    expect(reader.locator("#value")).to_have_text("7")
    expect(reader.get_by_role("treeitem", name="eur")).to_contain_text("7")
    expect(reader.locator("#history li").first).to_contain_text("Allow more.")
    expect(reader.locator("#history li").first.locator(".difference [data-sign]")).to_have_text(["removed: 5", "added: 7"])
    expect(reader.locator("#commits li").first).to_contain_text("Allow more.")
    expect(reader.locator("#census-remark")).to_have_text("1 client, all with the newest value")
    expect(reader.locator("#history li.changed")).to_have_count(1)

    # what was chosen anew has not changed
    reader.evaluate("location.hash = '#shop.greeting'")
    expect(reader.locator("#history li")).to_have_count(1)
    reader.evaluate("location.hash = '#payment.limits.daily.eur'")
    expect(reader.locator("#history li")).to_have_count(2)
    expect(reader.locator("#history li.changed")).to_have_count(0)


def test_a_commit_that_is_not_good_is_named_and_changes_nothing(shop: Shop, page: OpenPage) -> None:
    reader = page(shop.url + "#shop.open")
    expect(reader.locator("#value")).to_have_text("true")
    good = shop.repository.head()

    shop.repository.commit({"base/shop.json": '{\n"greeting": \n}\n'}, "Break it.")
    expect(reader.locator("#problems-title")).to_contain_text("is not used. What holds is " + good[:8])
    expect(reader.locator("#problem-rows")).to_contain_text("base/shop.json, line 3")
    expect(reader.locator("#value")).to_have_text("true")

    shop.repository.commit({"base/shop.json": FILES["base/shop.json"].replace("true", "false")}, "Mend it.")
    expect(reader.locator("#problems")).to_be_hidden()
    expect(reader.locator("#value")).to_have_text("false")


def test_an_administrator_changes_a_value_and_takes_it_back(shop: Shop, page: OpenPage) -> None:
    """Signing in, restricted names, validation, preview, commit, revert; and whoever looks on sees it."""
    owner, other = page(shop.url + "#payment.limits.daily.usd"), page(shop.url + "#payment.limits.daily.usd")
    expect(other.locator("#value")).to_have_text("6")
    expect(owner.get_by_role("button", name="Change", exact=True)).to_be_hidden()
    sign_in(owner, "not-the-ticket-at-all")
    expect(owner.locator("#sign-in-problem")).to_have_text("The router does not accept this ticket.")
    owner.get_by_label("Ticket").fill(TICKET)
    owner.locator("#sign-in-submit").click()
    expect(owner.get_by_role("treeitem", name="token")).to_contain_text("restricted")

    owner.get_by_role("button", name="Change", exact=True).click()
    owner.get_by_role("textbox", name="Value").fill("six")
    owner.get_by_role("button", name="Preview", exact=True).click()
    expect(owner.locator("#value-trouble")).to_contain_text("This is no number")
    owner.get_by_role("textbox", name="Value").fill("600")
    owner.get_by_role("button", name="Preview", exact=True).click()
    expect(owner.locator("#editor-trouble")).to_contain_text("base/payment/limits.yaml, line 4")
    owner.get_by_role("textbox", name="Value").fill("60")
    owner.get_by_role("button", name="Preview", exact=True).click()
    expect(owner.locator("#diff [data-sign='+']")).to_have_text("added:   usd: 60")
    assert shop.repository.git.revparse_single("main").message.strip() == "Mend it."
    owner.get_by_role("textbox", name="Message").fill("Raise it for a day.")
    owner.get_by_role("button", name="Commit", exact=True).click()

    expect(other.locator("#value")).to_have_text("60")
    expect(owner.locator("#done")).to_contain_text("Committed as")
    commit = shop.repository.git.revparse_single("main")
    assert (commit.message.strip(), commit.author.name) == ("Raise it for a day.", "administrator")

    owner.locator("#history").get_by_role("button", name="Raise it for a day.").click()
    expect(owner.locator("#reverting-diff [data-sign='+']")).to_have_text("added:   usd: 6")
    owner.locator("#reverting-submit").click()
    expect(other.locator("#value")).to_have_text("6")
    expect(owner.locator("#reverting")).to_be_hidden()


def test_an_administrator_adds_a_parameter_and_removes_it(shop: Shop, page: OpenPage) -> None:
    owner = page(shop.url)
    sign_in(owner)
    owner.get_by_role("button", name="Add", exact=True).click()
    owner.get_by_role("button", name="Preview", exact=True).click()
    expect(owner.locator("#value-trouble")).to_contain_text("payment.limits.daily")
    owner.get_by_role("textbox", name="Name").fill("shop.tables")
    owner.get_by_label("Kind").select_option("json")
    owner.get_by_role("textbox", name="Value").fill('[4, {"seats": 2}]')
    owner.get_by_role("button", name="Preview", exact=True).click()
    owner.get_by_role("button", name="Commit", exact=True).click()
    expect(owner.locator("#value")).to_contain_text('"seats": 2')
    expect(owner.get_by_role("treeitem", name="tables")).to_have_attribute("aria-selected", "true")

    owner.get_by_role("button", name="Remove", exact=True).click()
    owner.get_by_role("button", name="Preview", exact=True).click()
    owner.get_by_role("button", name="Commit", exact=True).click()
    expect(owner.get_by_role("treeitem", name="tables")).to_have_count(0)
    expect(owner.locator("#value-problem")).to_have_text("There is no such parameter now.")
    expect(owner.locator("#history li").first).to_contain_text("removed")


def test_who_edits_what_somebody_else_has_changed_is_told(shop: Shop, page: OpenPage) -> None:
    owner = page(shop.url + "#payment.limits.daily.eur")
    sign_in(owner)
    owner.get_by_role("button", name="Change", exact=True).click()
    owner.get_by_role("textbox", name="Value").fill("8")
    owner.get_by_role("button", name="Preview", exact=True).click()
    expect(owner.get_by_role("button", name="Commit", exact=True)).to_be_visible()

    shop.repository.commit({"base/payment/limits.yaml": LIMITS.replace("eur: 5", "eur: 9")}, "Be first.")
    expect(owner.locator("#editor-warning")).to_contain_text("has changed it meanwhile. It is now 9.")
    owner.get_by_role("button", name="Commit", exact=True).click()
    expect(owner.locator("#editor-trouble")).to_contain_text("changed by somebody else")
    owner.get_by_role("button", name="Go on from the newest").click()
    owner.get_by_role("button", name="Preview", exact=True).click()
    expect(owner.locator("#diff [data-sign='-']")).to_have_text("removed:   eur: 9")
    owner.get_by_role("button", name="Commit", exact=True).click()
    expect(owner.locator("#value")).to_have_text("8")


def test_the_page_fits_a_phone(shop: Shop, page: OpenPage) -> None:
    phone = page(shop.url + "#shop.days")
    phone.set_viewport_size({"width": 360, "height": 740})
    expect(phone.locator("#value")).to_contain_text("Mon")

    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_works_where_it_may_keep_nothing(shop: Shop, page: OpenPage) -> None:
    reader = page(shop.url + "#shop.days")
    reader.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })")
    reader.reload()
    expect(reader.locator("#value")).to_contain_text("Mon")
    expect(reader.locator("#source")).to_have_text("live")
    reader.locator("#keep").click()
    expect(reader.locator("#kept-rows")).to_contain_text("shop.days")
    reader.locator("button.theme").click()
    expect(reader.locator("button.theme")).to_have_attribute("aria-label", "Switch to light")


def test_what_is_restricted_is_in_no_suggested_message_and_goes_with_the_right(shop: Shop, page: OpenPage) -> None:
    owner = page(shop.url + "#payment.secrets.token")
    sign_in(owner)
    expect(owner.locator("#value")).to_have_text('"hidden"')
    owner.get_by_role("button", name="Change", exact=True).click()
    expect(owner.locator("#message")).to_have_value("Change a restricted parameter")
    owner.keyboard.press("Escape")
    owner.get_by_role("button", name="Sign out", exact=True).click()
    expect(owner.locator("#value")).to_have_text("")
    assert "hidden" not in owner.locator("main").inner_text()
