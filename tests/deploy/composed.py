"""
Services of docker-compose.yml without Docker: each is the process that its container would have, on this machine.

The commands, environments and scripts are those of the file; the folder of a volume, the secrets and the ports are others.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cli.running_command import environment
from tests.deploy.node import INSIGHT, MESH, WEB
from tests.deploy.running import Running, make_secrets
from tests.running_router import ROOT, free_port

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
VOLUME: Final = "/var/lib/deltamesh"
SECRETS: Final = "/run/secrets"


def interpolated(text: str, variables: dict[str, str]) -> str:
    """Return `text` with each `${NAME:-default}` as compose puts it in: an empty variable is as one that is not set."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda match: variables.get(match[1]) or match[2], text)


class Composed:
    """
    The services in `folder`.

    Args:
        variables: what is set where `docker compose` is called, or stands in `.env`.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables
        self.secrets = make_secrets(folder / "secrets")
        self.web, self.mesh = free_port(), free_port()
        self.url = f"rss://localhost:{self.mesh}"
        self.page = f"ws://127.0.0.1:{self.web}/ws"
        """Where pages connect."""
        (folder / "bin").mkdir()
        (folder / "bin/deltamesh").write_text(f'#!/bin/sh\nexec {sys.executable} -m deltamesh "$@"\n')
        (folder / "bin/deltamesh").chmod(0o755)
        self._path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])

    def _here(self, text: str, volume: Path) -> str:
        """Return a word of the file, as it is for a process on this machine."""
        text = interpolated(text, self.variables).replace(f"//router:{MESH}", f"//localhost:{self.mesh}")
        return text.replace(VOLUME, str(volume)).replace(SECRETS, str(self.secrets)).replace(f":{INSIGHT}", f":{free_port()}")

    def router(self) -> Running:
        """Start the router with its script, from the node of `deploy/node`, with other ports."""
        node = self.folder / "node"
        shutil.copytree(ROOT / "deploy/node", node)
        ports = {WEB: self.web, MESH: self.mesh, INSIGHT: free_port()}
        for file in (node / ".crossbar/config.json", node / "router/router.toml"):
            text = re.sub(r"\b\d{4}\b", lambda match: str(ports.get(int(match[0]), match[0])), file.read_text())
            file.write_text(text)
        here = {"NODE": node, "WEB": ROOT / "web", "SECRETS": self.secrets, "PLACE": self.folder / "place"}
        env = environment(PATH=self._path, **{f"DELTAMESH_{name}": str(value) for name, value in here.items()})
        return Running([str(ROOT / "deploy/image/deltamesh-router")], cwd=self.folder, env=env)

    def start(self, name: str, *options: str) -> Running:
        """Start a component with its script; `options` are added to its command."""
        service = COMPOSE["services"][name]
        volume = self.folder / next((each.partition(":")[0] for each in service.get("volumes", [])), "none")
        volume.mkdir(exist_ok=True)
        given = self.folder / f"{name}-secrets"  # what this container finds
        given.mkdir(exist_ok=True)
        for secret in service["secrets"]:
            shutil.copy(self.secrets / secret, given / secret)
        env = environment(
            PATH=self._path,
            TMPDIR=str(self.folder),
            DELTAMESH_SECRETS=str(given),
            **{key: self._here(value, volume) for key, value in service["environment"].items()},
        )
        command = [self._here(word, volume) for word in service["command"]]
        return Running([str(ROOT / "deploy/image/deltamesh-component"), *command, *options], cwd=ROOT, env=env)

    def command(self, *arguments: str, authid: str | None = None, url: str | None = None) -> Running:
        """Start a command of `deltamesh`: by the door `url`, or else with an `authid` by that of components, without one as a page."""
        who = {"DELTAMESH_ROUTER": url or self.page}
        if authid is not None:
            ticket = str(self.secrets / f"{authid}_ticket")
            who = {"DELTAMESH_ROUTER": url or self.url, "DELTAMESH_AUTHID": authid, "DELTAMESH_TICKET_FILE": ticket}
        env = environment(PATH=self._path, DELTAMESH_CA_FILE=str(self.secrets / "ca.crt"), **who)
        return Running(["deltamesh", *arguments], cwd=self.folder, env=env)
