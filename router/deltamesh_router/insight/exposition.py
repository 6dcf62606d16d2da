"""
Writes figures as text for Prometheus: the exposition format 0.0.4. Pure.

The official client library takes ten times as long, in the process that routes: with a thousand procedures it would hold up all
messages for half a second at each look. The tests read with the official library what is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from deltamesh_router.insight.figures import Figures, HistogramFigures
from deltamesh_router.insight.metrics import BOUNDS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """One metric: `key` is where its value stands in the figures; with a `label`, there is one for each value of this label."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    key: str
    label: str | None = None


OF_PROCEDURES: Final = (
    Metric("deltamesh_router_calls_total", "counter", "Calls that came for the procedure.", "calls"),
    Metric("deltamesh_router_errors_total", "counter", "Calls that were answered with an error.", "errors", "error"),
    Metric("deltamesh_router_queue_waiting", "gauge", "Calls that wait for a callee.", "waiting"),
    Metric("deltamesh_router_queue_wait_seconds", "histogram", "From when a call came until a callee was given it.", "wait"),
    Metric("deltamesh_router_run_seconds", "histogram", "From when a callee was given a call until it answered.", "run"),
    Metric("deltamesh_router_in_flight", "gauge", "Calls at callees: slots that are taken.", "in_flight"),
    Metric("deltamesh_router_callees", "gauge", "Callees of the procedure.", "callees"),
    Metric("deltamesh_router_capacity", "gauge", "Slots of all callees of the procedure together.", "capacity"),
)
"""Labels: realm, procedure, match."""

OF_REALMS: Final = (
    Metric("deltamesh_router_unregistered_calls_total", "counter", "Calls of what nobody has registered.", "unregistered_calls"),
    Metric("deltamesh_router_events_published_total", "counter", "Events that came to be published.", "events_published"),
    Metric("deltamesh_router_events_delivered_total", "counter", "Events that were sent to a subscriber.", "events_delivered"),
    Metric("deltamesh_router_messages_received_total", "counter", "WAMP messages that came.", "messages_received", "type"),
    Metric("deltamesh_router_messages_sent_total", "counter", "WAMP messages that were sent.", "messages_sent", "type"),
    Metric("deltamesh_router_sessions", "gauge", "Sessions that are joined.", "sessions", "role"),
    Metric("deltamesh_router_sessions_refused_total", "counter", "Sessions that were one too many.", "sessions_refused"),
    Metric("deltamesh_router_pending_bytes", "gauge", "Bytes that wait for readers.", "pending_bytes"),
    Metric("deltamesh_router_slow_readers_closed_total", "counter", "Sessions closed as too much waited.", "slow_readers_closed"),
    Metric("deltamesh_router_silent_sessions_closed_total", "counter", "Sessions closed as nothing came.", "silent_sessions_closed"),
)
"""Label: realm."""

OF_PROCESS: Final = (
    Metric("process_cpu_seconds_total", "counter", "Processor time of the process that routes.", "cpu_seconds"),
    Metric("process_resident_memory_bytes", "gauge", "Resident memory of the process that routes.", "resident_bytes"),
    Metric("process_virtual_memory_bytes", "gauge", "Virtual memory of the process that routes.", "virtual_bytes"),
    Metric("process_open_fds", "gauge", "Open files and connections.", "open_files"),
    Metric("process_max_fds", "gauge", "Files and connections that may be open.", "max_files"),
    Metric("process_start_time_seconds", "gauge", "When the process was started, as Unix time.", "started"),
)


def exposition(realms: Sequence[Figures], process: dict[str, float]) -> bytes:
    """
    Return the text of everything.

    Args:
        realms: the figures of each realm.
        process: the numbers of this process, by the keys of `OF_PROCESS`.

    Cost: about 1 µs for a line; there are 45 lines for a procedure that is called.
    """
    procedures = [
        (_labels(realm=figures["realm"], procedure=row["uri"], match=row["match"]), row)
        for figures in realms
        for row in figures["procedures"]
    ]
    lines: list[str] = []
    for metric in OF_PROCEDURES:
        _family(lines, metric, procedures)
    for metric in OF_REALMS:
        _family(lines, metric, [(_labels(realm=figures["realm"]), figures) for figures in realms])
    for metric in OF_PROCESS:
        _family(lines, metric, [("", process)])
    lines.append("")
    return "\n".join(lines).encode()


def _family(lines: list[str], metric: Metric, rows: Sequence[tuple[str, Any]]) -> None:
    """Append all lines of a metric; a row is the labels that its lines have in common, and a mapping that has the value."""
    name, key = metric.name, metric.key
    lines += (f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}")
    if metric.kind == "histogram":
        for inside, row in rows:
            if row[key]["count"]:  # most procedures of a router are never called, and a histogram is many lines
                lines += _histogram(name, inside, row[key])
    elif metric.label is not None:
        for inside, row in rows:
            lines += [f"{name}{{{inside},{_labels(**{metric.label: value})}}} {number}" for value, number in row[key].items()]
    else:
        lines += [f"{name}{{{inside}}} {_number(row[key])}" if inside else f"{name} {row[key]}" for inside, row in rows]


def _labels(**values: str) -> str:
    return ",".join([f'{name}="{_escape(value)}"' for name, value in values.items()])


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float | None) -> str:
    return "+Inf" if value is None else str(value)


_ENDS: Final = [f',le="{_number(bound)}"}} ' for bound in (*BOUNDS, None)]
"""What stands in the line of a bucket between the other labels and the number."""


def _histogram(name: str, inside: str, histogram: HistogramFigures) -> list[str]:
    start = f"{name}_bucket{{{inside}"
    lines = [f"{start}{end}{number}" for end, (_, number) in zip(_ENDS, histogram["buckets"], strict=True)]
    lines += (f"{name}_sum{{{inside}}} {histogram['sum']}", f"{name}_count{{{inside}}} {histogram['count']}")
    return lines
