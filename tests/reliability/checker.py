"""The comparison at the end: what the journal holds, what follows from it, and what writers were told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from deltamesh.application.transaction import Caller
from deltamesh.follower.instances import Instances
from deltamesh.journal import open_journal
from deltamesh.leader.shared import SharedGraph
from deltamesh.stream import Position
from deltamesh.values import freeze, plain_key
from tests.reliability.application import app
from tests.reliability.truth import Truth

Entries = Sequence[tuple[Any, Sequence[Any]]]


def check_journal(url: str, truth: Truth) -> None:
    """Compare with what the journal at `url` holds. Nobody else may have it open."""
    journal = open_journal(url, app.uris.prefix)
    try:
        recovered = journal.recover()
        check_content(recovered.position, recovered.entries, truth)
    finally:
        journal.close()


def check_content(position: Position, entries: Iterable[tuple[str, Entries]], truth: Truth) -> None:
    """Compare the inputs at the end, and what is computed from them from scratch, with what writers were told."""
    if position != Position(truth.epoch or position.epoch, truth.last):
        kind = "epoch" if position.epoch != truth.epoch else "lost" if position.revision < truth.last else "twice"
        truth.violated(kind, f"the journal is at {position}, the last acknowledged write at revision {truth.last} of {truth.epoch}")
    shared = SharedGraph(app, position)
    inputs: dict[str, dict[Any, Sequence[Any]]] = {name: {} for name in app.inputs}
    for name, batch in entries:
        shared.load({name: batch})
        inputs[name].update({freeze(key): values for key, values in batch})
    _compare(inputs, truth)
    _compare_views(shared, truth)


def _compare(inputs: dict[str, dict[Any, Sequence[Any]]], truth: Truth) -> None:
    written = {(writer, number) for writer, revisions in truth.revisions.items() for number in range(1, len(revisions) + 1)}
    for entry in sorted(written - inputs["ledger"].keys()):
        truth.violated("lost", f"the ledger has no write {entry[1]} of writer {entry[0]}, which was acknowledged")
    for entry in sorted(inputs["ledger"].keys() - written):
        truth.violated("twice", f"the ledger has write {entry[1]} of writer {entry[0]}, which was never acknowledged")
    for writer, revisions in truth.revisions.items():
        [count] = inputs["counts"].get(writer, [0])
        if count != len(revisions):
            kind = "twice" if count > len(revisions) else "lost"
            truth.violated(kind, f"writer {writer} has {len(revisions)} acknowledged writes, the journal counts {count}")


def _compare_views(shared: SharedGraph, truth: Truth) -> None:
    """What a follower shows of this journal from scratch has to be true, as what readers have shown has to be."""
    snapshot = shared.snapshot(1 << 30)
    instances = Instances(app, lambda: "topic")
    instances.replace("".join(snapshot.texts), snapshot.position)
    highest = max(truth.revisions, default=0)
    identity, describe = app.instantiate("accounts", {"first": 0, "last": highest}, Caller())
    watch = instances.open(identity, describe, 0.0).watch
    found = [(plain_key(key), list(values.one())) for key, values in watch.entries()]
    expected = truth.accounts(0, highest, truth.last)
    if found != expected:
        truth.violated("state", f"from scratch the journal comes to {found}, which is to be {expected}")
    for difference in shared.graph.audit():
        truth.violated("state", f"the graph contradicts its inputs: {difference}")
