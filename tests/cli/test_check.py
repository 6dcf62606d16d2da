"""`deltamesh check`: what it prints of a sound application, and what it says of others; and of the files of the router."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deltamesh.cli.command import main
from tests.cli.conftest import NodeDirectory
from tests.cli.running_command import POLL, deltamesh

HEAD = """\
from deltamesh import Count, Input, Service
from deltamesh.graph.collection import lazy
app = Service("com.example.shop")
orders = app.input("orders")
"""


def check(name: str) -> Result:
    return CliRunner().invoke(main, ["check", f"{name}:app"])


def test_a_sound_application_is_printed(module: Callable[[str, str], None]) -> None:
    by = '@app.resource\ndef by(shared, voter: str):\n  "What somebody voted."\n  return shared.votes.slice(voter, voter)\n'
    module("poll", f"{POLL}\n{by}")
    result = check("poll")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "com.example.poll",
        "├── inputs",
        "│   └── votes",
        "├── shared collections",
        "│   ├── ranking = map by_rank",
        "│   │   └── reduce Count",
        "│   │       └── map by_choice",
        "│   │           └── votes",
        "│   └── votes = votes",
        "├── resources",
        "│   ├── top(limit: int = 3)",
        "│   │   └── take 3",
        "│   │       └── ranking",
        "│   ├── how_many()",
        "│   │   └── size",
        "│   │       └── votes",
        "│   └── by(voter: str)  What somebody voted.",
        "└── actions",
        "    └── vote(voter: str, choice: str)",
        "sound: built 2 shared collections and 2 of 3 resources; without defaults: by",
    ]


def test_what_several_collections_are_made_from_is_printed_once(module: Callable[[str, str], None]) -> None:
    module("shop", HEAD + "def m(k, v): return []\n" + SHARED + "a = orders.map(m).size()\n  return {'a': a.map(m), 'b': a.take(1)}\n")
    lines = check("shop").stdout.splitlines()

    assert sum("size  as above" in line for line in lines) == 1
    assert sum("map m" in line for line in lines) == 2


SHARED = "@app.shared\ndef graph():\n  "

UNSOUND = {
    "not a dictionary": (SHARED + "return [orders]\n", "graph must return a dictionary of collections by name, not [<orders>]"),
    "not collections": (SHARED + "return {'a': 1}\n", "graph must return a dictionary of collections by name, not {'a': 1}"),
    "a bad name": (SHARED + "return {'A B': orders}\n", "'A B' cannot be the name of a shared collection"),
    "raises": (SHARED + "return {'a': orders.map(2)}\n", "graph cannot be made: shop.py:7: TypeError: a function is expected, not 2"),
    "an unknown input": (SHARED + "return {'a': Input('order')}\n", "shared collection a: no input is called 'order'; there are: orders"),
    "a mapper that takes too little": (
        "def m(key): ...\n" + SHARED + "return {'a': orders.map(m)}\n",
        "shared collection a: orders.map(m): the function takes (key), and is called with (key, values): too many positional arguments",
    ),
    "a mapper that takes too much, inside a pipeline": (
        "def m(key, values, users): ...\n" + SHARED + "return {'a': orders.map(m, 1, 2).reduce(Count).take(3)}\n",
        "shared collection a: orders.map(m): the function takes (key, values, users), and is called with (key, values) and 2 extra: ",
    ),
    "an async mapper": (
        "async def m(key, values): ...\n" + SHARED + "return {'a': orders.map(m)}\n",
        "shared collection a: orders.map(m): an async function cannot be part of the graph, which never waits",
    ),
    "a lazy function": (
        "def m(k, v, l): return []\ndef f(key): ...\n" + SHARED + "return {'a': orders.map(m, lazy(f))}\n",
        "shared collection a: lazy(f): the function takes (key), and is called with (key, itself): ",
    ),
    "a resource of an unknown collection": (
        "@app.resource\ndef top(shared):\n  return shared.order\n",
        "resource top: no collection is called 'order'; there are: orders",
    ),
    "a resource that raises": (
        "@app.resource\ndef top(shared):\n  return shared.orders.take(-1)\n",
        "resource top: top raised ValueError: take() needs a number of keys, an integer >= 0, not -1 (shop.py:7)",
    ),
    "a resource that is no collection": (
        "@app.resource\ndef top(shared):\n  return 1\n",
        "resource top: top raised TypeError: a resource returns a collection, not 1",
    ),
    "a resource on an input": (
        SHARED + "return {'a': orders}\n@app.resource\ndef top(shared):\n  return orders\n",
        "resource top: no input is called 'orders'; there are: a",
    ),
    "a resource with a bad mapper": (
        "@app.resource\ndef top(shared, limit: int = 2):\n  return shared.orders.map(lambda key: [])\n",
        "resource top: orders.map(<lambda>): the function takes (key), and is called with (key, values): ",
    ),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_an_unsound_application_is_one_line(module: Callable[[str, str], None], case: str) -> None:
    text, expected = UNSOUND[case]
    module("shop", HEAD + text)
    result = check("shop")

    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert expected in line


def test_a_resource_may_ask_who_calls(module: Callable[[str, str], None]) -> None:
    module("shop", HEAD + "@app.resource\ndef mine(shared, caller):\n  return shared.orders.prefix(caller.authid)\n")

    assert "built 1 shared collections and 1 of 1 resources" in check("shop").stdout


@pytest.mark.slow
def test_the_files_of_the_router_are_checked(node: NodeDirectory) -> None:
    done = deltamesh("check", cwd=node.folder)
    config, settings = node.folder / ".crossbar" / "config.json", node.folder / "router" / "router.toml"

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"sound: {config} (http://127.0.0.1:{node.port}/ unix:{node.folder}/.crossbar/mesh.sock)",
        f"sound: every setting has its default, since there is no {settings}",
    ]


@pytest.mark.slow
def test_an_application_and_the_files_of_the_router_are_checked_together(node: NodeDirectory) -> None:
    (node.folder / "some.toml").write_text("[insight]\nport = 8081\n[roles.browsr]\nmax_calls = 1")
    done = deltamesh("check", "poll:app", "--settings", "some.toml", cwd=node.folder)
    lines = done.stdout.splitlines()

    assert done.returncode == 0
    assert lines[0] == "com.example.poll"
    assert lines[-3].startswith("sound: built 2 shared collections")
    assert lines[-1] == (
        f"sound: {node.folder}/some.toml (0 rules for calls, limits of 1 roles, http://127.0.0.1:8081/metrics)"
    )
    assert done.stderr == (
        f"warning: {node.folder}/some.toml: roles.browsr is of no effect, the node has no such role:"
        " it has administrator, browser, component\n"
    )


@pytest.mark.slow
def test_both_files_of_the_router_can_be_wrong(node: NodeDirectory) -> None:
    (node.folder / ".crossbar" / "config.json").write_text("{")
    (node.folder / "router").mkdir()
    (node.folder / "router" / "router.toml").write_text("[[calls]]\nuri = 1")
    done = deltamesh("check", cwd=node.folder)
    config, settings = done.stderr.splitlines()

    assert (done.returncode, done.stdout) == (1, "")
    assert config.startswith(f"error: {node.folder}/.crossbar/config.json is not a valid node configuration: ")
    assert settings == "error: router/router.toml: calls[0].uri is 1: write text in quotes"


@pytest.mark.slow
def test_a_wrong_application_is_told_before_the_router_is_looked_at(node: NodeDirectory) -> None:
    done = deltamesh("check", "poll:nothing", cwd=node.folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: poll has no nothing; there is poll:app\n"


def test_without_an_application_there_must_be_a_node_directory(tmp_path: Path) -> None:
    done = deltamesh("check", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: there is no node directory {tmp_path}/.crossbar: ")
