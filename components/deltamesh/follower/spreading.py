"""Keeps a follower's share of the instances even: says how many it holds, hears the others, hands over what is too much. See `balance`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Final

import msgspec
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.follower.balance import Balance
from deltamesh.follower.instances import Instance, Instances
from deltamesh.operation.status import INTERVAL, Facts, Reporter, Status, listen
from deltamesh.uris import ServiceURIs

MAX_HEARD: Final = 10.0
"""Statuses that a follower hears in a second: where there are many followers, each speaks less often."""

LOOK: Final = 1.0
"""Pause between two looks at the numbers [s]."""

HANDING_OVER: Final = 10.0
"""How long clients may take to leave [s]. Whoever is there afterwards does not know how to, and may stay."""

STAYING: Final = 120.0
"""How long an instance that was handed over and is still here is left in peace [s]."""


class Spreading:
    """
    The share of one follower.

    Args:
        facts: returns what the follower says of itself, but for the numbers of instances and sessions.
    """

    log = Logger()

    def __init__(self, uris: ServiceURIs, connection: Connection, name: str, instances: Instances, facts: Callable[[], Facts]) -> None:
        self._uris = uris
        self._connection = connection
        self._name = name
        self._instances = instances
        self._balance = Balance(name)
        self._others: dict[str, float] = {}  # that take instances -> when they have to have said so again [s]
        self._handed: list[Instance] = []  # and not left by all of their clients yet
        self._until = 0.0  # when those who are still there may stay [s]
        self._looking = LoopingCall(self._look)
        self._facts = facts
        self.reporter = Reporter(connection, uris, "follower", name, self._all_facts)
        connection.on_join(self._joined)

    @property
    def has_others(self) -> bool:
        """Whether another follower is there that takes instances."""
        now = self._now()
        return any(now < until for until in self._others.values())

    def start(self) -> None:
        """Begin to look."""
        self._looking.start(LOOK, now=False)

    def stop(self) -> None:
        """Hand over nothing any more. Everybody is told that this follower leaves."""
        if self._looking.running:
            self._looking.stop()
        self.reporter.now()

    async def _joined(self, connection: Connection) -> None:
        try:
            await listen(connection, self._uris, self._heard)
        except DeltameshError as error:
            self.log.info("{name} cannot hear how much others hold, and hands nothing over: {error}", name=self._name, error=error)

    def _heard(self, status: Status) -> None:
        if status.kind != "follower":
            return
        now = self._now()
        if status.takes:
            self._balance.hear(status.name, status.instances, status.interval, now)
            self._others[status.name] = now + 2 * status.interval
        else:
            self._balance.forget(status.name)
            self._others.pop(status.name, None)
        self._others = {name: until for name, until in self._others.items() if now < until}
        self.reporter.interval = max(INTERVAL, len(self._others) / MAX_HEARD)

    def _all_facts(self) -> Facts:
        instances, sessions = self.load()
        return msgspec.structs.replace(self._facts(), instances=instances, sessions=sessions)

    def load(self) -> tuple[int, int]:
        """Return how many instances somebody is subscribed to, and how many subscriptions that are. Cost: linear in the instances."""
        numbers = [len(each.subscribers) for each in self._instances.all() if each.subscribers]
        return len(numbers), sum(numbers)

    def _look(self) -> None:
        now = self._now()
        self._handed = [each for each in self._handed if each.handed_over > float("-inf")]
        if self._connection.session is not None and (not self._handed or now >= self._until):
            plan = self._balance.decide(self.load()[0], now)
            if plan:
                self._hand_over(plan, now)

    def _hand_over(self, plan: Mapping[str, int], now: float) -> None:
        """Ask the clients of some instances to open them anew at other followers. They are served here until they have."""
        chosen = [each for each in self._instances.all() if each.subscribers and each.handed_over < now - STAYING]
        if not chosen:
            return
        movable = iter(chosen)
        self._handed, self._until = [], now + HANDING_OVER
        for name, number in plan.items():
            for instance in islice(movable, number):
                instance.handed_over = now
                self._handed.append(instance)
                self._tell(instance, name)
        total = len(self._handed)
        self.log.info("{name} hands instances over to {others}: {total}", name=self._name, total=total, others=", ".join(plan))

    def _tell(self, instance: Instance, name: str) -> None:
        """Only who has it is told of a topic: whoever knows it could subscribe to it."""
        gone = self._uris.follower_gone(self._name)
        self._connection.publish_to(list(instance.subscribers), gone, [instance.topic], self._uris.open_at(name))

    def _now(self) -> float:
        return float(self._connection.reactor.seconds())
