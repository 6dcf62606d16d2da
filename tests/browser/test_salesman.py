"""The page of the compute farm: a search from the controls to the optimum, seen by its owner and by somebody else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.reliability.processes import Program, deltamesh
from tests.running_router import ROOT, RunningRouter

OpenPage = Callable[[str], Page]

APPLICATION = "examples.salesman:app"
SETTINGS = ("--settings", str(ROOT / "router" / "router.toml"), "--insight-port", "0")

INKED = """() => {
    const canvas = document.querySelector("#map");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const probe = document.createElement("span");
    probe.style.color = "var(--ink)";
    document.body.append(probe);
    const [red, green, blue] = getComputedStyle(probe).color.match(/[0-9]+/g).map(Number);
    probe.remove();
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 128 && data[i] === red && data[i + 1] === green && data[i + 2] === blue) count += 1;
    }
    return count;
}"""
"""Pixels of the map in the colour of routes."""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """The example with one worker in Python, `ada`, all processes."""
    with RunningRouter(tmp_path_factory.mktemp("salesman"), arguments=SETTINGS) as router:
        url = f"unix:{router.unix_path}"
        programs = [
            Program("leader", deltamesh("leader", APPLICATION, "--router", url, "--journal", "memory:")).start(),
            Program("follower", deltamesh("follower", APPLICATION, "--router", url)).start(),
            Program("orchestrator", [sys.executable, "-m", "examples.salesman.orchestrator", "--router", url]).start(),
            Program("ada", deltamesh("worker", "examples.salesman", "--router", url, "--name", "ada", "--cores", 1)).start(),
        ]
        yield router
        for each in reversed(programs):
            each.stop()


def begin(page: Page, budget: float, **controls: str) -> None:
    """Fill in the controls, and start."""
    page.get_by_label("Budget").fill(str(budget))
    for label, value in controls.items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Start", exact=True).click()


def test_a_search_finds_the_optimum_and_is_shown(farm: RunningRouter, page: OpenPage) -> None:
    """Worker, length, route, state, and the two runs that are compared."""
    owner = page(farm.web_url + "salesman/")
    expect(owner.locator("#worker-rows tr")).to_contain_text("ada")
    expect(owner.get_by_label("Instance")).to_have_value("known:berlin52")
    before = owner.evaluate(INKED)

    begin(owner, 1.5, Seed="7")

    expect(owner.locator("#f-length")).to_have_text("7,542")
    expect(owner.locator("#f-gap")).to_have_text("0 %")
    expect(owner.locator("#map-remark")).to_have_text("52 cities · Done, optimal")
    expect(owner.locator("#map")).to_have_attribute("data-route", "true")
    assert before == 0 < owner.evaluate(INKED)
    expect(owner.locator("#worker-rows .units")).not_to_have_text("0")

    begin(owner, 0.5, Seed="8")

    expect(owner.locator("#search-rows tr")).to_have_count(2)
    expect(owner.locator("#legend li")).to_have_count(2)
    expect(owner.locator("#legend")).to_contain_text("seed 7")
    expect(owner.locator("#legend")).to_contain_text("seed 8")


def test_a_search_is_seen_by_others_and_stopped_by_its_owner(farm: RunningRouter, page: OpenPage) -> None:
    """Somebody else sees it run, sees it after a reload, and cannot stop it; its owner can."""
    owner, other = page(farm.web_url + "salesman/"), page(farm.web_url + "salesman/")
    owner.get_by_label("Instance").select_option("own")
    owner.get_by_label("At random").fill("150")
    owner.get_by_role("button", name="Scatter").click()
    owner.locator("#map").click(position={"x": 1, "y": 1})  # one more: the nearest spot of the field
    expect(owner.locator("#map-remark")).to_have_text("151 so far")
    begin(owner, 120)

    row = other.locator("#search-rows tr").first
    expect(row).to_contain_text("own 151")
    expect(other.locator("#map-remark")).to_have_text("151 cities · Running")
    expect(row.get_by_role("button", name="Stop")).to_be_hidden()
    other.reload()
    expect(other.locator("#map-remark")).to_have_text("151 cities · Running")
    expect(other.locator("#map")).to_have_attribute("data-route", "true")
    shown = owner.url
    assert re.search(r"#[0-9a-f]{16}", shown)

    owner.get_by_role("button", name="Stop", exact=True).first.click()

    expect(owner.locator("#map-remark")).to_have_text("151 cities · Stopped")
    expect(other.locator("#map-remark")).to_have_text("151 cities · Stopped")
    owner.reload()
    expect(owner.locator("#map-title")).to_have_text("own 151")
    expect(owner.locator("#map")).to_have_attribute("data-route", "true")


def test_what_is_refused_is_said(farm: RunningRouter, page: OpenPage) -> None:
    """Too few cities are not even sent; what the orchestrator refuses is said in its words."""
    owner = page(farm.web_url + "salesman/")
    owner.get_by_label("Instance").select_option("own")

    owner.get_by_role("button", name="Start", exact=True).click()
    expect(owner.locator("#form-problem")).to_contain_text("at least 3 cities")

    owner.get_by_label("Budget").evaluate("input => { input.removeAttribute('max'); input.value = '6000'; }")
    owner.get_by_label("At random").fill("5")
    owner.get_by_role("button", name="Scatter").click()
    owner.get_by_role("button", name="Start", exact=True).click()
    expect(owner.locator("#form-problem")).to_contain_text("from 0.1 to 600")
