"""
What an application declares of its workers: tasks, which are functions that other components call and that take their time.

    worker = Worker("com.example.salesman")
    routes = worker.counter("routes")

    @worker.task
    def anneal(call: Call, problem: str, seed: int) -> dict:
        ...

`deltamesh worker` runs them; `working` is how.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from deltamesh.application.signature import Signature
from deltamesh.application.transaction import Caller
from deltamesh.errors import RESERVED_FACTS, ApplicationError, ConfigurationError
from deltamesh.uris import GUARDED, RESERVED, ServiceURIs, check_name
from deltamesh.values import freeze

_Function = TypeVar("_Function", bound=Callable[..., Any])

MAX_ARGUMENTS: Final = 1 << 20
"""Bytes of JSON text that the arguments of a task may have: more than those of an action, since they are what is worked on."""

LOAD: Final = "on_load"
"""Last part of the topic on which workers tell their load."""

LOAD_FIELDS: Final = frozenset({"name", "kind", "host", "concurrency", "busy", "cpu", "units"})
"""What a load tells in any case; no counter can be called so."""


class Call:
    """
    One call of a task, as the task sees it, in its thread.

    Args:
        worker: name of the worker that computes it.
        caller: who calls.
        fetch: calls a procedure, see `fetch`.
    """

    def __init__(self, worker: str = "", caller: Caller | None = None, fetch: Callable[..., Any] | None = None) -> None:
        self.worker = worker
        self.caller = caller or Caller()
        self._fetch = fetch
        self._is_cancelled = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """
        Whether nobody waits for the result any longer: the caller has cancelled, or the connection was lost.

        A thread cannot be stopped from outside: a task that takes long looks at this now and then, and returns or raises what it likes.
        """
        return self._is_cancelled.is_set()

    def cancel(self) -> None:
        """Nobody waits any longer."""
        self._is_cancelled.set()

    def fetch(self, uri: str, /, *args: Any, **kwargs: Any) -> Any:
        """
        Call a procedure of the mesh, and wait for what it answers.

        Raises:
            DeltameshError: as it was answered, or there is no connection.
        """
        if self._fetch is None:
            raise ConfigurationError(f"{uri} cannot be called: this call of a task was not made by a worker")
        return self._fetch(uri, *args, **kwargs)


class Counter:
    """A number of things done by tasks. A worker tells with its load how many they were in the last second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = 0

    def add(self, number: int) -> None:
        """So many more were done. Tasks may call this from any thread."""
        with self._lock:
            self._total += number

    @property
    def total(self) -> int:
        """Done since the process began."""
        with self._lock:
            return self._total


class Worker:
    """The tasks under the URI `uri`, which usually is that of a service."""

    def __init__(self, uri: str) -> None:
        self.uris = ServiceURIs(uri)
        self.tasks: dict[str, Task] = {}
        self.counters: dict[str, Counter] = {}
        self.preparations: list[Callable[[], object]] = []

    def task(self, function: _Function) -> _Function:
        """
        Declare a task: `function(…)`, or `function(call, …)` to be given its `Call`, runs in a thread of its own for each call.

        Arguments are checked against the annotations, the result is JSON. Several calls run at the same time, so what they share needs
        locks. The worker stays responsive while the function lets go of Python's global lock now and then, which plain Python does by
        itself.
        """
        name = check_name("a task", function.__name__)
        if name in self.tasks:
            raise ConfigurationError(f"{self.uris.prefix} has a task called {name} already")
        if name in RESERVED or name == LOAD or name.startswith(GUARDED):
            raise ConfigurationError(f"a task cannot be called {name}: {self.uris.action(name)} means something else")
        self.tasks[name] = Task(function)
        return function

    def counter(self, name: str) -> Counter:
        """Declare a number of things that tasks do, and that the load is to tell per second, under this name."""
        check_name("a counter", name)
        if name in self.counters or name in LOAD_FIELDS:
            raise ConfigurationError(f"a counter of {self.uris.prefix} cannot be called {name}: a load has that already")
        self.counters[name] = Counter()
        return self.counters[name]

    def prepare(self, function: _Function) -> _Function:
        """Declare what is done once before calls are taken, in a thread: to compile or to load something."""
        self.preparations.append(function)
        return function

    def error(self, name: str, message: str = "", /, *, retry: bool = False, **facts: Any) -> ApplicationError:
        """Return an error to raise from a task; callers get it under the URI `<uri>.error.<name>`. `facts` are JSON."""
        check_name("an error", name)
        if taken := facts.keys() & RESERVED_FACTS:
            raise ConfigurationError(f"{name}: a fact cannot be called {min(taken)}, which means something else on the way")
        return ApplicationError(self.uris.error(name), message or name.replace("_", " "), retry=retry, **freeze(facts))


class Task:
    """A declared task: its function, and what it takes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = function.__name__
        self._function = function
        self._takes_call = next(iter(inspect.signature(function).parameters), None) == "call"
        self._signature = Signature(function, int(self._takes_call), max_size=MAX_ARGUMENTS)

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """
        Return the arguments of a call, as the function takes them.

        Raises:
            InvalidParameters, TooLarge: the call is wrong.
        """
        return self._signature.check_call(args, kwargs)

    def run(self, call: Call, checked: dict[str, Any]) -> Any:
        """
        Return the result, which is JSON.

        Raises:
            NotJSON: it is not.
        """
        if self._signature.takes_caller:
            checked = {**checked, "caller": call.caller}
        given = (call,) if self._takes_call else ()
        return freeze(self._function(*given, **checked))
