"""Hosts of one's own: network namespaces that are plugged into one switch, and can be unplugged."""

from __future__ import annotations

import os
import subprocess
from types import TracebackType
from typing import Final, Self

SUBNET: Final = "10.213.77"
"""The first three numbers of all addresses; nobody outside of the switch sees them."""


class Network:
    """
    A switch, with this machine at `address` and hosts by name, in `with`.

    Raises:
        PermissionError: only root may make network namespaces.
    """

    def __init__(self, *hosts: str) -> None:
        self.address = f"{SUBNET}.1"
        """Of this machine."""
        self._tag = f"dm{os.getpid() % 100000}"
        self._hosts = {name: number for number, name in enumerate(hosts, 2)}

    def __enter__(self) -> Self:
        if os.getuid() != 0:
            raise PermissionError("only root may make network namespaces: run this as root, for instance in a container")
        try:
            _ip("link", "add", self._tag, "type", "bridge")
            _ip("addr", "add", f"{self.address}/24", "dev", self._tag)
            _ip("link", "set", self._tag, "up")
            for name in self._hosts:
                self._add(name)
        except BaseException:
            self._remove()
            raise
        return self

    def _add(self, name: str) -> None:
        host, cable = self._namespace(name), self._cable(name)
        _ip("netns", "add", host)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", host)
        _ip("link", "set", cable, "master", self._tag, "up")
        _ip("-n", host, "addr", "add", f"{SUBNET}.{self._hosts[name]}/24", "dev", "eth0")
        _ip("-n", host, "link", "set", "eth0", "up")
        _ip("-n", host, "link", "set", "lo", "up")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._remove()

    def _remove(self) -> None:
        words = [["link", "delete", self._cable(name)] for name in self._hosts]
        words += [["netns", "delete", self._namespace(name)] for name in self._hosts]
        for each in [*words, ["link", "delete", self._tag]]:
            subprocess.run(["ip", *each], check=False, capture_output=True)  # what there is of it

    def on(self, name: str) -> list[str]:
        """Return what stands in front of a command that is to run on a host."""
        return ["ip", "netns", "exec", self._namespace(name)]

    def unplug(self, name: str) -> None:
        """Lose all that is sent from and to a host. Nobody is told."""
        _ip("link", "set", self._cable(name), "down")

    def plug(self, name: str) -> None:
        """Connect it again."""
        _ip("link", "set", self._cable(name), "up")

    def _namespace(self, name: str) -> str:
        return f"{self._tag}-{name}"

    def _cable(self, name: str) -> str:
        return f"{self._tag}.{self._hosts[name]}"


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
