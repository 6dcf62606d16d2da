"""`deltamesh scale` and `deltamesh status`: what can be said, and what is answered. That nothing is lost meanwhile is in tests/mesh."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from deltamesh.cli.scale import parse, pending
from deltamesh.cli.scaling import range_of
from deltamesh.cli.status import described, drawn
from deltamesh.operation.status import Status
from tests.cli.conftest import NodeDirectory
from tests.cli.running_command import POLL, RunningCommand, deltamesh
from tests.running_router import configuration, free_port
from tests.wire_connection import WireConnection, error_of

S = "com.example.poll"


def test_words_of_the_command() -> None:
    assert parse(("follower=4",)) == (None, {"follower": 4})
    assert parse((S, "standby=0", "follower=2")) == (S, {"standby": 0, "follower": 2})
    assert parse(("follower=2", S)) == (S, {"follower": 2})


@pytest.mark.parametrize(
    "words", [(S,), (S, "com.example.other", "follower=1"), ("follower=",), ("follower=-1",), ("follower=1", "follower=2"), ("follower=²",)]
)
def test_other_words_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(click.BadParameter):
        parse(words)


def test_ranges() -> None:
    assert range_of("1..8") == (1, 8)
    for text in ("8", "0..3", "3..2", "1..99999", "1..300", "a..b", "1...2"):
        with pytest.raises(click.BadParameter):
            range_of(text)


def test_what_is_not_done_yet_is_named() -> None:
    programs = [
        {"program": "poll.follower1", "service": S, "state": "ready"},
        {"program": "poll.follower2", "service": S, "state": "starting"},
        {"program": "other.follower1", "service": "com.example.other", "state": "starting"},
        {"program": "router", "service": None, "state": "waiting to be started again"},
    ]

    assert pending(programs, [S]) == ["poll.follower2 is starting"]


def said(name: str, state: str, revision: int, pid: int, epoch: str = "e") -> Status:
    kind = "leader" if name.startswith("leader") else "follower"
    usual: dict[str, Any] = {"host": "here", "uptime": 1.0, "interval": 2.0, "cpu": 0.5, "memory": 1 << 20}
    return Status(kind=kind, name=name, state=state, position=(epoch, revision), pid=pid, **usual)


def program(name: str, pid: int | None, state: str = "ready", error: str | None = None) -> dict[str, Any]:
    return {"program": name, "service": S, "kind": "follower", "pid": pid, "state": state, "restarts": 3, "error": error}


def test_a_service_is_what_its_components_say_and_those_that_say_nothing() -> None:
    heard = [said("leader", "leads", 9, 1), said("follower1", "serves", 7, 2), said("follower2", "serves", 9, 3, epoch="former")]
    programs = [program("poll.follower1", 2), program("poll.follower3", 4), program("poll.follower4", None, "waiting", "no licence")]
    service = described(S, heard, programs, None)
    components = service["components"]

    assert (service["epoch"], service["revision"], service["load"]) == ("e", 9, None)
    assert [(each["name"], each["state"], each["lag"], each["restarts"]) for each in components] == [
        ("leader", "leads", 0, None),
        ("follower1", "serves", 2, 3),
        ("follower2", "serves", None, None),
        ("follower3", "silent", None, 3),
        ("follower4", "waiting", None, 3),
    ]
    assert components[-1]["error"] == "no licence"


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_most_important_columns_are_there_at_any_width(width: int) -> None:
    service = described(S, [said("leader", "leads", 9, 1)], [], None)
    *_, table = drawn({"router": None, "services": [service]}, width)
    titles = [column.header for column in table.columns]  # type: ignore[union-attr]

    assert titles[:5] == ["name", "state", "instances", "lag", "sessions"]
    assert len(titles) == {40: 6, 80: 7, 160: 12}[width]


class Mesh(NamedTuple):
    folder: Path
    port: int
    run: RunningCommand

    def status(self) -> dict[str, Any]:
        (service,) = json.loads(deltamesh("status", S, "--json", cwd=self.folder).stdout)["services"]
        return dict(service)

    def states(self) -> dict[str, str]:
        return {each["name"]: each["state"] for each in self.status()["components"]}

    def scale(self, *words: str) -> tuple[int, str]:
        done = deltamesh("scale", *words, cwd=self.folder)
        return done.returncode, (done.stdout or done.stderr).strip()

    def wait_for(self, component: str, text: str) -> dict[str, Any]:
        while True:
            record: dict[str, Any] = json.loads(self.run.wait_for(text))
            if record["component"] == component:
                return record


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder, port = tmp_path_factory.mktemp("mesh"), free_port()
    (folder / ".crossbar").mkdir()
    (folder / ".crossbar" / "config.json").write_text(json.dumps(configuration(port)))
    (folder / "poll.py").write_text(POLL)
    with RunningCommand("run", "poll:app", "--standby", "1", "--log", "json", cwd=folder) as running:
        running.wait_for('"text":"ready: http')
        yield Mesh(folder, port, running)


@pytest.mark.mesh
@pytest.mark.slow
def test_status_shows_who_leads_stands_by_and_serves(mesh: Mesh) -> None:
    states = mesh.states()
    table = deltamesh("status", cwd=mesh.folder).stdout

    terms = {each["state"]: each["term"] for each in mesh.status()["components"]}

    assert sorted(states) == ["follower1", "leader", "leader2"]
    assert terms["leads"] >= 1
    assert terms["standby"] is None
    assert sorted([states["leader"], states["leader2"]]) == ["leads", "standby"]
    assert states["follower1"] == "serves"
    assert f"\n{S} · revision 0 of epoch " in table
    assert [line.split()[:2] for line in table.splitlines()[-1:]] == [["follower1", "serves"]]
    assert (mesh.folder / ".crossbar" / "journal" / f"{S}.sqlite").exists()


@pytest.mark.mesh
@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("com.example.other", "follower=2"), f"com.example.other does not run here: what does is {S}"),
        (("follower=0",), "follower=0: a number from 1 to 256 is possible"),
        (("follower=2", "standby=99"), "standby=99: a number from 0 to 8 is possible"),
        (("com.example.other", "worker=2"), "'worker' cannot be scaled: what can is follower and standby"),
    ],
)
def test_what_cannot_be_is_one_line(mesh: Mesh, words: tuple[str, ...], reason: str) -> None:
    assert mesh.scale(*words) == (1, f"Error: {reason}")


@pytest.mark.mesh
@pytest.mark.slow
def test_a_service_that_nobody_knows_is_told_beside_those_that_are_there(mesh: Mesh) -> None:
    alone = deltamesh("status", "com.example.nope", cwd=mesh.folder)
    beside = deltamesh("status", "com.example.nope", S, cwd=mesh.folder)
    reason = "Error: nothing is heard of com.example.nope: is its name right, and does any of its components run?\n"

    assert (alone.returncode, alone.stdout, alone.stderr) == (1, "", reason)
    assert (beside.returncode, beside.stderr) == (1, reason)
    assert f"{S} · revision" in beside.stdout
    assert "nope" not in beside.stdout


@pytest.mark.mesh
@pytest.mark.slow
def test_who_may_not_see_is_told_so(mesh: Mesh) -> None:
    done = deltamesh("status", "--router", f"ws://127.0.0.1:{mesh.port}/ws", cwd=mesh.folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: wamp.error.not_authorized: ")


@pytest.mark.mesh
@pytest.mark.slow
def test_a_browser_may_neither_scale_nor_see_nor_say_a_status(mesh: Mesh) -> None:
    with WireConnection(f"ws://127.0.0.1:{mesh.port}/ws", origin=f"http://127.0.0.1:{mesh.port}") as browser:
        refused = [error_of(browser.call(uri)) for uri in ("deltamesh.run.scale", "deltamesh.run.status")]
        refused += [error_of(browser.subscribe(topic)) for topic in (f"{S}.status", f"{S}.status.wanted")]
        refused += [error_of(browser.publish(topic)) for topic in (f"{S}.status", f"{S}.status.wanted", f"{S}.follower.follower1.on_gone")]

    assert refused == ["wamp.error.not_authorized"] * 7


@pytest.mark.mesh
@pytest.mark.slow
def test_after_a_restart_of_the_router_the_mesh_can_be_scaled_and_who_leads_stays(mesh: Mesh) -> None:
    (router,) = [each for each in mesh.run.processes() if "crossbar-controller" in " ".join(each.cmdline())]
    router.send_signal(signal.SIGKILL)
    mesh.wait_for("router", "starting it again")
    mesh.wait_for("poll.follower1", "follower1 follows")
    leading = [name for name, state in mesh.states().items() if state == "leads"]
    grown = mesh.scale("follower=2", "standby=2")
    many = mesh.states()
    shrunk = mesh.scale(S, "follower=1", "standby=0")
    few = mesh.states()

    assert grown == (0, f"{S}: follower 1 → 2\n{S}: standby 1 → 2")
    assert shrunk == (0, f"{S}: follower 2 → 1\n{S}: standby 2 → 0")
    assert sorted(many.values()) == ["leads", "serves", "serves", "standby", "standby"]
    assert few == {leading[0]: "leads", "follower1": "serves"}


@pytest.mark.mesh
@pytest.mark.slow
def test_there_is_nothing_to_scale_without_run(poll: Any) -> None:
    done = deltamesh("scale", "follower=2", cwd=poll.folder, DELTAMESH_ROUTER=poll.url)
    status = json.loads(deltamesh("status", "--json", cwd=poll.folder, DELTAMESH_ROUTER=poll.url).stdout)
    (service,) = [each for each in status["services"] if each["service"] == S]

    assert done.returncode == 1
    assert done.stderr == "Error: no `deltamesh run` is at this router: start and stop components where they were started\n"
    assert [(each["name"], each["restarts"]) for each in service["components"]] == [("leader", None), ("first", None)]


@pytest.mark.mesh
@pytest.mark.slow
def test_without_a_name_each_service_is_scaled(node: NodeDirectory) -> None:
    other = "com.example.survey"
    (node.folder / "survey.py").write_text(POLL.replace(S, other))
    with RunningCommand("run", "poll:app", "survey:app", cwd=node.folder) as mesh:
        mesh.wait_for("| ready: http")
        done = deltamesh("scale", "follower=2", cwd=node.folder)
        one = deltamesh("scale", other, "follower=1", cwd=node.folder)
        mesh.interrupt()
        assert mesh.wait() == 0

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{S}: follower 1 → 2\n{other}: follower 1 → 2\n", "")
    assert (one.returncode, one.stdout) == (0, f"{other}: follower 2 → 1\n")


@pytest.mark.mesh
@pytest.mark.slow
def test_a_component_that_cannot_start_is_told_in_one_line(node: NodeDirectory) -> None:
    (node.folder / "poll.py").write_text(POLL + "\nimport sys\nif 'follower' in sys.argv:\n    raise ValueError('no licence')\n")
    with RunningCommand("run", "poll:app", cwd=node.folder) as mesh:
        line = mesh.wait_for("put that right")
        status = json.loads(deltamesh("status", "--json", cwd=node.folder).stdout)
        mesh.interrupt()
        assert mesh.wait() == 0

    assert line.startswith("poll.follower1 | error: ended with exit code 1, 3 times within ")
    assert line.endswith(
        "; it said 'Error: poll cannot be imported: poll.py:39: ValueError: no licence': put that right, starting it again in 2 s"
    )
    leader, follower = status["services"][0]["components"]
    assert (leader["state"], follower["name"], follower["position"], follower["restarts"] >= 2) == ("leads", "follower1", None, True)


@pytest.mark.mesh
@pytest.mark.slow
def test_autoscaling_keeps_the_number_within_its_bounds(node: NodeDirectory) -> None:
    with RunningCommand("run", "poll:app", "--autoscale", "2..3", cwd=node.folder) as mesh:
        mesh.wait_for("| ready: http")
        by_hand = deltamesh("scale", "follower=1", "--patience", "0", cwd=node.folder)
        again = mesh.wait_for("follower 1 → 2, load ")
        mesh.wait_for("follows com.example.poll")
        mesh.interrupt()
        assert mesh.wait() == 0

    assert (by_hand.returncode, by_hand.stdout) == (0, f"{S}: follower 2 → 1\n")
    assert 0 <= float(again.rpartition(" ")[2]) < 2
