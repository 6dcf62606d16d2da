"""
A small application whose content says of itself whether it ever was: after write `n` all of it is known from `n`.

Write `n` sets the clock and one of the cells to `n`, in one transaction. So what a client shows at a revision can be computed.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from deltamesh import TOP, Role, Service, Sum

SIZE = 24
"""Cells."""


def marked(cell, values):
    written = values.one()
    yield cell, {"written": written, "check": written * 1000 + cell}


def of_parity(cell, values, parity):
    if cell % 2 == parity:
        yield parity, values.one()["written"]


def to_total(cell, values):
    yield "total", values.one()


def tagged(key, values, tag):
    yield [tag, key], values.one()


def copied(key, values):
    for number in range(4):
        yield [key, number], values.one()


def checked(key, values):
    if values.one() == "bad":
        raise ValueError("this entry is bad")
    yield key, values.one()


def made(uri: str, on_error: Any = "skip") -> Service:
    """Return the application under `uri`."""
    app = Service(uri, on_error=on_error)
    clock = app.input("clock")  # null -> n
    cells = app.input("cells")  # cell -> the last write of it
    texts = app.input("texts")  # anything
    fragile = app.input("fragile")  # key -> anything but "bad"

    @app.shared
    def graph():
        return {
            "clock": clock,
            "cells": cells.map(marked),
            "totals": cells.map_reduce(to_total, reducer=Sum),
            "texts": texts,
            "fragile": fragile.map(checked),
        }

    @app.resource
    def everything(shared):
        return shared.cells.map(tagged, "cell").merge(shared.clock.map(tagged, "clock"), shared.totals.map(tagged, "totals"))

    @app.resource
    def window(shared, start: int, end: Annotated[int, Meta(ge=0)]):
        return shared.cells.slice(start, end)

    @app.resource
    def sums(shared, parity: int):
        return shared.cells.map_reduce(of_parity, parity, reducer=Sum)

    @app.resource
    def words(shared, first: Any = None):
        return shared.texts.slice(first, TOP)

    @app.resource
    def copies(shared):
        return shared.texts.map(copied)

    @app.resource
    def whatever(shared):
        return shared.fragile

    @app.resource
    def mine(shared, caller):
        return shared.texts.prefix(caller.authrole)

    @app.resource
    def ours(shared, caller: Role):
        return shared.texts.prefix(caller)

    @app.resource
    def crashing(shared, how: str):
        if how == "error":
            raise app.error("no_such_view", how=how)
        return {"raise": lambda: 1 // 0, "wrong": lambda: 42}[how]()

    @app.action
    def put(tx, caller, key: Any, value: Any, crash: bool = False):
        tx.put(texts, key, value)
        if crash:
            raise RuntimeError("after a put")
        return {"was": len(tx.read(texts, key)), "details": caller.authrole}

    @app.action
    def look(tx, caller, details: str = ""):
        return {"clock": tx.one(clock, None, 0), "details": details}

    @app.action
    def refuse(tx, caller, reason: str):
        raise app.error("refused", f"no: {reason}", reason=reason)

    @app.action
    def boast(tx, caller, size: int):
        tx.put(texts, "boast", size)
        return "x" * size

    return app


app = made("com.example.mesh")


def cells_after(n: int) -> dict[int, int]:
    """Return the cells after write `n`: each with the last write of it, if there was one."""
    return {cell: last for cell in range(SIZE) if (last := n - (n - cell) % SIZE) > 0}


def changes(n: int) -> dict[str, Any]:
    """Return write `n`. It says everything, so that it can also follow upon nothing."""
    return {"clock": [(None, [n])], "cells": [(cell, [written]) for cell, written in cells_after(n).items()]}


def expected(resource: str, parameters: dict[str, Any], n: int) -> list[tuple[Any, Any]]:
    """Return what the resource shows after write `n`, as entries with their only values."""
    cells = cells_after(n)
    shown = {cell: {"written": written, "check": written * 1000 + cell} for cell, written in cells.items()}
    if resource == "window":
        return [(cell, value) for cell, value in shown.items() if parameters["start"] <= cell <= parameters["end"]]
    if resource == "sums":
        parity = parameters["parity"]
        written = [written for cell, written in cells.items() if cell % 2 == parity]
        return [(parity, sum(written))] if written else []
    assert resource == "everything"
    if n == 0:
        return []
    return [*((("cell", cell), value) for cell, value in shown.items()), (("clock", None), n), (("totals", "total"), sum(cells.values()))]
