"""
What may happen to a farm while it computes, and makes no difference to what is shown. Each scenario asserts what is true, and returns how
long things took: in its figures `off` is how far from the budget an answer came, as a part of it, and `table` how long it took until the
table of workers was right again, each time [s].
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from twisted.internet.defer import Deferred

from tests.compute.farm import Farm
from tests.compute.liar import LIES, LOADS, Liar
from tests.compute.solving import Solving, cities
from tests.reliability.waiting import until

Figures = dict[str, Any]
Scenario = Callable[[Farm, Any, int], Awaitable[Figures]]
"""Takes a farm, a budget [s] and a seed."""

SIZE: Final = 300
"""Cities of the problems."""
LARGE: Final = 1_000
"""Cities of a problem whose shortest tour is not found in some units: else two seeds could find it."""


def begun(farm: Farm, budget: float, seed: int) -> tuple[Solving, Awaitable[Any]]:
    """Begin a search; return it, and its answer."""
    solving = Solving(cities(SIZE, seed))
    return solving, Deferred.fromCoroutine(solving.solve(farm.client, budget, seed=seed))


def found(solving: Solving, **more: Any) -> Figures:
    """Return the figures of a search."""
    first, last = solving.lengths[0], solving.lengths[-1]
    return {"off": round(solving.off, 4), "shown": len(solving.lengths), "shorter": round(1 - last / first, 4), **more}


class TooShort(Exception):
    """The search was over before everything had happened that was to happen meanwhile: for this machine the budget was too short."""


async def enough(scenario: Scenario, farm: Farm, budget: float, seed: int) -> Figures:
    """Run a scenario, again with a longer budget if that was too short."""
    for times in (1, 3):
        try:
            return await scenario(farm, times * budget, seed)
        except TooShort:
            continue
    return await scenario(farm, 9 * budget, seed)


async def computing(farm: Farm, solving: Solving, *names: str) -> None:
    """
    Return when these workers compute.

    Raises:
        TooShort: they did not, until the answer came.
    """

    def do() -> bool:
        return all([(row := farm.row(name)) is not None and row["routes"] > 0 for name in names])

    await until(lambda: do() or solving.answer, f"{', '.join(names)} compute")
    if solving.answer:
        raise TooShort


async def killed(farm: Farm, budget: float, seed: int) -> Figures:
    """One of two workers is killed in the middle of a search; then the other one, so that nobody is left."""
    await farm.only("one", "two")
    solving, answer = begun(farm, budget, seed)
    await computing(farm, solving, "one", "two")
    table = []
    for name in ("one", "two"):
        farm.workers[name].kill()
        moment = time.monotonic()
        table.append(await farm.right() - moment)
    await answer
    return found(solving, table=table)


async def added(farm: Farm, budget: float, seed: int) -> Figures:
    """A search begins with nobody to compute it; two workers come."""
    await farm.only()
    solving, answer = begun(farm, budget, seed)
    names = ("one", "two")
    for name in names:
        farm.start(name)
    table = []
    for name in names:
        moment = await until(lambda name=name: farm.workers[name].is_ready, f"{name} is ready")  # type: ignore[misc]
        table.append(await until(lambda name=name: farm.row(name), f"{name} is in the table") - moment)  # type: ignore[misc]
    await computing(farm, solving, *names)
    if (await answer)["workers"] < len(names):
        raise TooShort
    await farm.right()
    return found(solving, table=table)


async def frozen(farm: Farm, budget: float, seed: int) -> Figures:
    """One of two workers is frozen in the middle of a search, and thawed when everybody does without it."""
    await farm.only("one", "two")
    solving, answer = begun(farm, budget, seed)
    await computing(farm, solving, "one", "two")
    table = []
    farm.workers["one"].freeze()
    moment = time.monotonic()
    try:
        table.append(await farm.right(frozen=("one",)) - moment)
    finally:
        farm.workers["one"].thaw()
    moment = time.monotonic()
    table.append(await farm.right() - moment)
    await answer
    return found(solving, table=table)


async def liars(farm: Farm, budget: float, seed: int) -> Figures:
    """One worker is honest, all others lie, each in its own way."""
    return await _outnumbered(farm, budget, seed, list(LIES))


async def slow_liars(farm: Farm, budget: float, seed: int) -> Figures:
    """One worker is honest, several say that they are slow: what they say is not to make its units small, or itself a liar."""
    return await _outnumbered(farm, budget, seed, ["slow by its own account"] * 6)


async def _outnumbered(farm: Farm, budget: float, seed: int, names: list[str]) -> Figures:
    await farm.only("one")
    liars = []
    for name in names:
        liars.append(Liar(await farm.connect(), name, cities(SIZE, seed)["cities"]))
        await liars[-1].start()
        farm.strangers["python"] += 1
    try:
        await farm.right()
        alone = farm.row("one")
        solving, answer = begun(farm, budget, seed)
        for load in LOADS:
            liars[0].report(load)
        refused = (await answer)["refused"]
        honest = farm.row("one")
    finally:
        for each in liars:
            await each.stop()
        farm.strangers.clear()
    await farm.right()

    assert alone is not None
    assert honest is not None
    assert (honest["session"], honest["refused"]) == (alone["session"], 0)
    assert honest["accepted"] > alone["accepted"]
    assert solving.lengths[-1] < solving.lengths[0]
    return found(solving, asked=sum(each.asked for each in liars), refused=refused)


async def mixed(farm: Farm, budget: float, seed: int) -> Figures:
    """A worker in Python, one in Node and one in a browser compute one problem at the same time; then the tab is closed."""
    kinds = {"one": "python", "node": "node", "tab": "browser"}
    await farm.only(**kinds)
    solving, answer = begun(farm, budget, seed)
    if (await answer)["workers"] < len(kinds):
        raise TooShort
    accepted = {row["kind"]: row["accepted"] for row in farm.table()}
    tab = next(row["session"] for row in farm.table() if row["kind"] == "browser")
    farm.workers["tab"].stop()
    moment = time.monotonic()
    table = [await farm.right() - moment]

    assert tab not in [row["session"] for row in farm.table()]
    return found(solving, accepted=accepted, table=table)


async def same(farm: Farm, rounds: int, seed: int) -> Figures:
    """With one worker and one seed, so many units give the same route twice."""
    await farm.only("one")
    answers = []
    for _ in range(2):
        solving = Solving(cities(LARGE, seed))
        answers.append(await solving.solve(farm.client, 60.0, seed=seed, rounds=rounds))
    other = await Solving(cities(LARGE, seed)).solve(farm.client, 60.0, seed=seed + 1, rounds=rounds)

    assert answers[0]["tour"] == answers[1]["tour"]
    assert answers[0]["tour"] != other["tour"]
    return {"length": answers[0]["length"], "rounds": rounds}
