"""
What may be set in `router/router.toml`: rules for calls by URI, bounds on what strangers use up, and where to look inside.

The router runs without such a file as well; every setting has the default that is written here. `settingsfile` reads the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

Match = Literal["exact", "prefix", "wildcard"]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]

MAX_KNOWN_URIS: Final = 20_000
"""URIs whose rule is remembered. They are chosen by whoever may register."""


class CallRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How calls of a registration are treated. `uri` is that of the registration, as it was registered."""

    uri: str = ""
    match: Match = "exact"
    max_waiting: Annotated[int, Meta(ge=0)] = 10_000
    """Calls that may wait for a callee; one more is refused (`queue_full`)."""
    max_wait: Seconds = 60.0
    """How long a call may wait [s]; then it is refused (`waited_too_long`)."""
    tries: Annotated[int, Meta(ge=1, le=100)] = 1
    """To how many callees a call is given, one after the other, if they die or leave with it. More than 1 is for what may be done twice."""
    concurrency: Count | None = None
    """The slots of a callee that did not say how many it has, because its client cannot, for instance; without it any number."""
    choose: Literal["as_registered", "least_loaded", "affinity"] = "as_registered"
    """Which callee is chosen; `as_registered` is what the callees said (single, first, last, roundrobin, random), otherwise ignored."""
    key: Annotated[int, Meta(ge=0)] | str = 0
    """With `affinity`: calls with equal arguments here go to the same callee; a position, or a name."""


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds for a session."""

    max_calls: Count = 10_000
    """Calls of one session that are waiting or being worked on; one more is refused (`too_many_calls`)."""
    max_pending: Count = 4 * 1024 * 1024
    """Bytes that may wait for one reader [B]; then its session is closed (`slow_reader`)."""
    max_sessions: Count = 10_000
    """Sessions of the role at the same time; one more is refused (`too_many_sessions`)."""


class Insight(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where `/metrics`, `/healthz` and `/readyz` are served; nowhere unless there is a port."""

    interface: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] | None = None


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """All settings."""

    calls: tuple[CallRule, ...] = ()
    limits: Limits = Limits()
    """Of roles that are not in `roles`."""
    roles: dict[str, Limits] = msgspec.field(default_factory=dict)
    insight: Insight = Insight()

    @cached_property
    def _rules(self) -> Rules:
        return Rules(self.calls)

    def rule_for(self, uri: str) -> CallRule:
        """
        Return the rule for the registration `uri`.

        It is the exact one, else that of the longest prefix, else the first wildcard in the file that fits, else the one for the
        prefix "", which is everything, else the default. One rule decides alone: what it does not say has the default that is written here.
        """
        return self._rules.rule_for(uri)

    def limits_for(self, role: str | None) -> Limits:
        """Return the bounds for the sessions of a role."""
        return self.roles.get(role or "", self.limits)


DEFAULT: Final = Settings()


class Rules:
    """Finds the rule for a URI, and remembers what it has found."""

    def __init__(self, rules: tuple[CallRule, ...]) -> None:
        self._exact = {rule.uri: rule for rule in rules if rule.match == "exact"}
        prefixes = sorted([rule for rule in rules if rule.match == "prefix"], key=lambda rule: -len(rule.uri))
        self._prefixes = [rule for rule in prefixes if rule.uri]
        self._wildcards = [(rule.uri.split("."), rule) for rule in rules if rule.match == "wildcard"]
        self._everything = next((rule for rule in prefixes if not rule.uri), CallRule())
        self._known: dict[str, CallRule] = {}

    def rule_for(self, uri: str) -> CallRule:
        """As `Settings.rule_for`."""
        known = self._known.get(uri)
        if known is None:
            if len(self._known) >= MAX_KNOWN_URIS:
                self._known.clear()
            known = self._known[uri] = self._find(uri)
        return known

    def _find(self, uri: str) -> CallRule:
        if uri in self._exact:
            return self._exact[uri]
        for rule in self._prefixes:
            if uri.startswith(rule.uri):
                return rule
        parts = uri.split(".")
        for pattern, rule in self._wildcards:
            if len(pattern) == len(parts) and all([wanted in ("", part) for wanted, part in zip(pattern, parts, strict=True)]):
                return rule
        return self._everything


class LiveSettings:
    """The settings of this process as they are now: `current` is another object after a reload."""

    def __init__(self, settings: Settings = DEFAULT) -> None:
        self.current = settings
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener()` after each change, for as long as this process runs."""
        self._listeners.append(listener)

    def replace(self, settings: Settings) -> None:
        """Put other settings in place."""
        self.current = settings
        for listener in self._listeners:
            listener()


def differences(old: Settings, new: Settings) -> list[str]:
    """Say what is different in `new`, one short text for each setting: `limits.max_calls 10000 -> 500`."""
    found = [*_changed("limits", old.limits, new.limits)]
    for role in sorted({*old.roles, *new.roles}):
        found += _changed(f"roles.{role}", old.limits_for(role), new.limits_for(role))
    was = {(rule.match, rule.uri): rule for rule in old.calls}
    now = {(rule.match, rule.uri): rule for rule in new.calls}
    for match, uri in sorted({*was, *now}):
        name = f"calls {match} {uri!r}"
        if (match, uri) not in was:
            found.append(f"{name} is new")
        elif (match, uri) not in now:
            found.append(f"{name} is gone")
        else:
            found += _changed(name, was[match, uri], now[match, uri])
    if not found and old.calls != new.calls:
        found.append("the order of calls")
    return [*found, *_changed("insight", old.insight, new.insight)]


def _changed(place: str, old: Any, new: Any) -> Iterator[str]:
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"{place}.{name} {before} -> {after}"
