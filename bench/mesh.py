"""A mesh for a measurement: a router, a leader and followers, each a process."""

from __future__ import annotations

import json
import sys
from typing import Final

from bench import data
from bench.processes import ROOT, Servers
from tests.wire_connection import WireConnection, error_of

SERVICE: Final = "com.example.bench"
TOPIC: Final = f"{SERVICE}.fan_out"
"""Where browsers may publish, in the measurement of the router alone."""

WRITE_SIZE: Final = 5000
"""Entries of one write while the data is loaded."""


def start_router(servers: Servers, port: int) -> str:
    """
    Start a router, with the repository's own configuration but for its port and the service; return its URL for components.

    Browsers may use the service as they use that of an example, and may publish to `TOPIC`.
    """
    node = servers.folder / ".crossbar"
    node.mkdir()
    text = (ROOT / ".crossbar" / "config.json").read_text().replace("com.example.hackernews", SERVICE)
    config = json.loads(text)
    router = config["workers"][0]
    router["transports"][0]["endpoint"]["port"] = port
    router["transports"][0]["paths"]["/"]["directory"] = str(ROOT / "web")
    (browser,) = [role for role in router["realms"][0]["roles"] if role["name"] == "browser"]
    browser["permissions"].append({"uri": TOPIC, "match": "exact", "allow": {"publish": True, "subscribe": True}})
    (node / "config.json").write_text(json.dumps(config))
    servers.start("router", [sys.executable, "-m", "deltamesh_router", "start", "--cbdir", node])
    servers.wait_for("router", "router: ready")
    return f"unix:{node / 'mesh.sock'}"


def start_components(servers: Servers, router_url: str, *, num_followers: int) -> None:
    """Start a leader and followers of `bench.application`; return when all take part."""
    component = [sys.executable, "-m", "deltamesh", "--router", router_url]
    # each run begins empty, and shows what the mesh can do without a disk; writes to a journal are measured by themselves
    servers.start("leader", [*component, "leader", "bench.application:app", "--journal", "memory:"])
    names = [f"follower{number}" for number in range(1, num_followers + 1)]
    for name in names:
        servers.start(name, [*component, "follower", "bench.application:app", "--name", name])
    for name in ["leader", *names]:
        servers.wait_for(name, ": ready")


def load(router_url: str, content: dict[str, data.Entries]) -> None:
    """Write data, a part at a time."""
    with WireConnection(router_url.removeprefix("unix:")) as connection:
        for name, entries in content.items():
            for start in range(0, len(entries), WRITE_SIZE):
                answer = connection.call(f"{SERVICE}.write", [[name, entries[start : start + WRITE_SIZE]]])
                if (error := error_of(answer)) is not None:
                    raise RuntimeError(f"the data cannot be written: {error}")
