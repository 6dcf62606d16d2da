"""
A WAMP connection that is a process of its own, so that a test can kill it; see `tests/router/process_connection.py`.

    python -m tests.router.workers.wire ADDRESS REALM ROLES

What is read from stdin, one JSON message a line, goes to the router, and what the router sends is printed, as it is. Ends with its stdin.
"""

from __future__ import annotations

import json
import os
import sys
import threading

from tests.wire_connection import WELCOME, WireConnection


def main(address: str, realm: str, roles: str) -> None:
    """Relay messages until one side ends."""
    connection = WireConnection(address, realm=realm, roles=json.loads(roles))
    connection.socket.settimeout(None)
    threading.Thread(target=send, args=(connection,), daemon=True).start()
    show([WELCOME, connection.session, connection.welcome])
    while True:
        show(connection.receive())


def send(connection: WireConnection) -> None:
    """Send what is read from stdin."""
    for line in sys.stdin:
        connection.send(json.loads(line))
    os._exit(0)


def show(message: list[object]) -> None:
    """Print a message."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
