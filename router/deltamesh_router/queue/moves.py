"""What a call queue says: the moves that its dealer has to carry out, and why a call is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from deltamesh_router.queue.callee import Callee


class Refused(Exception):
    """A call was not worked on, and will not be: what its caller is told. It may help to call again later."""


class QueueFull(Refused):
    """As many calls wait as may. `is_first`: nothing was refused for that since the queue was last empty (announce `on_full`)."""

    def __init__(self, waiting: int, *, is_first: bool) -> None:
        self.waiting = waiting
        self.is_first = is_first


class WaitedTooLong(Refused):
    """It waited for `waited` seconds, and no callee was free for it."""

    def __init__(self, waited: float) -> None:
        self.waited = waited


class NoCallee(Refused):
    """No callee is registered any more."""


class Dispatch(NamedTuple):
    """Send the call to `callee.session`: it takes a slot there from now on."""

    call: Any
    callee: Callee


class Refusal(NamedTuple):
    """Tell the caller `reason`. The call has ended."""

    call: Any
    reason: Refused


class Lost(NamedTuple):
    """The callee of the call has left, and the call has ended. Tell the caller, unless not `call.is_wanted`."""

    call: Any


class Emptied(NamedTuple):
    """A callee that is draining or unregistered has answered all that it had."""

    callee: Callee


class Drained(NamedTuple):
    """The first event, after calls were refused because the queue was full, after which nothing waits (announce `on_drained`)."""


Move = Dispatch | Refusal | Lost | Emptied | Drained

NOTHING: Final[Sequence[Move]] = ()
