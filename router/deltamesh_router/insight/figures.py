"""Reads what has been counted, as one JSON structure: what `/metrics` shows, and what the procedure `mesh.metrics` returns."""

from __future__ import annotations

import math
import resource
from collections.abc import Callable
from typing import Any, Final, TypedDict

import psutil  # type: ignore[import-untyped]  # Crossbar.io needs it as well
from autobahn.wamp.message import Call

from deltamesh_router.insight.metrics import OTHER, CallCounts, Histogram

PROCEDURE: Final = "mesh.metrics"

ANY_MATCH: Final = "any"
"""The match of the row that stands for all procedures without one of their own. No registration has it."""


class HistogramFigures(TypedDict):
    """How often something took how long."""

    count: int
    sum: float
    """All together [s]."""
    buckets: list[tuple[float | None, int]]
    """A bound [s], and how many took at most so long; None is the bound of all."""


class ProcedureFigures(TypedDict):
    """One procedure; the counts are since the start of the router, and go on when it is registered again."""

    uri: str
    """As it was registered, which for a pattern is not what was called."""
    match: str
    calls: int
    errors: dict[str, int]
    """URI of the error -> calls that were answered with it."""
    wait: HistogramFigures
    run: HistogramFigures
    waiting: int
    in_flight: int
    callees: int
    capacity: int | None
    """None: at least one callee has no limit."""


class Figures(TypedDict):
    """One realm."""

    realm: str
    procedures: list[ProcedureFigures]
    unregistered_calls: int
    events_published: int
    events_delivered: int
    messages_received: dict[str, int]
    messages_sent: dict[str, int]
    """Type of WAMP message -> how many."""
    sessions: dict[str, int]
    """Role -> how many."""
    sessions_refused: int
    pending_bytes: int
    slow_readers_closed: int
    silent_sessions_closed: int


def metrics(router: Any) -> Callable[[Any, Call], dict[str, Any]]:
    """Return the procedure: the figures of the realm of `router`, and under `process` those of the process."""
    return lambda session, call: {**realm_figures(router), "process": process_figures()}


def realm_figures(router: Any) -> Figures:
    """Return the figures of the realm of `router`, a `router.Router`."""
    dealer, broker, admission, outbound = router._dealer, router._broker, router.admission, router.outbound
    messages = router._message_stats
    return {
        "realm": router.realm,
        "procedures": procedure_figures(dealer),
        "unregistered_calls": dealer.num_unregistered_calls,
        "events_published": broker.num_published,
        "events_delivered": broker.num_delivered,
        "messages_received": dict(messages["received"]),
        "messages_sent": dict(messages["sent"]),
        "sessions": admission.sessions(router),
        "sessions_refused": admission.num_refused[router.realm],
        "pending_bytes": outbound.pending(router.realm),
        "slow_readers_closed": outbound.num_closed[router.realm],
        "silent_sessions_closed": router.heartbeats.num_closed[router.realm],
    }


def procedure_figures(dealer: Any) -> list[ProcedureFigures]:
    """Return the procedures that a dealer knows, or has known, in the order of their URIs."""
    rows = {(uri, match): procedure_row(uri, match, counts) for (uri, match), counts in dealer.ledger.rows.items()}
    other = procedure_row(OTHER, ANY_MATCH, dealer.ledger.other)
    for registration, queue in dealer.queues.values():
        row = rows.get((registration.uri, registration.match), other)
        row["waiting"] += queue.waiting
        row["in_flight"] += queue.in_flight
        row["callees"] += len(registration.observers)
        row["capacity"] = None if row["capacity"] is None or queue.capacity is None else row["capacity"] + queue.capacity
    has_other = other["calls"] or other["callees"]
    return [*[rows[row] for row in sorted(rows)], *([other] if has_other else [])]


def procedure_row(uri: str, match: str, counts: CallCounts) -> ProcedureFigures:
    """Return the figures of a procedure that has no queue now."""
    return {
        "uri": uri,
        "match": match,
        "calls": counts.calls,
        "errors": dict(counts.errors.counts),
        "wait": _histogram(counts.wait),
        "run": _histogram(counts.run),
        "waiting": 0,
        "in_flight": 0,
        "callees": 0,
        "capacity": 0,
    }


def _histogram(histogram: Histogram) -> HistogramFigures:
    buckets = histogram.cumulative()
    return {
        "count": buckets[-1][1],
        "sum": histogram.sum,
        "buckets": [(None if bound == math.inf else bound, number) for bound, number in buckets],
    }


def process_figures() -> dict[str, float]:
    """Return the numbers of this process: times [s], memory [B], files."""
    process = psutil.Process()
    with process.oneshot():
        memory, times = process.memory_info(), process.cpu_times()
        return {
            "cpu_seconds": times.user + times.system,
            "resident_bytes": memory.rss,
            "virtual_bytes": memory.vms,
            "open_files": process.num_fds(),
            "max_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "started": process.create_time(),
        }
