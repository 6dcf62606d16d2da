"""`deltamesh status`: the components of a mesh, and how they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text
from twisted.internet.task import deferLater

from deltamesh.cli.arguments import service_name
from deltamesh.cli.control import STATUS
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.operation.autoscale import METRICS
from deltamesh.operation.status import Status, listen
from deltamesh.uris import ServiceURIs

QUIET: Final = 0.4
LONGEST: Final = 2.5
"""Components are heard until none has said anything new for so long, and for so long at most [s]."""

SNAPSHOT: Final = ".shared.snapshot"

WIDTH: Final = 160
"""Columns where there is no terminal."""

COLUMNS: Final = ("name", "state", "instances", "lag", "sessions", "cpu", "revision", "memory", "term", "restarts", "up", "process")
"""What is shown of a component, the most important first: in a narrow terminal the last ones are left out."""

NEEDED: Final = 11
"""Columns of a terminal that one of these takes, on average."""

WRONG: Final = "red"
"""How a component is shown that is not as it should be."""


@click.command()
@click.argument("services", metavar="SERVICE...", type=service_name, nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one object, also in a terminal.")
@router_options
def status(router: Router, services: tuple[str, ...], as_json: bool) -> None:
    """
    Show the components of the mesh: what they do, where they stand, and how much they have to do.

    SERVICE is a URI, or an application's MODULE:ATTRIBUTE; without any, all services that are led or run here. Exit code 1: of one that
    is named there is no component.
    """
    found = router.ask(lambda connection: look(connection, services))
    absent = [each["service"] for each in found["services"] if not each["components"]]
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif len(absent) < len(found["services"]):
        _print({**found, "services": [each for each in found["services"] if each["components"]]})
    if absent:
        raise CommandFailed(f"nothing is heard of {', '.join(absent)}: is its name right, and does any of its components run?")


def _print(found: Mapping[str, Any]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    for part in drawn(found, console.width):
        console.print(part, soft_wrap=isinstance(part, Text))


async def look(connection: Connection, services: Sequence[str]) -> dict[str, Any]:
    """
    Return {router, services}. Of a service: {service, revision, epoch, load, components}; see `component` and `load_of`.

    Raises:
        CommandFailed: no service is named, and there is none.
        DeltameshError: no service is named, and the router does not let us see which there are.
    """
    refusals: list[DeltameshError] = []
    figures = await _answer(connection, METRICS, refusals)
    running = await _answer(connection, STATUS, refusals)
    programs: list[dict[str, Any]] = [] if running is None else running["programs"]
    if not services:
        known = [] if running is None else list(running["services"])
        rows = [] if figures is None else figures["procedures"]
        led = [row["uri"].removesuffix(SNAPSHOT) for row in rows if row["uri"].endswith(SNAPSHOT) and row["callees"]]
        services = list(dict.fromkeys([*known, *led]))
    if not services and refusals:
        raise refusals[0]
    if not services:
        raise CommandFailed(f"no service is led at the router at {connection.url}: start one with `deltamesh run APP`, or name it")
    heard = await hear(connection, services)
    return {
        "router": None if figures is None else router_of(figures, programs),
        "services": [described(service, heard[service], programs, figures) for service in services],
    }


async def _answer(connection: Connection, procedure: str, refusals: list[DeltameshError]) -> Any:
    """Return what a procedure answers; None if it is not there, as not in every mesh, or not for us, which is added to `refusals`."""
    try:
        return await connection.call(procedure)
    except DeltameshError as error:
        if error.uri == "wamp.error.not_authorized":
            refusals.append(error)
        elif error.uri != "wamp.error.no_such_procedure":
            raise
        return None


async def hear(connection: Connection, services: Sequence[str]) -> dict[str, list[Status]]:
    """Return what the components of each service say of themselves when they are asked."""
    heard: dict[str, dict[tuple[str, int, str], Status]] = {service: {} for service in services}
    clock = connection.reactor.seconds
    last = clock()

    def note(service: str, status: Status) -> None:
        nonlocal last
        who = status.host, status.pid, status.name
        if who not in heard[service]:
            last = clock()
        heard[service][who] = status

    for service in services:
        uris = ServiceURIs(service)
        await listen(connection, uris, lambda status, service=service: note(service, status))  # type: ignore[misc]
        connection.publish(uris.status_wanted)
    begun = last = clock()
    while clock() < min(last + QUIET, begun + LONGEST):
        await deferLater(connection.reactor, QUIET / 10, lambda: None)
    order = {"leader": 0, "follower": 1}
    return {
        service: sorted(by.values(), key=lambda each: (order.get(each.kind, 2), each.state != "leads", len(each.name), each.name))
        for service, by in heard.items()
    }


def router_of(figures: Mapping[str, Any], programs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is known of the router."""
    restarts = next((each["restarts"] for each in programs if each["program"] == "router"), None)
    process = figures["process"]
    return {
        "sessions": figures["sessions"],
        "memory": process["resident_bytes"],
        "cpu_seconds": process["cpu_seconds"],
        "pending_bytes": figures["pending_bytes"],
        "restarts": restarts,
    }


def described(
    service: str, heard: Sequence[Status], programs: Sequence[Mapping[str, Any]], figures: Mapping[str, Any] | None
) -> dict[str, Any]:
    """
    Return one service: what its components say, and those that the supervisor knows of and that say nothing.

    `lag` is how many revisions a component is behind the one that leads; None if that is of another epoch, or not there.
    """
    leader = next((each for each in heard if each.state == "leads"), None)
    position = None if leader is None else leader.position
    by_pid = {each["pid"]: each for each in programs if each["service"] == service}
    components = [component(each, position, by_pid.pop(each.pid, None)) for each in heard]
    silent = [missing(each) for each in by_pid.values()]
    return {
        "service": service,
        "epoch": None if position is None else position[0],
        "revision": None if position is None else position[1],
        "load": load_of(ServiceURIs(service), figures),
        "components": components + silent,
    }


def component(status: Status, leader: tuple[str, int] | None, program: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return one component as JSON."""
    here = status.position
    lag = leader[1] - here[1] if leader is not None and here is not None and leader[0] == here[0] else None
    wire = msgspec.to_builtins(status)
    return {**wire, "lag": None if lag is None else max(0, lag), "restarts": None if program is None else program["restarts"]}


def missing(program: Mapping[str, Any]) -> dict[str, Any]:
    """Return a component that says nothing, as its supervisor knows it, in the same shape."""
    name = program["program"].rpartition(".")[2]
    state = program["state"] if program["state"] != "ready" else "silent"
    known = {"kind": program["kind"], "name": name, "state": state, "pid": program["pid"], "restarts": program["restarts"]}
    return {**dict.fromkeys([*Status.__struct_fields__, "lag"]), **known, "error": program["error"]}


def load_of(uris: ServiceURIs, figures: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the slots of `open` and `read` at the router: {in_flight, waiting, capacity}; None if the router does not say."""
    if figures is None:
        return None
    rows = [row for row in figures["procedures"] if row["uri"] in (uris.open, uris.read)]
    capacities = [row["capacity"] for row in rows]
    return {
        "in_flight": sum(row["in_flight"] for row in rows),
        "waiting": sum(row["waiting"] for row in rows),
        "capacity": None if None in capacities else sum(capacities),
    }


def drawn(found: Mapping[str, Any], width: int) -> list[Text | Table]:
    """Return what to print on so many columns: a line for the router, and for each service a line and a table."""
    parts: list[Text | Table] = []
    router = found["router"]
    if router is not None:
        sessions = ", ".join(f"{number} {role}" for role, number in sorted(router["sessions"].items()) if number)
        again = "" if router["restarts"] is None else f" · restarts {router['restarts']}"
        parts.append(Text(f"router · sessions: {sessions or 'none'} · {_size(router['memory'])}{again}"))
    for service in found["services"]:
        has_position = service["revision"] is not None
        needs_no_leader = {each["kind"] for each in service["components"]} == {"worker"}
        where = "workers only" if needs_no_leader else "nobody leads"
        where = f"revision {service['revision']} of epoch {service['epoch']}" if has_position else where
        load = service["load"]
        calls = "" if load is None else f" · calls: {load['in_flight']} of {load['capacity']} slots, {load['waiting']} wait"
        parts.append(Text(f"\n{service['service']} · {where}{calls}", style="bold" if has_position or needs_no_leader else WRONG))
        parts.append(_table(service["components"], COLUMNS[: max(6, width // NEEDED)]))
    return parts


def _table(components: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, justify="left" if name in ("name", "state", "process") else "right", no_wrap=True)
    for each in components:
        cells = _cells(each)
        table.add_row(*[cells[name] for name in columns])
    return table


def _cells(each: Mapping[str, Any]) -> dict[str, str | Text]:
    """Return what is shown of a component, by column."""
    follows = each["kind"] == "follower"
    is_right = each["state"] in ("leads", "standby", "serves", "reads")
    process = f"{each['host'] or ''} {each['pid'] or ''}".strip()
    return {
        "name": each["name"],
        "state": Text(each["state"], style="" if is_right else WRONG),
        "revision": "" if each["position"] is None else str(each["position"][1]),
        "lag": _number(each["lag"]),
        "instances": _number(each["instances"]) if follows else "",
        "sessions": _number(each["sessions"]) if follows else "",
        "cpu": "" if each["cpu"] is None else f"{each['cpu']:.0%}",
        "memory": "" if each["memory"] is None else _size(each["memory"]),
        "term": _number(each["term"]),
        "restarts": _number(each["restarts"]),
        "up": "" if each["uptime"] is None else _duration(each["uptime"]),
        "process": f"{process} · {each['error']}" if each.get("error") else process,
    }


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _size(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
