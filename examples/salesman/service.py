"""
Searches for short tours, and the farm that computes them, live.

The orchestrator writes, this service keeps and shows; nothing here computes. `solve` and `problem` are procedures of the orchestrator,
`anneal` is one of the workers.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from deltamesh import Service

app = Service("com.example.salesman")

all_problems = app.input("problems")  # problem id -> {id, name, kind, size, optimum, is_known, cities}
all_searches = app.input("searches")  # search id -> see `searches`
all_routes = app.input("routes")  # search id -> {search, problem, tour, length, seconds}
all_progress = app.input("progress")  # [search id, number from 0] -> [seconds, length]
all_workers = app.input("workers")  # session id -> see `workers`

SHOWN: Final = 20
"""Searches that are shown. The orchestrator forgets older ones."""

Id = Annotated[str, Meta(min_length=16, max_length=16, pattern=r"^[0-9a-f]+\Z")]


def by_size(id, values):
    problem = {name: value for name, value in values.one().items() if name != "cities"}
    yield (not problem["is_known"], problem["size"], problem["name"], id), problem


def newest_first(id, values):
    search = values.one()
    yield (-search["number"], id), search


@app.shared
def graph():
    return {
        "problems": all_problems,
        "sizes": all_problems.map(by_size),
        "searches": all_searches,
        "newest": all_searches.map(newest_first),
        "routes": all_routes,
        "progress": all_progress,
        "workers": all_workers,
    }


@app.resource
def problems(shared: Any):
    """
    All problems there are, known ones first, by size: `[not is_known, size, name, id]` → the problem without its cities.

        {"id", "name", "kind", "size": number of cities, "optimum": length of the shortest tour, null if nobody knows,
         "is_known": whether `solve` takes it by its name}
    """
    return shared.sizes


@app.resource
def problem(shared: Any, id: Id):
    """One problem: id → what `problems` shows, and `"cities": [[x, y], …]`."""
    return shared.problems.slice(id, id)


@app.resource
def searches(shared: Any):
    """
    The newest searches, the newest first: `[-number, id]` → the search.

        {"id", "number": counts up, "state": "running" | "done" | "cancelled" | "lost",
         "problem": {"id", "name", "kind", "size", "optimum"},
         "options": {"seed", "temperature", "cooling", "chains", "rounds"} as asked for,
         "budget" [s], "began": Unix time [s], "seconds": since it began,
         "length": of the best tour, "start": of the first one, "gap": (length - optimum) / optimum, null if no optimum is known,
         "routes": evaluated in all, "rate": routes a second of late, "temperature": of the next unit, in units of length, null before it,
         "chains": number of chains, "units": accepted, "refused": units with a wrong result, "overdue": units that nobody answered,
         "workers": number of workers that have computed for it, "points": of its progress}

    A search is "lost" if its orchestrator ended before it.
    """
    return shared.newest.take(SHOWN)


@app.resource
def search(shared: Any, id: Id):
    """One search: id → what `searches` shows."""
    return shared.searches.slice(id, id)


@app.resource
def route(shared: Any, search: Id):
    """
    The best tour of a search so far: search id → the route.

        {"search", "problem": its id, "tour": "[0,5,…]", JSON text, "length", "seconds": since the search began}
    """
    return shared.routes.slice(search, search)


@app.resource
def progress(shared: Any, search: Id):
    """How the best tour of a search became better: number of the point, from 0 → `[seconds since it began, length]`."""
    return shared.progress.prefix(search).map(of_search)


@app.resource
def workers(shared: Any):
    """
    The farm: session id → what the worker reports each second, and what the orchestrator has counted.

        {"session", "name", "kind": "python" | "node" | "browser", "host", "concurrency": slots, "busy": slots in use,
         "cpu": 0..1 or null, "routes": a second, "units": done in all,
         "accepted", "refused": units of this session, as the orchestrator counts}
    """
    return shared.workers


def of_search(key, values):
    _, number = key
    yield number, values.one()
