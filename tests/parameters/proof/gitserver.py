"""Git as people have it: a server on loopback, and a clone that commits and pushes with the `git` command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from tests.reliability.processes import Program
from tests.running_router import free_port

BRANCH: Final = "main"
ADA: Final = {"NAME": "Ada", "EMAIL": "ada@example.org"}
"""Who commits."""
LIMIT: Final = 60.0
"""How long a git command may take [s]."""
FIRST_SECOND: Final = 1_700_000_000
"""When the first commit was made; each further one a second later, so that the same commits have the same ids."""


class GitFailed(RuntimeError):
    """A git command failed; the message is what it printed."""


def environment(second: int = FIRST_SECOND) -> dict[str, str]:
    """Return the environment of a git command that is to do the same on every machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    people = {f"GIT_{part}_{what}": value for part in ("AUTHOR", "COMMITTER") for what, value in ADA.items()}
    dates = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{second} +0000")
    nothing = dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), os.devnull)
    return {**kept, **people, **dates, **nothing, "GIT_TERMINAL_PROMPT": "0"}


def git(directory: Path, *arguments: object, second: int = FIRST_SECOND, stdin: bytes = b"") -> bytes:
    """
    Run a git command; return what it printed.

    Raises:
        GitFailed: it ended with an error.
    """
    done = subprocess.run(
        ["git", *map(str, arguments)], cwd=directory, env=environment(second), input=stdin, capture_output=True, timeout=LIMIT, check=False
    )
    if done.returncode:
        raise GitFailed(f"git {' '.join(map(str, arguments))}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return done.stdout


class Server:
    """A bare repository below `directory`, which `git daemon` serves at `url` once it is started."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.path = directory / "server" / "parameters.git"
        self.away = directory / "away.git"
        """Where it is while it is away."""
        self.url = f"git://127.0.0.1:{self.port}/parameters.git"
        self.path.mkdir(parents=True)
        git(self.path, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}")
        git(self.path, "config", "receive.denyDeleteCurrent", "ignore")
        programs = git(self.path, "--exec-path").decode().strip()
        command = ["--reuseaddr", "--listen=127.0.0.1", f"--port={self.port}", f"--base-path={self.path.parent}", "--export-all"]
        self.program = Program("git daemon", [f"{programs}/git-daemon", *command, "--enable=receive-pack", "--verbose"])

    def start(self) -> Self:
        """Begin to serve."""
        self.program.start()
        return self

    @property
    def is_ready(self) -> bool:
        """Whether it serves."""
        return self.program.is_running and self.program.said("Ready to rumble") is not None

    def moved_at(self) -> float:
        """Return when a push has last moved the branch, before any hook was told [s, Unix]."""
        return (self.path / "refs" / "heads" / BRANCH).stat().st_mtime

    def move_away(self) -> None:
        """Let nobody find the repository any more."""
        self.path.rename(self.away)

    def move_back(self) -> None:
        """Put it where it was."""
        self.away.rename(self.path)

    def tell(self, port: int, path: str, secret: str) -> None:
        """After each push from now on, post what a forge posts, signed with `secret`, to a port of this machine."""
        hook = self.path / "hooks" / "post-receive"
        hook.write_text(HOOK.format(python=sys.executable, port=port, path=path, secret=secret))
        hook.chmod(0o755)


HOOK: Final = """#!{python} -IS
import hashlib, hmac, json, socket, sys
before, after, ref = sys.stdin.readline().split()
body = json.dumps({{"ref": ref, "before": before, "after": after}}).encode()
signature = hmac.new(b"{secret}", body, hashlib.sha256).hexdigest()
head = ["POST {path} HTTP/1.1", "Host: 127.0.0.1:{port}", "Content-Type: application/json", "Connection: close", "X-GitHub-Event: push"]
head += ["X-Hub-Signature-256: sha256=" + signature, "Content-Length: " + str(len(body)), "", ""]
with socket.create_connection(("127.0.0.1", {port}), timeout=10) as connection:
    connection.sendall("\\r\\n".join(head).encode() + body)
    answer = connection.recv(4096).decode(errors="replace").splitlines()
    if " 20" not in answer[0]:
        sys.exit("the reader answered: " + answer[0])
"""
"""A hook that costs as little as Python can: what is measured is not how long it takes to import things."""


class Clone:
    """A clone below `directory`, with a worktree, of the repository at `url`."""

    def __init__(self, directory: Path, url: str | Path) -> None:
        self.path = directory
        self.num_commits = 0
        directory.mkdir(parents=True)
        self.git("init", "--quiet", f"--initial-branch={BRANCH}")
        self.git("remote", "add", "origin", url)

    def git(self, *arguments: object) -> str:
        """Run a git command in it; return what it printed."""
        return git(self.path, *arguments, second=FIRST_SECOND + self.num_commits).decode()

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files of the worktree; None removes one."""
        for name, content in files.items():
            file = self.path / name
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str, files: Mapping[str, str | bytes | None] | None = None) -> str:
        """Write files, commit all that differs, and return the commit's id."""
        self.write(files or {})
        self.num_commits += 1
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        """Return the id of the newest commit."""
        return self.git("rev-parse", "HEAD").strip()

    def push(self, *options: str) -> None:
        """Push the branch."""
        self.git("push", "--quiet", *options, "origin", f"HEAD:refs/heads/{BRANCH}")
