"""Which role may have which parameters. Pure: a function of rules, role, name and value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.names import is_within, objection
from deltamesh.values import JSON

Rule: TypeAlias = tuple[str, Iterable[str]]
"""A name, and the roles that may have it and all names below it; those of `TRUSTED` may anyway."""

TRUSTED: Final = frozenset({"component", "administrator"})
"""Roles that may have everything: the one reads the shared graph, the other changes the repository, so neither can be kept from it."""

SECRETS: Final = "secrets"
"""A name with this segment is for `TRUSTED` only, whatever the rules say, and so is a value with such a key in it."""


class Access:
    """
    Rules about names, which restrict: what none of them is about is for everybody.

    If several are about a name, a role needs the permission of each.

    Raises:
        ConfigurationError: a rule is not of the form of `Rule`.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: list[tuple[str, frozenset[str]]] = []
        for rule in rules:
            self._rules.append(_checked(rule))

    def may(self, role: str, name: str) -> bool:
        """Whether `role` may have the parameter `name`. The empty role is nobody's: it may have what is for everybody."""
        if role in TRUSTED:
            return True
        if SECRETS in name.split("."):
            return False
        return all([role in roles for prefix, roles in self._rules if is_within(name, prefix)])


def holds_secrets(value: JSON) -> bool:
    """Whether an object in `value`, at any depth, has a key with the segment `secrets`: then it is for `TRUSTED` only."""
    rest = [value]
    while rest:
        each = rest.pop()
        if isinstance(each, Mapping):
            if any([SECRETS in key.split(".") for key in each]):
                return True
            rest.extend(each.values())
        elif isinstance(each, list | tuple):
            rest.extend(each)
    return False


def _checked(rule: Any) -> tuple[str, frozenset[str]]:
    try:
        prefix, roles = rule
        if isinstance(prefix, str) and objection(prefix) is None and not isinstance(roles, str):
            found = frozenset(roles)
            if all([isinstance(role, str) for role in found]):
                return prefix, found
    except (TypeError, ValueError) as error:
        raise _wrong(rule) from error
    raise _wrong(rule)


def _wrong(rule: object) -> ConfigurationError:
    return ConfigurationError(f'a rule is a name and a list of roles, as in ("payment.keys", ["auditor"]), not {rule!r:.80}')
