"""Callers and callees for tests of shared registrations, each a WAMP session: in this process, or in one that can be killed."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from tests.router.process_connection import ProcessConnection
from tests.running_router import RunningRouter
from tests.wire_connection import (
    CALL,
    CANCEL,
    CANCELLING,
    ERROR,
    INTERRUPT,
    INVOCATION,
    RESULT,
    SUBSCRIBE,
    SUBSCRIBED,
    UNREGISTER,
    UNREGISTERED,
    YIELD,
    WireConnection,
    error_of,
)

BARRIER: Final = "com.example.barrier"
FAILED: Final = "com.example.failed"
CANCELED: Final = "wamp.error.canceled"


class Party:
    """A session, and what it was sent since somebody last looked."""

    def __init__(self, connection: WireConnection) -> None:
        self.connection = connection
        self.session = connection.session

    def sent(self) -> list[list[Any]]:
        """
        What the router has sent up to now.

        The answer to a request comes after all that was sent before. There are two, as the router may do something
        in the turn after the one in which it decided to.
        """
        messages = []
        for _ in range(2):
            number = self.connection.begin(SUBSCRIBE, {}, BARRIER)
            while (message := self.connection.receive())[:2] != [SUBSCRIBED, number]:
                messages.append(message)
        return messages

    def is_connected(self, session: int) -> bool:
        """Whether the router knows a session of that number."""
        return session in self.connection.call("wamp.session.list")[3][0]


class Caller(Party):
    """
    Makes calls, which are told apart by their argument. One that is a tuple stands for several.
    """

    def __init__(self, connection: WireConnection) -> None:
        super().__init__(connection)
        self._calls: dict[int, Any] = {}
        self.facts: dict[Any, dict[str, Any]] = {}
        """The keyword arguments of the last error, by argument of the call."""

    def call(self, procedure: str, *arguments: Any, **options: Any) -> None:
        """Send calls of `procedure`, one for each argument, in one piece."""
        self.call_each(procedure, dict.fromkeys(arguments, options))

    def call_each(self, procedure: str, calls: dict[Any, dict[str, Any]]) -> None:
        """Send calls of `procedure`, with options by argument, in one piece."""
        messages = []
        for argument, options in calls.items():
            number = next(self.connection._requests)
            self._calls[number] = argument
            messages.append([CALL, number, options, procedure, list(argument) if isinstance(argument, tuple) else [argument]])
        self.connection.send_all(messages)

    def cancel(self, argument: Any, mode: str) -> None:
        """Cancel the call that was made with `argument`."""
        (number,) = [number for number, other in self._calls.items() if other == argument]
        self.connection.send([CANCEL, number, {"mode": mode}])

    def told(self) -> list[str]:
        """The answers to calls up to now, in words."""
        return [self._words(message) for message in self.sent()]

    def told_next(self) -> str:
        """Wait for the next answer; return it in words."""
        return self._words(self.connection.receive())

    def _words(self, message: list[Any]) -> str:
        if message[0] == RESULT:
            return f"{self._calls[message[1]]} done by {message[3][0]}"
        assert message[0] == ERROR, message
        argument = self._calls[message[2]]
        self.facts[argument] = message[6] if len(message) > 6 else {}
        return f"{argument} {message[4]}"


class Callee(Party):
    """Is given calls, and answers them when a test says so. A result is the callee's name."""

    def __init__(self, connection: WireConnection, name: str) -> None:
        super().__init__(connection)
        self.name = name
        self._invocations: dict[Any, int] = {}
        self._registrations: dict[str, int] = {}
        self.interrupted: list[Any] = []
        """Arguments of the calls that it was asked to interrupt."""
        self.num_revoked = 0
        """How many of its registrations the router has taken back."""

    def register(self, procedure: str, **options: Any) -> None:
        """Register `procedure`, by default with the policy "roundrobin"."""
        answer = self.connection.register(procedure, **{"invoke": "roundrobin", **options})
        assert error_of(answer) is None, answer
        self._registrations[procedure] = answer[2]

    def unregister(self, procedure: str) -> None:
        """Take `procedure` back."""
        number = self.connection.begin(UNREGISTER, self._registrations.pop(procedure))
        message = self.connection.receive()
        assert message == [UNREGISTERED, number], message

    def given(self) -> list[Any]:
        """The arguments of the calls that it was given since it was last asked."""
        return [argument for message in self.sent() for argument in self._noted(message)]

    def given_next(self) -> Any:
        """Wait until it is given a call; return its argument."""
        while not (arguments := self._noted(self.connection.receive())):
            pass
        return arguments[0]

    def _noted(self, message: list[Any]) -> list[Any]:
        kind, number = message[:2]
        if kind == INVOCATION:
            arguments = message[4]
            argument = arguments[0] if len(arguments) == 1 else tuple(arguments)
            self._invocations[argument] = number
            return [argument]
        if kind == INTERRUPT:
            self.interrupted += [argument for argument, invocation in self._invocations.items() if invocation == number]
        elif kind == UNREGISTERED:
            self.num_revoked += 1
        else:
            raise AssertionError(message)
        return []

    def answer(self, *arguments: Any) -> None:
        """Answer the calls with these arguments."""
        for argument in arguments:
            self.connection.send([YIELD, self._invocations.pop(argument), {}, [self.name]])

    def fail(self, argument: Any) -> None:
        """Answer the call with this argument by an error."""
        self.connection.send([ERROR, INVOCATION, self._invocations.pop(argument), {}, FAILED])


def write_settings(directory: Path, text: str) -> None:
    """Write the settings of the router that a `RunningRouter` will start in `directory`. Plain Crossbar.io does not look for them."""
    (directory / "router").mkdir()
    (directory / "router" / "router.toml").write_text(text)


class Stage:
    """Sessions of one realm of a router; all of them end with it."""

    def __init__(self, router: RunningRouter, *, realm: str = "realm1", stack: ExitStack) -> None:
        self.router = router
        self._realm = realm
        self._stack = stack
        self._witness: Party | None = None

    def _connection(self, *, process: bool = False, roles: dict[str, Any] = CANCELLING) -> WireConnection:
        kind = ProcessConnection if process else WireConnection
        return self._stack.enter_context(kind(self.router.unix_path, realm=self._realm, roles=roles))

    def caller(self, *, process: bool = False, roles: dict[str, Any] = CANCELLING) -> Caller:
        """A new session that calls; with `process` in a process of its own."""
        return Caller(self._connection(process=process, roles=roles))

    def callee(self, name: str, procedure: str | None = None, *, process: bool = False, **options: Any) -> Callee:
        """A new session that has registered `procedure`; with `process` in a process of its own."""
        callee = Callee(self._connection(process=process), name)
        if procedure is not None:
            callee.register(procedure, **options)
        return callee

    def end(self, party: Party) -> None:
        """Kill the process of `party`, or close its connection, and return when the router knows."""
        if isinstance(party.connection, ProcessConnection):
            party.connection.kill()
        else:
            party.connection.close()
        if self._witness is None:
            self._witness = Party(self._connection())
        while self._witness.is_connected(party.session):
            pass
