"""
What an application declares: inputs, the shared graph, resources, actions.

A service does nothing by itself. A leader runs its shared graph and actions, followers run its resources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from deltamesh.application.signature import Signature
from deltamesh.application.transaction import Caller, Inputs, Transaction
from deltamesh.errors import RESERVED_FACTS, ApplicationError, ComputationFailed, ConfigurationError, DeltameshError, UnknownName
from deltamesh.graph import Collection, Input, OnError
from deltamesh.graph.failure import describe
from deltamesh.uris import GUARDED, RESERVED, ServiceURIs, check_name
from deltamesh.values import JSON, freeze, order_of

_Function = TypeVar("_Function", bound=Callable[..., Any])

Identity: TypeAlias = tuple[Any, ...]
"""Equal for calls of `open` that mean the same instance."""


class Shared:
    """The shared collections as a resource sees them: `shared.ranked`, or `shared["ranked"]`."""

    def __init__(self, names: Sequence[str]) -> None:
        self._collections = {name: Input(name) for name in names}

    def __getattr__(self, name: str) -> Collection:
        return self[name]

    def __getitem__(self, name: str) -> Collection:
        try:
            return self._collections[name]
        except KeyError:
            raise UnknownName("collection", name, list(self._collections)) from None

    def names(self) -> list[str]:
        """Return the names of the shared collections."""
        return list(self._collections)


class Service:
    """
    An application, under the URI `uri`.

    `on_error` says what a mapper that raises does to the write: `"skip"` (the entry yields nothing while it fails) or
    `"reject"` (the write is rolled back and the writer told).
    """

    def __init__(self, uri: str, *, on_error: OnError = "skip") -> None:
        if on_error not in ("skip", "reject"):
            raise ConfigurationError(f'on_error is "skip" or "reject", not {on_error!r:.80}')
        self.uris = ServiceURIs(uri)
        self.on_error: OnError = on_error
        self.inputs: dict[str, Input] = {}
        self.resources: dict[str, tuple[Callable[..., Any], Signature]] = {}
        self.actions: dict[str, tuple[Callable[..., Any], Signature]] = {}
        self._shared: Callable[[], dict[str, Collection]] | None = None

    # Declaring

    def input(self, name: str) -> Input:
        """Declare an input: a collection that writes go to."""
        self._declare("an input", name, self.inputs)
        self.inputs[name] = Input(name)
        return self.inputs[name]

    def shared(self, function: _Function) -> _Function:
        """Declare the shared graph: `function()` returns the shared collections by name. Without it they are the inputs."""
        if self._shared is not None:
            raise ConfigurationError(f"{self.uris.prefix} has a shared graph already: return all shared collections from one function")
        self._shared = function
        return function

    def resource(self, function: _Function) -> _Function:
        """Declare a resource: `function(shared, …)` returns the collection for one set of parameters."""
        self._declare("a resource", function.__name__, self.resources)
        self.resources[function.__name__] = (function, Signature(function, 1))
        return function

    def action(self, function: _Function) -> _Function:
        """Declare an action: `function(tx, caller, …)` runs on the leader, inside one transaction; its result goes to the caller."""
        name = self._declare("an action", function.__name__, self.actions)
        if name in RESERVED or name.startswith(GUARDED):
            raise ConfigurationError(f"an action cannot be called {name}: {self.uris.action(name)} means something else")
        parameters = Signature(function, 2)
        if "idempotency_key" in parameters.names:
            raise ConfigurationError(f"{name}: idempotency_key is for every action already, and cannot be a parameter")
        self.actions[name] = (function, parameters)
        return function

    def error(self, name: str, message: str = "", /, *, retry: bool = False, **facts: Any) -> ApplicationError:
        """
        Return an error to raise from an action or a resource; callers get it under the URI `<service>.error.<name>`.

        `facts` are JSON.
        """
        check_name("an error", name)
        if taken := facts.keys() & RESERVED_FACTS:
            raise ConfigurationError(f"{name}: a fact cannot be called {min(taken)}, which means something else on the way")
        return ApplicationError(self.uris.error(name), message or name.replace("_", " "), retry=retry, **freeze(facts))

    def _declare(self, kind: str, name: str, known: dict[str, Any]) -> str:
        if name in known:
            raise ConfigurationError(f"{self.uris.prefix} has {kind} called {name} already")
        return check_name(kind, name)

    # Running

    def shared_collections(self) -> dict[str, Collection]:
        """
        Return the shared collections by name.

        Raises:
            ConfigurationError: the function that declares them does not return collections by name.
        """
        if self._shared is None:
            return dict(self.inputs)
        found: Any = self._shared()
        if not isinstance(found, dict) or not all([isinstance(each, Collection) for each in found.values()]):
            raise ConfigurationError(f"{self._shared.__name__} must return a dictionary of collections by name, not {found!r:.80}")
        for name in found:
            check_name("a shared collection", name)
        return dict(found)

    def instantiate(self, resource: str, parameters: object, caller: Caller) -> tuple[Identity, Callable[[Shared], Collection]]:
        """
        Check a request for a resource. Return the identity of the instance, and the function that describes it.

        Raises:
            UnknownName, InvalidParameters, TooLarge: the request is wrong.
        """
        function, expected = self._find("resource", resource, self.resources)
        checked = expected.check(parameters)
        identity: Identity = (resource, order_of(expected.identity(checked)))
        if expected.takes_caller:
            checked["caller"], told_apart = expected.caller(caller)
            identity = (*identity, told_apart)

        def describe_instance(shared: Shared) -> Collection:
            found = _run(lambda: function(shared, **checked), name=resource)
            if not isinstance(found, Collection):
                raise ComputationFailed(resource, f"TypeError: a resource returns a collection, not {found!r:.80}")
            return found

        return identity, describe_instance

    def act(self, action: str, inputs: Inputs, caller: Caller, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[JSON, Transaction]:
        """
        Run an action. Return its result and the transaction that it filled, which is still to be committed.

        Raises:
            UnknownName, InvalidParameters, TooLarge: the call is wrong.
            ApplicationError: the action refused.
            ComputationFailed: the action raised something else, or returned what is not JSON.
        """
        function, expected = self._find("action", action, self.actions)
        checked = expected.check_call(args, kwargs)
        transaction = Transaction(inputs)
        result = _run(lambda: freeze(function(transaction, caller, **checked)), name=action)
        return result, transaction

    @staticmethod
    def _find(kind: str, name: object, known: dict[str, tuple[Callable[..., Any], Signature]]) -> tuple[Callable[..., Any], Signature]:
        found = known.get(name) if isinstance(name, str) else None
        if found is None:
            raise UnknownName(kind, name, list(known))
        return found


def _run(function: Callable[..., Any], *args: Any, name: str = "", **kwargs: Any) -> Any:
    """Call an application's function; what it raises unexpectedly becomes an error for the caller."""
    try:
        return function(*args, **kwargs)
    except DeltameshError:
        raise
    except Exception as error:
        raise ComputationFailed(name or function.__name__, describe(error)) from error
