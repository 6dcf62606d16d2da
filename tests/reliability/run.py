"""
One run of a scenario: its command line, seed, figures and verdict.

Prints the seed first and one JSON line at the end. Exits with 1 if anything was violated. What took how long is held to its limit as
well, unless `--untimed` says that this machine has other things to do.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from deltamesh.cli import log, loop
from tests.reliability.checker import check_journal
from tests.reliability.figures import times
from tests.reliability.mesh import Mesh
from tests.reliability.waiting import NeverHappened

KINDS: Final = ("lost", "twice", "order", "epoch", "state", "refused")
"""Of violations; see `Truth`."""


class Run:
    """What a scenario is given. Everything random comes from `random`."""

    def __init__(self, name: str, options: Any, directory: Path) -> None:
        self.name = name
        self.options = options
        self.random = random.Random(options.seed)
        self.directory = directory
        self.figures: dict[str, Any] = {}
        self.violations: list[str] = []
        self._open: list[Mesh] = []
        self._began = time.monotonic()

    def rounds(self) -> Iterator[int]:
        """Yield the numbers of the rounds, and tell a person how far it is."""
        for number in range(1, self.options.rounds + 1):
            print(f"\r{self.name}: round {number} of {self.options.rounds}", end="", file=sys.stderr, flush=True)
            yield number
        print(file=sys.stderr)

    def require(self, condition: object, what: str) -> None:
        """Something is violated unless the condition holds."""
        if not condition:
            self.violations.append(what)

    def took(self, what: str, values: Sequence[float], *, limit: float | None = None, of: str = "p99") -> None:
        """Take down how long something took, each time [s]; its `of` has to be within the limit."""
        found = times(values)
        self.figures[f"{what}_s"] = found
        self.require(values, f"{what}: nothing was measured")
        if limit is not None and values and not self.options.untimed:
            self.require(found[of] <= limit, f"{what}: {of} is {found[of]} s, over {limit:g} s")

    def mesh(self, *, name: str = "", **options: Any) -> Mesh:
        """Return a mesh, in the directory of this run or in the part of it called so."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        self._open.append(Mesh(directory, **options))
        return self._open[-1]

    def conclude(self, mesh: Mesh, *, part: str = "", has_journal: bool = True) -> None:
        """Compare everything, when the mesh has ended. Its figures go under `part`, if that is given."""
        self._open = [each for each in self._open if each is not mesh]
        truth, readers = mesh.truth, mesh.readers
        if has_journal:
            check_journal(mesh.journal, truth)
        self.violations += [*truth.violations, *mesh.complaints()]
        found = {
            "acknowledged": truth.num_acknowledged,
            "revision": truth.last,
            **{kind: truth.counts[kind] for kind in KINDS},
            "states": sum(reader.num_states for reader in readers),
            "refusals": mesh.refusals.counts,
        }
        self.figures |= {part: found} if part else found

    def abandon(self, why: str) -> None:
        """Take down why the scenario came to no end, and what was wrong until then."""
        self.violations += [why, *[violation for mesh in self._open for violation in mesh.truth.violations]]

    def report(self) -> int:
        """Print the JSON line; return the exit code."""
        head = {"scenario": self.name, "seed": self.options.seed, "rounds": self.options.rounds}
        seconds = round(time.monotonic() - self._began, 1)
        found = {**head, "ok": not self.violations, "seconds": seconds, **self.figures, "violations": self.violations}
        print(json.dumps(found), flush=True)
        return 1 if self.violations else 0


def parser(text: str | None, *, rounds: int) -> ArgumentParser:
    """Return a parser that knows the options of every scenario."""
    made = ArgumentParser(description=text, formatter_class=RawDescriptionHelpFormatter)
    made.add_argument("--seed", type=int, default=1, help="of everything that is random (1)")
    made.add_argument("--rounds", type=int, default=rounds, metavar="N", help=f"how often ({rounds})")
    made.add_argument("--untimed", action="store_true", help="hold nothing to a limit of time, only to what is true")
    return made


def main(scenario: Callable[[Run], Awaitable[None]], options: Any) -> None:
    """Run a scenario, and exit."""
    name = scenario.__name__
    log.begin(name, only_errors=True)
    print(f"{name}: seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix=f"deltamesh-{name}-") as directory:
        run = Run(name, options, Path(directory))

        async def work() -> None:
            try:
                await scenario(run)
            except NeverHappened as error:
                run.abandon(str(error))

        loop.run(work)
        code = run.report()
    sys.exit(code)
