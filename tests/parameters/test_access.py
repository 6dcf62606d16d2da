"""Which role may have which name."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.access import Access, holds_secrets

RULES = [("payment.keys", ["auditor"]), ("payment", ["auditor", "cashier"]), ("closed", [])]


@pytest.mark.parametrize(
    ("role", "name", "may"),
    [
        ("browser", "shop.name", True),
        ("", "shop.name", True),
        ("browser", "payment", False),
        ("browser", "payment.limits", False),
        ("browser", "payments.limits", True),
        ("", "payment.limits", False),
        ("cashier", "payment.limits", True),
        ("cashier", "payment.keys", False),  # the permission of each rule is needed
        ("cashier", "payment.keys.one", False),
        ("cashier", "payment.keysmith", True),
        ("auditor", "payment.keys.one", True),
        ("auditor", "closed.door", False),
        ("component", "closed.door", True),
        ("administrator", "closed.door", True),
    ],
)
def test_a_rule_is_about_a_name_and_all_below_it(role: str, name: str, may: bool) -> None:
    assert Access(RULES).may(role, name) is may


@pytest.mark.parametrize("name", ["secrets", "secrets.a", "a.secrets", "a.secrets.b"])
def test_secrets_are_for_those_who_are_trusted_anyway(name: str) -> None:
    access = Access()

    assert {role: access.may(role, name) for role in ("browser", "auditor", "", "component", "administrator")} == {
        "browser": False, "auditor": False, "": False, "component": True, "administrator": True,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a.secret", "a.mysecrets", "secretsanta.a"])
def test_a_name_that_only_looks_like_it_is_for_everybody(name: str) -> None:
    assert Access().may("browser", name)


def test_a_rule_gives_nobody_a_secret() -> None:
    assert not Access([("a.secrets", ["browser"])]).may("browser", "a.secrets.b")


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ([{"name": "a", "secrets": {"token": 1}}], True),
        ([[1, [{"a": {"b": ({"secrets": None},)}}]]], True),
        ({"a.secrets.b": 1}, True),
        ([{"secret": 1, "mysecrets": 2, "a": "secrets"}, "secrets", None, 1.5], False),
        ("secrets", False),
        ({}, False),
    ],
)
def test_a_value_holds_secrets_if_an_object_in_it_has_such_a_key(value: Any, holds: bool) -> None:
    assert holds_secrets(value) is holds


@pytest.mark.parametrize(
    "rule", ["payment", ("payment",), ("payment", "auditor"), ("", ["a"]), ("a..b", ["a"]), (1, ["a"]), ("a", [1]), ("a", 1), None]
)
def test_a_rule_of_another_form_is_refused(rule: Any) -> None:
    with pytest.raises(ConfigurationError, match="a rule is a name and a list of roles"):
        Access([rule])
