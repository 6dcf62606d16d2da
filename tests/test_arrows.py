"""
Imports go down only, the pure rooms stay pure, and the two source roots do not know each other.

The rules are those of docs/architecture.md. They are read from the source, so a module that nothing imports is checked too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = {"deltamesh": ROOT / "components", "deltamesh_router": ROOT / "router"}

COMPONENTS = {"leader", "follower", "working"}
"""Rooms that know nothing of each other: they meet on the wire."""

LAYERS = {
    "deltamesh": [
        {"values", "errors", "uris"},
        {"graph"},
        {"stream"},
        {"application"},
        {"journal"},
        {"connection"},
        {"client", "operation"},
        COMPONENTS,
        {"parameters"},
        {"cli", "__main__"},
    ],
    "deltamesh_router": [
        {"settings", "uris", "memory", "replacement", "debugtext", "ticketfile"},
        {"queue", "insight", "wire"},
        {"calls"},
        {"events"},
        {"sessions"},
        {"router"},
        {"worker"},
        {"personality"},
        {"node"},
        {"__main__"},
    ],
}
"""The rooms of each package, lowest first. A module imports from its own layer and from those before it."""

PURE = (
    *("deltamesh.values", "deltamesh.errors", "deltamesh.uris", "deltamesh.graph", "deltamesh.stream"),
    *("deltamesh.parameters.text", "deltamesh.parameters.content"),
    "deltamesh_router.queue",
)

IMPURE = {
    *("twisted", "autobahn", "crossbar", "txaio", "zope"),  # somebody else's event loop
    *("asyncio", "threading", "multiprocessing", "concurrent", "queue", "selectors", "signal"),  # or our own
    *("socket", "ssl", "subprocess", "os", "io", "pathlib", "sqlite3", "tempfile"),  # the world outside
    *("time", "datetime", "random", "secrets", "uuid"),  # clock and chance
    *("logging", "warnings"),  # talking to somebody other than the caller
}


def modules(package: str) -> dict[str, Path]:
    """Return the file of each module of `package`, by dotted name."""
    root = ROOTS[package]
    files = sorted((root / package).rglob("*.py"))
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(name: str, tree: ast.AST, *, is_package: bool) -> Iterator[str]:
    """Yield the dotted names that the module `name` imports, anywhere in its text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = name.split(".")
            base = here[: len(here) - node.level + is_package] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def imports_of(package: str) -> list[tuple[str, str]]:
    """Return all pairs of importing module and imported name."""
    return [
        (name, target)
        for name, file in modules(package).items()
        for target in imported(name, ast.parse(file.read_text()), is_package=file.name == "__init__.py")
    ]


def room(module: str) -> str:
    """Return the first part below the package: "graph" for "deltamesh.graph.map.MapNode"."""
    return module.split(".")[1]


def layer(module: str) -> int:
    """Return the number of the layer that a module stands in, and fail if it stands in none."""
    (number,) = [number for number, names in enumerate(LAYERS[module.split(".", maxsplit=1)[0]]) if room(module) in names]
    return number


@pytest.mark.parametrize("package", LAYERS)
def test_imports_go_down_only(package: str) -> None:
    rising = [
        f"{name} imports {target}"
        for name, target in imports_of(package)
        if name != package and target.startswith(f"{package}.") and layer(target) > layer(name)
    ]

    assert rising == []


def test_components_do_not_import_each_other() -> None:
    known = [
        f"{name} imports {target}"
        for name, target in imports_of("deltamesh")
        if name != "deltamesh" and room(name) in COMPONENTS
        if target.startswith("deltamesh.") and room(target) in COMPONENTS - {room(name)}
    ]

    assert known == []


def test_modules_name_where_a_thing_is_defined() -> None:
    """The package itself imports from all layers, so a module that imports a name from it could import anything."""
    rooms = {room(name) for name in modules("deltamesh") if name != "deltamesh"}
    from_the_top = [
        f"{name} imports {target}"
        for name, target in imports_of("deltamesh")
        if name != "deltamesh" and (target == "deltamesh" or (target.startswith("deltamesh.") and room(target) not in rooms))
    ]

    assert from_the_top == []


def test_pure_rooms_know_no_clock_no_chance_and_no_network() -> None:
    impure = [
        f"{name} imports {target}"
        for package in ROOTS
        for name, target in imports_of(package)
        if any(f"{name}.".startswith(f"{pure}.") for pure in PURE) and target.split(".")[0] in IMPURE
    ]

    assert impure == []


@pytest.mark.parametrize(("package", "other"), [("deltamesh", "deltamesh_router"), ("deltamesh_router", "deltamesh")])
def test_router_and_components_meet_on_the_wire_only(package: str, other: str) -> None:
    assert modules(package)

    assert [name for name, target in imports_of(package) if target.split(".")[0] == other] == []


def test_importing_the_package_starts_no_event_loop() -> None:
    """Twisted's reactor is chosen by whoever imports it first: that is the command line's business."""
    code = "import sys, deltamesh; sys.exit('twisted.internet.reactor' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_relative_and_nested_imports_are_seen() -> None:
    """The reading itself: what this file relies on."""
    text = "import a.b\nfrom . import c\nfrom ..d import e\ndef f():\n    from g import h"

    assert list(imported("p.q.r", ast.parse(text), is_package=False)) == ["a.b", "p.q.c", "p.d.e", "g.h"]
    assert list(imported("p.q", ast.parse("from .r import s"), is_package=True)) == ["p.q.r.s"]
