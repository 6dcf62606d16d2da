"""
Servers of git for tests: git's own, on a free port of 127.0.0.1.

    with Daemon(tmp_path) as server:  # whoever asks may read and push
        Repository(f"{server.url}/repository.git")
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from tests.running_router import free_port

TIMEOUT: Final = 30.0
"""How long a server may take to start [s]."""


class Daemon:
    """`git daemon` for all repositories in the folder `root`. It can be stopped, and started again on the same port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.url = f"git://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, and wait until it takes connections."""
        command = ["git", "daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1"]
        self._process = subprocess.Popen(
            [*command, f"--port={self.port}", f"--base-path={self.root}", str(self.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # it has a child for each connection
        )
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
            except OSError:
                assert time.monotonic() < end, "git daemon takes no connections"
                time.sleep(0.01)
            else:
                return self

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            os.killpg(self._process.pid, 15)
            self._process.wait(TIMEOUT)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class OverHTTP:
    """
    `git http-backend` for all repositories in the folder `root`.

    Args:
        token: what who asks has to have as password; None: nothing.
    """

    def __init__(self, root: Path, token: str | None = None) -> None:
        self.users: list[str | None] = []
        """Who asked, one for each request; None: nobody said."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(root, token, self.users))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(TIMEOUT)


def _handler(root: Path, token: str | None, users: list[str | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request: a call of git's own program, by the rules of CGI."""

        def do_GET(self) -> None:
            user, password = self._who()
            users.append(user)
            if token is not None and password != token:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            body = self._body()
            environment = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": user or "",
                "REMOTE_ADDR": "127.0.0.1",
            }
            done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
            status = next((value for name, value in headers if name == "Status"), "200")
            self.send_response(int(status.split()[0]))
            for name, value in headers:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def _body(self) -> bytes:
            """Return what was sent; a push comes in chunks (RFC 9112, section 7.1)."""
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _who(self) -> tuple[str | None, str | None]:
            kind, _, said = self.headers.get("Authorization", "").partition(" ")
            if kind != "Basic":
                return None, None
            user, _, password = base64.b64decode(said).decode().partition(":")
            return user, password

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
