"""
The worker in Python: computes units of work, as many at a time as there are cores.

    deltamesh worker examples.salesman
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Annotated, Any, Final

from msgspec import Meta

from deltamesh import Call, Worker

try:
    import numpy as np

    from examples.salesman.annealing import Chain
    from examples.salesman.landscape import Landscape
    from examples.salesman.problem import BadProblem, Problem
    from examples.salesman.tour import MAX_TEXT, BadTour, read_tour, tour_text
except ModuleNotFoundError as missing:
    if missing.name not in ("numba", "numpy"):
        raise
    raise ImportError(f"there is no {missing.name}: pip install --no-deps -r requirements/examples.txt") from missing

worker = Worker("com.example.salesman")
routes = worker.counter("routes")

PROBLEM: Final = worker.uris.action("problem")

KEPT: Final = 16
"""Problems whose landscape is kept."""

MAX_KEPT: Final = 40_000_000
"""Distances that are kept, in all [4 B each]: four problems of the largest size, or 16 of 1,500 cities."""

PIECE: Final = 100
"""Steps between two looks at the clock: some milliseconds."""

MAX_STEPS: Final = 100_000_000
MAX_SECONDS: Final = 60.0
"""Of one unit. A unit that the orchestrator asks for takes about 0.3 s."""

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Temperature = Annotated[float, Meta(ge=0, le=1e12)]


class Landscapes:
    """
    The landscapes of the problems that were computed last. Threads that want the same one wait for the one that builds it.

    Args:
        build: returns the landscape of a problem id. What it raises, everybody gets who waits, and the next one tries again.
    """

    def __init__(self, build: Callable[[Call, str], Landscape]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Future[Landscape]] = OrderedDict()

    def get(self, call: Call, problem: str) -> Landscape:
        """Return the landscape of a problem, built for `call` if it is not there yet."""
        with self._lock:
            found = self._known.get(problem)
            is_mine = found is None
            if found is None:
                found = self._known[problem] = Future()
            self._known.move_to_end(problem)
        if not is_mine:
            return found.result()
        try:
            found.set_result(self._build(call, problem))
        except BaseException as error:
            with self._lock:
                self._known.pop(problem, None)
            found.set_exception(error)
            raise
        self._forget_old()
        return found.result()

    def _forget_old(self) -> None:
        with self._lock:
            built = [(problem, future.result().size ** 2) for problem, future in self._known.items() if future.done()]
            kept = sum([size for _, size in built])
            for problem, size in built[:-1]:
                if len(self._known) <= KEPT and kept <= MAX_KEPT:
                    break
                del self._known[problem]
                kept -= size


def fetched(call: Call, problem: str) -> Landscape:
    """Return the landscape of a problem that the orchestrator knows."""
    try:
        found = Problem.from_json(call.fetch(PROBLEM, problem))
    except BadProblem as error:
        raise worker.error("bad_problem", f"{PROBLEM} has answered no problem: {error}", retry=True) from error
    if found.id != problem:
        raise worker.error("bad_problem", f"{PROBLEM} has answered {found.id}, not {problem}", retry=True)
    return Landscape(found)


landscapes = Landscapes(fetched)


@worker.task
def anneal(
    call: Call,
    problem: Id,
    tour: Annotated[str, Meta(max_length=MAX_TEXT)],
    hot: Temperature,
    cold: Temperature,
    steps: Annotated[int, Meta(ge=0, le=MAX_STEPS)],
    seed: Annotated[int, Meta(ge=0, lt=1 << 32)],
    limit: Annotated[float, Meta(gt=0, le=MAX_SECONDS)] = MAX_SECONDS,
) -> dict[str, Any]:
    """
    Compute a unit: simulated annealing from `tour`, `steps` steps from the temperature `hot` to `cold` [units of length].

    It ends early, between two pieces, when it has computed for `limit` [s] or nobody waits any longer. Else the result is a pure function
    of the other arguments.
    """
    landscape = landscapes.get(call, problem)
    try:
        start = read_tour(tour, landscape.size)
    except BadTour as error:
        raise worker.error("bad_tour", str(error)) from error
    begun = time.monotonic()
    chain = Chain(landscape, start, hot, cold, steps, seed)
    counted = 0
    while not chain.run(PIECE) and time.monotonic() < begun + limit and not call.is_cancelled:
        counted = _count(chain, counted)
    _count(chain, counted)
    result = chain.result()
    return {
        "current": tour_text(result.current),
        "best": tour_text(result.best),
        "length": result.length,
        "routes": result.routes,
        "steps": chain.done,
        "seconds": time.monotonic() - begun,
        "worker": call.worker,
    }


def _count(chain: Chain, counted: int) -> int:
    """Tell the load what was evaluated since `counted`; return what is told now."""
    now = chain.routes
    routes.add(now - counted)
    return now


@worker.prepare
def compile_solver() -> None:
    """Compile the solver, which takes seconds, on a small problem before the first unit comes."""
    small = Landscape(Problem.of("small", "EUC_2D", [[x, y] for x in range(5) for y in range(5)]))
    Chain(small, np.arange(small.size, dtype=np.int32), 1.0, 0.1, PIECE, 1).run(PIECE)
