"""
Recursion in lazy collections: to any depth, and found out when it is circular.

*Theory of operation.* A key is computed by a function that may look up other keys, which are computed by functions …
Python's stack ends after some hundred of these, and where it ends would depend on who asked first. So at `MAX_NESTING`
the computation is given up (`TooDeep` unwinds it), the innermost key is computed first, from the bottom of the stack,
and then the given-up ones again. They are pure, so nothing is lost but at most one repetition of each.

A key that is looked up while it is being computed depends on itself. `Cycle` then unwinds to that key, the *root*, and
all keys in between fail. Where some of them had been given up, they are computed again and run into a member of the
cycle that has failed already; these are in `circular` until the root has failed as well.

So what fails does not depend on which key was asked for first. Both signals are no `Exception`: the functions of an
application cannot catch them by accident.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from deltamesh.values import IndexKey

if TYPE_CHECKING:
    from deltamesh.graph.lazy_node import LazyNode

Place: TypeAlias = tuple["LazyNode", IndexKey]

MAX_NESTING: Final = 50
"""Keys computed within each other. Each takes about 6 of Python's 1000 frames, and the caller has some hundred."""


class Cycle(BaseException):
    """Unwinds to the root of a cycle."""

    def __init__(self, root: Place) -> None:
        super().__init__(root)
        self.root = root


class TooDeep(BaseException):
    """Unwinds everything, to compute `place` first."""

    def __init__(self, place: Place, given_up: list[Place]) -> None:
        super().__init__(place)
        self.place = place
        self.given_up = given_up


class Recursion:
    """What is being computed now, in all lazy nodes of a graph."""

    __slots__ = ("_circular", "_computing", "_given_up")

    def __init__(self) -> None:
        self._computing: dict[Place, None] = {}  # an ordered set, the innermost last
        self._given_up: dict[Place, None] = {}  # waits for what is being computed
        self._circular: dict[Place, Place] = {}  # failed, and its root, which has not failed yet

    def compute(self, place: Place) -> None:
        """
        Let a node compute a key, unless that is going on already.

        Raises:
            Cycle, TooDeep: within another computation only.
        """
        if place in self._computing or place in self._given_up:
            raise Cycle(place)
        if not self._computing:
            self._compute_from_the_bottom(place)
        elif len(self._computing) < MAX_NESTING:
            self._compute(place)
        else:
            raise TooDeep(place, list(self._computing))

    def check_circular(self, place: Place) -> None:
        """
        Check that a key that has failed is not part of a cycle whose root has yet to fail.

        Raises:
            Cycle: it is.
        """
        if place in self._circular:
            raise Cycle(self._circular[place])

    def _compute(self, place: Place) -> None:
        node, key = place
        self._computing[place] = None
        try:
            node.compute(key)
        except Cycle as cycle:
            if cycle.root != place:
                self._circular[place] = cycle.root
                raise
            self._circular.clear()
        finally:
            del self._computing[place]

    def _compute_from_the_bottom(self, place: Place) -> None:
        waiting = [place]
        parts: list[list[Place]] = []  # what each of those waiting but the last has given up
        while waiting:
            try:
                self._compute(waiting[-1])
            except TooDeep as signal:
                waiting.append(signal.place)
                parts.append(signal.given_up)
                self._given_up.update(dict.fromkeys(signal.given_up))
                continue
            except Cycle:  # its root has been given up: found again from there
                assert parts
            waiting.pop()
            if parts:
                for each in parts.pop():
                    del self._given_up[each]
