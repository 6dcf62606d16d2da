"""Whether an application's definition is sound, as far as can be told without data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from deltamesh.application.service import Service, Shared
from deltamesh.application.transaction import Caller
from deltamesh.cli.failure import CommandFailed, located, place_of
from deltamesh.errors import DeltameshError
from deltamesh.graph import Collection, Description, Graph, Lazy
from deltamesh.graph.collection import Map


def checked_shared(service: Service) -> dict[str, Collection]:
    """
    Return the shared collections, after building the graph without data.

    Raises:
        CommandFailed: they are not sound; the message says which and why.
    """
    try:
        shared = service.shared_collections()
    except DeltameshError as error:
        raise CommandFailed(f"{service.uris.prefix}: {error}") from error
    except Exception as error:  # a function of the application may raise anything
        raise CommandFailed(f"{service.uris.prefix}: the shared graph cannot be made: {located(error)}") from error
    for name, collection in shared.items():
        _check(f"shared collection {name}", collection, service.inputs)
    return shared


def checked_resource(service: Service, name: str, shared: dict[str, Collection]) -> Collection | None:
    """
    Return what the resource describes with default parameters, None if some have no default.

    Raises:
        CommandFailed: it is not sound.
    """
    function, _ = service.resources[name]
    if any([each.default is each.empty for each in parameters_of(function, 1) if each.name != "caller"]):
        return None
    try:
        collection = service.instantiate(name, {}, Caller())[1](Shared(list(shared)))
    except DeltameshError as error:
        raise CommandFailed(f"resource {name}: {error}{_cause(error)}") from error
    _check(f"resource {name}", collection, shared)
    return collection


def parameters_of(function: Callable[..., Any], num_given: int) -> list[inspect.Parameter]:
    """Return the parameters of `function` behind the first `num_given`."""
    return list(inspect.signature(function).parameters.values())[num_given:]


def every_description(roots: Iterable[Description]) -> Iterator[Description]:
    """Yield `roots` and all that they are computed from, each once."""
    seen: set[Description] = set()
    waiting = list(roots)
    while waiting:
        description = waiting.pop()
        if description not in seen:
            seen.add(description)
            yield description
            waiting.extend(description.sources)


def _check(what: str, collection: Collection, inputs: Iterable[str]) -> None:
    for description in every_description([collection]):
        if isinstance(description, Map | Lazy):
            _check_function(what, description)
    try:
        Graph(inputs).watch(collection)
    except DeltameshError as error:
        raise CommandFailed(f"{what}: {error}") from error


def _check_function(what: str, description: Map | Lazy) -> None:
    """See that the function of `map` or `lazy` can be called as the graph will call it."""
    function, num_extra = description.function, len(description.extra)
    given = ["key", "values" if isinstance(description, Map) else "itself"]
    try:
        signature = inspect.signature(function)
    except ValueError:  # some built-in functions have none
        return
    place = f"{what}: {description.label()}"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise CommandFailed(f"{place}: an async function cannot be part of the graph, which never waits")
    try:
        signature.bind(*given, *range(num_extra))
    except TypeError as error:
        extra = f" and {num_extra} extra" if num_extra else ""
        raise CommandFailed(f"{place}: the function takes {signature}, and is called with ({', '.join(given)}){extra}: {error}") from error


def _cause(error: DeltameshError) -> str:
    return f" ({place_of(error.__cause__)})" if error.__cause__ is not None else ""
