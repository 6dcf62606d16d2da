"""A client that is watched: a program of Python or Node.js, and all that it has shown."""

from __future__ import annotations

import json
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from tests.reliability.processes import Program
from tests.reliability.waiting import until
from tests.running_router import ROOT

DEFAULT: Final = "nothing known"
"""What clients show of a parameter of which nothing is known."""

State = dict[str, list[Any]]
"""Name -> value, source, commit."""


class Observed(Program):
    """
    A client. Its lines are taken in by `take_in`; `state` is what it showed last, and `states` is all that it has shown.

    Args:
        kind: "thread", "asyncio" or "twisted", which are Python, or "node".
        names: what it holds.
        url: of the router, for that kind.
        cache: its cache file, if it has one.
    """

    def __init__(self, name: str, kind: str, names: Sequence[str], *, url: str, directory: Path, cache: Path | None = None) -> None:
        listed = directory / f"{name}.names.json"
        listed.write_text(json.dumps(names))
        programs: dict[str, list[object]] = {"node": ["node", ROOT / "tests" / "parameters" / "proof" / "client.mjs"]}
        command = programs.get(kind, [sys.executable, "-m", "tests.parameters.proof.client", "--mode", kind])
        options = ["--router", url, "--names", listed, "--name", name, *(["--cache", cache] if cache else [])]
        super().__init__(name, [*command, *options])
        self.names = list(names)
        self.state: State = {}
        self.states: list[tuple[int, float, State]] = []
        """Each with the number of the process, from 1, and the Unix time [s] when it was shown."""
        self.num_reads = 0
        self.slowest_read = 0.0
        """[s]"""
        self._taken = 0
        self._starts: list[int] = []

    def start(self) -> Self:
        """Start it, anew if it has ended: then it has shown nothing yet."""
        self._starts.append(len(self.lines))
        return super().start()

    def take_in(self) -> None:
        """Read what it has printed since the last time."""
        lines = self.lines
        while self._taken < len(lines):
            line = lines[self._taken]
            number = bisect_right(self._starts, self._taken)
            self._taken += 1
            if not line.startswith("{"):
                continue
            said = json.loads(line)
            if "reads" in said:
                self.num_reads += said["reads"]
                self.slowest_read = max(self.slowest_read, said["slowest"])
            elif "shown" in said:
                is_first = not self.states or self.states[-1][0] != number
                self.state = said["shown"] if is_first else {**self.state, **said["shown"]}
                self.states.append((number, said["at"], self.state))

    def values(self) -> dict[str, Any]:
        """Return what it shows now, without that of which nothing is known."""
        self.take_in()
        return {name: value for name, (value, _, _) in self.state.items() if value != DEFAULT}

    def commits(self) -> dict[str, Any]:
        """Return the commits of what it shows."""
        self.take_in()
        return {name: commit for name, (value, _, commit) in self.state.items() if value != DEFAULT}

    def sources(self) -> set[str]:
        """Return the sources of all that it shows, as far as there is such a parameter."""
        self.take_in()
        return {source for value, source, _ in self.state.values() if value != DEFAULT}

    def shows(self, values: Mapping[str, Any]) -> bool:
        """Whether it shows these values, and nothing of the other names."""
        return same(self.values(), {name: value for name, value in values.items() if name in set(self.names)})

    async def settled(self, values: Mapping[str, Any], *, live: bool = True) -> float:
        """Return the time when it shows these values, live unless that is of no interest [s, monotonic]."""
        return await until(lambda: self.shows(values) and (not live or self.is_live()), f"{self.name} shows the state at the end")

    def is_live(self) -> bool:
        """Whether all that it shows is live, as far as there is such a parameter."""
        return self.sources() == {"live"}

    def is_stale(self) -> bool:
        """Whether all that it shows is stale, as far as there is such a parameter."""
        return self.sources() == {"stale"}


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; 1 and true are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
