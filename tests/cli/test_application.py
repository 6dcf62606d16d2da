"""Finding an application: every way to get it wrong is one line that says what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from deltamesh.cli.command import main

SERVICE = 'from deltamesh import Service\napp = Service("com.example.poll")\n'


def check(application: str) -> Result:
    return CliRunner().invoke(main, ["check", application])


def failure(application: str) -> str:
    """Return the one line with which a command fails."""
    result = check(application)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_modules_of_the_working_directory_are_found(module: Callable[[str, str], None]) -> None:
    module("shop.orders", SERVICE)

    assert check("shop.orders:app").exit_code == 0


@pytest.mark.parametrize("name", ["shop", "shop:", ":app", "shop.py:app", "shop/orders:app", "shop:app()", ""])
def test_a_name_of_another_form_is_wrong_usage(name: str) -> None:
    result = check(name)

    assert result.exit_code == 2
    assert "write MODULE:ATTRIBUTE, as in examples.departures:app" in result.stderr


@pytest.mark.parametrize("missing", ["shopp", "shop.order", "nothing.at.all"])
def test_a_missing_module_is_told(module: Callable[[str, str], None], missing: str) -> None:
    module("shop.__init__", "")
    line = failure(f"{missing}:app")

    assert line.startswith("Error: there is no module ")
    assert "is it misspelt, or elsewhere than in" in line


@pytest.mark.parametrize(
    "text,expected",
    [
        ("import json\nimport psycopgg\n", "orders.py:2: ModuleNotFoundError: No module named 'psycopgg'"),
        ("from json import nothing\n", "orders.py:1: ImportError: cannot import name 'nothing' from 'json'"),
        ("\n\n1 / 0\n", "orders.py:3: ZeroDivisionError: division by zero"),
        ("x = 1\nif x:\n", "orders.py:2: IndentationError: expected an indented block"),
        ('from deltamesh import Service\n\napp = Service("Poll")\n', "orders.py:3: ConfigurationError: 'Poll' cannot be the URI"),
        (SERVICE + "@app.action\ndef write(tx, caller): ...\n", "orders.py:3: ConfigurationError: an action cannot be called write"),
        ("import inner\n", "inner.py:1: ModuleNotFoundError: No module named 'orders.deeper'"),
    ],
)
def test_an_error_in_the_module_is_told_with_its_place(module: Callable[[str, str], None], text: str, expected: str) -> None:
    module("orders", text)
    module("inner", "import orders.deeper\n")

    assert failure("orders:app").startswith(f"Error: orders cannot be imported: {expected}")


def test_an_attribute_that_is_missing_is_answered_with_the_services_that_are_there(module: Callable[[str, str], None]) -> None:
    module("shop", SERVICE + "other, number = app, 7\n")

    assert failure("shop:ap") == "Error: shop has no ap; there is shop:app, shop:other"
    assert failure("shop:number") == "Error: shop:number is no Service but of type int; there is shop:other, shop:app"


def test_a_module_without_services_is_told_how_to_declare_one(module: Callable[[str, str], None]) -> None:
    module("shop", "")

    assert failure("shop:app") == 'Error: shop has no app; a service is declared with app = Service("com.example.name")'


@pytest.mark.parametrize("command", [["reader"], ["log"], ["census"], ["problems"]])
def test_a_url_in_the_place_of_a_service_is_refused_and_not_repeated(command: list[str]) -> None:
    result = CliRunner().invoke(main, ["parameters", *command, "https://ann:secret@example.com/parameters.git"])

    assert result.exit_code == 2
    assert "the URI of a service is expected" in result.stderr
    assert "secret" not in result.output + result.stderr
