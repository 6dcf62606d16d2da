"""The page that lends a tab: it appears as a worker, computes as any other, and leaves without a trace."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from examples.salesman.annealing import anneal
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from examples.salesman.tour import read_tour, tour_text
from tests.mesh.mesh import TIMEOUT, run, until
from tests.running_router import RunningRouter

S = "com.example.salesman"
PROBLEM = Problem.of("lattice", "EUC_2D", [[7 * (number % 6) + number, 11 * (number // 6)] for number in range(30)])
UNIT = {"problem": PROBLEM.id, "tour": json.dumps(list(range(30))), "hot": 9.0, "cold": 1.0, "steps": 2_000, "seed": 7}

Open = Callable[[str], Page]


class Farm:
    """What the mesh sees of the workers, and the procedure that answers the problem."""

    def __init__(self, url: str) -> None:
        self.connection = Connection(url)
        self.loads: list[dict[str, Any]] = []

    async def start(self) -> None:
        self.connection.start()
        await self.connection.joined()

        async def problem(details: Any, wanted: str) -> Any:
            assert wanted == PROBLEM.id
            return PROBLEM.to_json()

        await self.connection.register(f"{S}.problem", problem)
        await self.connection.session.subscribe(lambda **load: self.loads.append(load), f"{S}.on_load")

    async def call(self, **unit: Any) -> dict[str, Any]:
        result: dict[str, Any] = await self.connection.call(f"{S}.anneal", **unit)
        return result

    async def appeared(self) -> dict[str, Any]:
        """Return the first load of a worker that is there from now on."""
        number = len(self.loads)
        await until(lambda: len(self.loads) > number, "a worker is there")
        return self.loads[number]

    async def is_gone(self) -> bool:
        """Whether nobody computes units."""
        try:
            await self.call(**UNIT)
        except DeltameshError as error:
            return error.uri == "wamp.error.no_such_procedure"
        return False

    async def gone(self) -> None:
        while not await self.is_gone():
            pass


@pytest.fixture
def farm(router: RunningRouter) -> Iterator[Farm]:
    made = Farm(f"unix:{router.unix_path}")
    run(made.start())
    yield made
    run(made.connection.stop())


def lend(page: Page) -> None:
    page.get_by_role("button", name="Lend this tab").click()
    expect(page.locator("#state")).to_have_text("Lent")


def test_a_tab_appears_computes_and_leaves_when_it_is_closed(farm: Farm, router: RunningRouter, page: Open) -> None:
    tab = page(f"{router.web_url}salesman/lend/")
    expect(tab.locator("#sentence")).to_contain_text("nobody knows of this tab")
    assert run(farm.is_gone())
    assert tab.workers == []

    lend(tab)
    load = run(farm.appeared())
    result = run(farm.call(**UNIT))
    expect(tab.locator("#units")).to_have_text("1")
    name = tab.locator("#name").text_content()
    cores = tab.evaluate("navigator.hardwareConcurrency")
    tab.close(run_before_unload=True)
    run(farm.gone())

    here = Landscape(PROBLEM)
    same = anneal(here, read_tour(UNIT["tour"], 30), 9.0, 1.0, 2_000, 7)
    assert (load["name"], load["kind"], load["concurrency"]) == (name, "browser", min(cores, 16))
    assert "Chrome" in load["host"]
    assert (load["cpu"], load["busy"], load["units"]) == (None, 0, 0)
    assert (result["best"], result["current"]) == (tour_text(same.best), tour_text(same.current))
    assert (result["length"], result["routes"], result["steps"], result["worker"]) == (same.length, same.routes, 2_000, name)


def test_a_tab_that_is_stopped_computes_nothing_any_more(farm: Farm, router: RunningRouter, page: Open) -> None:
    tab = page(f"{router.web_url}salesman/lend/")
    tab.get_by_role("button", name="One core fewer").click()
    lend(tab)
    load = run(farm.appeared())
    bad = {**UNIT, "tour": "[0,1]"}
    with pytest.raises(DeltameshError, match="the tour visits 2 cities, there are 30"):
        run(farm.call(**bad))
    tab.get_by_role("button", name="Stop").click()
    expect(tab.locator("#state")).to_have_text("Not lent")
    run(farm.gone())
    told = len(farm.loads)

    assert load["concurrency"] == max(1, min(tab.evaluate("navigator.hardwareConcurrency"), 16) - 1)
    assert tab.workers == []
    lend(tab)
    assert run(farm.appeared())["units"] == 0
    assert len(farm.loads) > told


def test_the_page_fits_a_phone(router: RunningRouter, page: Open) -> None:
    tab = page(f"{router.web_url}salesman/lend/")
    tab.set_viewport_size({"width": 360, "height": 640})
    button = tab.get_by_role("button", name="Lend this tab").bounding_box(timeout=TIMEOUT * 1000)

    assert button is not None
    assert (button["x"] >= 0, button["y"] + button["height"] <= 640, button["height"] >= 44) == (True, True, True)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
