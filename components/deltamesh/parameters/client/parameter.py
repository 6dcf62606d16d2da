"""A parameter as a program has it: a name with a value that can be read at any time, from memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twisted.logger import Logger

from deltamesh.parameters.client.state import Source, State, uncertain

if TYPE_CHECKING:
    from deltamesh.parameters.client.parameters import Parameters

_T = TypeVar("_T")


class Parameter(Generic[_T]):
    """
    Made by `Parameters.get`. All that it says is read from memory, in any thread, and goes on after `close`.

    `state` is what belongs together, at one moment; the other properties are parts of it.
    """

    log = Logger()

    def __init__(self, parameters: Parameters, handle: int, name: str, type: Any, default: bytes, state: State[_T]) -> None:
        self.name = name
        self.handle = handle
        self.num_gets = 1
        """How often it was asked for and not closed; `Parameters` counts."""
        self._parameters = parameters
        self._kind = (type, default)
        self._state = state
        self._is_closed = False
        self._callbacks: list[Callable[[Parameter[_T]], object]] = []
        self._error_told: str | None = None
        self._tell_error()

    @property
    def state(self) -> State[_T]:
        """Value, source, commit and error of one moment."""
        return self._state if self._parameters.adrift is None else uncertain(self._state)

    @property
    def value(self) -> _T:
        """
        The newest value of the right type that is known; the default if there is none.

        All who asked for an equal parameter have this object, so a list or the like is not to be changed: copy it first.
        """
        return self._state.value

    @property
    def source(self) -> Source:
        """Where the value comes from: "default", "cache", "live" or "stale", see `Source`."""
        return self.state.source

    @property
    def commit(self) -> str | None:
        """The commit that last changed the value in the repository; None for the default."""
        return self._state.commit

    @property
    def error(self) -> str | None:
        """Why the newest value is not used, if it is not; it never contains a value."""
        return self._state.error

    @property
    def is_current(self) -> bool:
        """Whether this is what the service says now: a live value, or the default because the service has none of that name."""
        return self.state.is_current

    def on_change(self, callback: Callable[[Parameter[_T]], object]) -> None:
        """
        Call `callback(parameter)` after each change of the state from now on, in order.

        The parameter shows the change that it is called for. It is called where `Parameters` delivers: in the reactor's thread, or on the
        event loop of the asyncio program that called `Parameters.connect`. Whatever it raises is logged and ends nothing, `SystemExit` too.
        """
        self._callbacks.append(callback)

    def forget(self, callback: Callable[[Parameter[_T]], object]) -> None:
        """Undo `on_change`."""
        self._callbacks.remove(callback)

    def close(self) -> None:
        """Undo one `get`: after the last one of an equal parameter it changes no more."""
        self._parameters.drop(self)

    # For `Parameters` only

    def is_equal(self, type: Any, default: bytes) -> bool:
        """Whether it was made with this type, and a default of this JSON text."""
        return bool(self._kind == (type, default))

    def end(self, state: State[_T]) -> None:
        """Show `state` from now on, and never another one."""
        self._is_closed = True
        self._state = state

    def show(self, state: State[_T]) -> None:
        """Show `state` from now on."""
        if not self._is_closed:
            self._state = state
            self._tell_error()

    def tell(self) -> None:
        """Tell the callbacks that the state has changed."""
        if self._is_closed:
            return
        for callback in list(self._callbacks):
            try:
                callback(self)
            except BaseException:  # noqa: BLE001 - the application's, which must not keep others from their news
                self.log.failure("a callback of the parameter {name} failed", name=self.name)

    def _tell_error(self) -> None:
        """Log an error once: it names the commit, so each commit may be told."""
        error = self._state.error
        if error is not None and error != self._error_told:
            self._error_told = error
            self.log.error("{error}", error=error)

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, source={self.source.value!r}, commit={self.commit!r})"
