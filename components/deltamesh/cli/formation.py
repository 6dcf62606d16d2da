"""The programs that make up a mesh: which there are, in which order they start, how many of a kind; and how that changes while it runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePath
from typing import Any, Final

from deltamesh.cli.program import Program, Supervised
from deltamesh.cli.supervisor import Supervisor, first_ready
from deltamesh.errors import ConfigurationError

MAX_FOLLOWERS: Final = 256
MAX_STANDBYS: Final = 8

LIMITS: Final = {"follower": (1, MAX_FOLLOWERS), "standby": (0, MAX_STANDBYS)}
"""How many of a kind an application can have."""


@dataclass
class Group:
    """The components of one kind of one application. Standbys are leaders: one of them leads, the others stand by."""

    application: str
    service: str
    """The URI of the service."""
    short: str
    """What people call it."""
    kind: str
    """"leader" or "follower"."""
    running: list[Supervised] = field(default_factory=list)
    """The latest last. Without those that were told to stop."""

    def program(self, taken: set[str]) -> Program:
        """Return one more, under a name that is not taken."""
        names = (f"{self.kind}{number}" if number > 1 or self.kind == "follower" else self.kind for number in count(1))
        name = next(name for name in names if f"{self.short}.{name}" not in taken)
        command = [sys.executable, "-m", "deltamesh", self.kind, self.application, "--name", name]
        return Program(f"{self.short}.{name}", command)


class Formation:
    """
    The programs of one mesh.

    Args:
        applications: (MODULE:ATTRIBUTE, URI of the service, short name) of each.
        sizes: kind -> how many of it each application has at first, as in `LIMITS`.
    """

    def __init__(
        self,
        router: Program,
        applications: Sequence[tuple[str, str, str]],
        sizes: Mapping[str, int],
        extras: Sequence[Program],
    ) -> None:
        self.router = router
        self.extras = extras
        self._sizes = sizes
        self._leaders = {service: Group(path, service, short, "leader") for path, service, short in applications}
        self._followers = {service: Group(path, service, short, "follower") for path, service, short in applications}
        self._supervisor: Supervisor | None = None
        self._ending: dict[Supervised, asyncio.Task[None]] = {}
        self._groups: dict[Supervised, Group] = {}

    @property
    def services(self) -> list[str]:
        """The URIs of the services."""
        return list(self._leaders)

    def names(self) -> list[str]:
        """Return the names of all programs at first."""
        short = [group.short for group in self._leaders.values()]
        components = [f"{each}.{kind}{number}" for each in short for kind, number in (("leader", ""), ("follower", 1))]
        return [self.router.name, *components, *[each.name for each in self.extras]]

    async def start(self, supervisor: Supervisor) -> None:
        """Start leaders and followers; return when every application has a leader and a follower that are ready."""
        self._supervisor = supervisor
        for groups, number in ((self._leaders, self._sizes["standby"] + 1), (self._followers, self._sizes["follower"])):
            programs = [(group, program) for group in groups.values() for program in self._next(group, number)]
            for (group, _), started in zip(programs, supervisor.start([program for _, program in programs]), strict=True):
                self._add(group, started)
        for group in [*self._leaders.values(), *self._followers.values()]:
            await first_ready(group.running)

    def _next(self, group: Group, number: int) -> list[Program]:
        taken = {each.program.name for each in self._groups}
        programs: list[Program] = []
        for _ in range(number):
            programs.append(group.program(taken))
            taken.add(programs[-1].name)
        return programs

    def _add(self, group: Group, started: Supervised) -> None:
        group.running.append(started)
        self._groups[started] = group

    def size(self, service: str, kind: str) -> int:
        """Return how many of a kind there are, those that leave not counted."""
        group, led = self._group(service, kind)
        return len(group.running) - led

    def _group(self, service: str, kind: str) -> tuple[Group, int]:
        """Return the components that a kind is of, and how many of them are not counted: the leader that standbys stand by for."""
        return (self._followers[service], 0) if kind == "follower" else (self._leaders[service], 1)

    def check(self, service: str | None, sizes: Mapping[str, Any]) -> list[str]:
        """
        Return the services that are meant: all if none is named.

        Raises:
            ConfigurationError: there is none of that name, or the sizes cannot be.
        """
        if self._supervisor is None:
            raise ConfigurationError("the mesh is still starting: try again in a moment")
        for kind, number in sizes.items():
            if kind not in LIMITS:
                raise ConfigurationError(f"{kind!r:.80} cannot be scaled: what can is {' and '.join(LIMITS)}")
            least, most = LIMITS[kind]
            if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
                raise ConfigurationError(f"{kind}={number!r:.80}: a number from {least} to {most} is possible")
        if service is not None and service not in self._leaders:
            raise ConfigurationError(f"{service:.200} does not run here: what does is {', '.join(self.services)}")
        return self.services if service is None else [service]

    def scale(self, service: str, sizes: Mapping[str, int], leading: int | None = None) -> None:
        """
        Start what is missing, and tell what is too much to leave: the latest first. Returns at once; see `listed`.

        Requires: `check`.

        Args:
            service: its URI.
            sizes: how many there shall be, by kind.
            leading: the process that leads, if that is known: it stays.
        """
        supervisor = self._supervisor
        assert supervisor is not None, "sizes were checked"
        for kind, number in sizes.items():
            group, led = self._group(service, kind)
            missing = number + led - len(group.running)
            if missing > 0:
                for started in supervisor.start(self._next(group, missing), beside=group.running[0]):
                    self._add(group, started)
            for _ in range(-missing):
                leaving = next(each for each in reversed(group.running) if each.pid != leading or leading is None)
                group.running.remove(leaving)
                self._ending[leaving] = asyncio.get_running_loop().create_task(self._end(supervisor, leaving))

    async def _end(self, supervisor: Supervisor, program: Supervised) -> None:
        await supervisor.end(program)
        del self._groups[program], self._ending[program]

    def listed(self) -> list[dict[str, Any]]:
        """Return what is known of each program, as JSON."""
        supervisor = self._supervisor
        return [] if supervisor is None else [self._described(each) for each in supervisor.programs]

    def _described(self, program: Supervised) -> dict[str, Any]:
        group = self._groups.get(program)
        return {
            "program": program.program.name,
            "service": None if group is None else group.service,
            "kind": None if group is None else group.kind,
            "pid": program.pid,
            "state": "stopping" if program in self._ending else program.state.value,
            "restarts": program.restarts,
            "error": program.error,
        }


def extras(commands: Sequence[Sequence[str]]) -> list[Program]:
    """Return the programs that run beside; each is named after its module, program or command, with a number if there are several."""
    programs: dict[str, Program] = {}
    for given in commands:
        command = ["python", "-m", *given] if given[0] == "deltamesh" else given
        is_python = command[0] in ("python", "python3")
        plain = command[2] if is_python and list(command[1:2]) == ["-m"] and len(command) > 2 else PurePath(command[0]).name
        if plain == "deltamesh" and len(command) > 3:
            plain = command[3]
        name, number = plain, 1
        while name in programs:
            number += 1
            name = f"{plain}-{number}"
        # in the environment that we are in, even if that is not the one of the shell
        words = [sys.executable, *command[1:]] if is_python else command
        programs[name] = Program(name, words, says_ready=False, may_finish=True)
    return list(programs.values())
