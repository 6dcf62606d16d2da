"""
Hosts without machines: network namespaces around a switch, each with one cable, which can be cut.

    with Network() as network:
        router, client = network.host("router"), network.host("client")
        with router.run([...]) as running:
            client.cut()
            client.heal()

The switch is a bridge in a namespace of its own, so nothing of this machine's network is touched, and packets of one host reach another one
only through it. A cable is cut at the switch: for both ends that is silence, not a connection that is closed. Needs root and `ip`
(iproute2); tests that use it are marked `needs_namespaces`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from tests.deploy.running import Running

_numbers = count(1)

_LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp (net/tcp_states.h in Linux)."""


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


def why_not() -> str | None:
    """Return why there can be no namespaces here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need ip, of the package iproute2"
    name = f"deltamesh-{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"this system makes no network namespaces: {made.stderr.strip()}"
    bridge = subprocess.run(["ip", "-n", name, "link", "add", "probe", "type", "bridge"], capture_output=True, text=True, check=False)
    _ip("netns", "del", name)
    return None if bridge.returncode == 0 else f"this system makes no bridges in network namespaces: {bridge.stderr.strip()}"


_reason: Final = why_not()

needs_namespaces = pytest.mark.skipif(_reason is not None, reason=str(_reason))
"""Put it on what uses `Network`."""


class Host:
    """A network namespace with one cable to the switch."""

    def __init__(self, network: Network, name: str, number: int) -> None:
        self.name = name
        self.address = str(network.first + number)
        self.namespace = f"{network.prefix}-{name}"
        self._switch = network.switch
        self._plug = f"port{number}"
        _ip("netns", "add", self.namespace)
        _ip("-n", self.namespace, "link", "set", "lo", "up")
        _ip("-n", self._switch, "link", "add", self._plug, "type", "veth", "peer", "name", "cable", "netns", self.namespace)
        _ip("-n", self._switch, "link", "set", self._plug, "master", "switch", "up")
        _ip("-n", self.namespace, "address", "add", f"{self.address}/24", "dev", "cable")
        _ip("-n", self.namespace, "link", "set", "cable", "up")

    def cut(self) -> None:
        """Cut the cable. Nobody is told."""
        _ip("-n", self._switch, "link", "set", self._plug, "down")

    def heal(self) -> None:
        """Mend the cable."""
        _ip("-n", self._switch, "link", "set", self._plug, "up")

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs `command` on this host. It becomes that process, so signals reach it."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def run(self, command: Sequence[str], *, cwd: Path, env: dict[str, str]) -> Running:
        """Start a process on this host."""
        return Running(self.command(command), cwd=cwd, env=env)

    def listening(self) -> set[tuple[str, int]]:
        """Return address and port of everything on this host that takes TCP connections."""
        read = "cat /proc/net/tcp /proc/net/tcp6"
        text = subprocess.run(self.command(["sh", "-c", read]), capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in text.splitlines()]
        ends = [row[1].split(":") for row in rows if len(row) > 3 and row[3] == _LISTENING]
        return {(_address(address), int(port, 16)) for address, port in ends}

    def connected(self) -> set[tuple[str, int]]:
        """Return address and port of everything that this host has TCP connections to."""
        text = subprocess.run(self.command(["cat", "/proc/net/tcp"]), capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in text.splitlines()]
        ends = [row[2].split(":") for row in rows if len(row) > 3 and row[3] == "01"]
        return {(_address(address), int(port, 16)) for address, port in ends}


def _address(text: str) -> str:
    """Return an address of /proc/net/tcp as people write it; one of IPv6 stays as it is."""
    return str(IPv4Address(int.from_bytes(bytes.fromhex(text), "little"))) if len(text) == 8 else text


class Network:
    """A switch, and hosts around it. What runs on them has to be ended before it is left."""

    def __init__(self) -> None:
        self.prefix = f"deltamesh-{os.getpid()}-{next(_numbers)}"
        self.switch = f"{self.prefix}-switch"
        self.first = IPv4Address("10.77.0.0")
        """No host has it; they are numbered from the next one on."""
        self.hosts: list[Host] = []

    def host(self, name: str) -> Host:
        """Add a host."""
        made = Host(self, name, len(self.hosts) + 1)
        self.hosts.append(made)
        return made

    def __enter__(self) -> Self:
        _ip("netns", "add", self.switch)
        try:
            _ip("-n", self.switch, "link", "add", "switch", "type", "bridge", "forward_delay", "0")
            _ip("-n", self.switch, "link", "set", "switch", "up")
        except BaseException:
            _ip("netns", "del", self.switch)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for namespace in [*(host.namespace for host in self.hosts), self.switch]:
            _ip("netns", "del", namespace)
