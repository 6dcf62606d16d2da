"""
The Dockerfile without Docker: its commands are run as they are, in a folder that stands for the root of each stage.

While a stage is made its root is always the same folder, so that absolute paths in what is installed stay right, as in a container; then
it is put away, and the next stage sees of it only what is copied. What comes with a base image (Python, Node.js, a shell) is this
machine's, and no compiler is found, since slim images have none.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
PLACES: Final = re.compile(r"(?<![\w.}/])/(?=(?:build|mesh|opt|var/lib|usr/local/bin)\b)")
"""Where absolute paths in the Dockerfile begin. /root/.cache stays this machine's, so that packages are not loaded each time."""

Instruction = tuple[str, dict[str, str], str]
"""Its word, its flags, and the rest of the line."""


def instructions(text: str) -> list[Instruction]:
    """Return the instructions of a Dockerfile in order."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*(#|$)", line)]
    joined = re.sub(r"\\\n", "", "\n".join(lines)).splitlines()
    return [_instruction(line) for line in joined]


def _instruction(line: str) -> Instruction:
    word, rest = line.split(None, 1)
    flags = {}
    while match := re.match(r"--([a-z]+)=(\S+)\s+", rest):
        flags[match[1]] = match[2]
        rest = rest[match.end() :]
    return word, flags, rest.strip()


def is_ignored(path: str, rules: list[str]) -> bool:
    """Whether .dockerignore keeps `path` from the builder: the last rule that fits it, or a folder above it, decides."""
    parts = PurePosixPath(path).parts
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    ignored = False
    for rule in rules:
        pattern = rule.removeprefix("!")
        if any([_fits(name.split("/"), pattern.split("/")) for name in above]):
            ignored = not rule.startswith("!")
    return ignored


def _fits(names: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any([_fits(names[start:], pattern[1:]) for start in range(len(names) + 1)])
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


def ignore_rules() -> list[str]:
    """Return the lines of .dockerignore."""
    return [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]


def base_python() -> Path:
    """Return the Python of this machine that stands for that of the base image: one that every user may run, if there is one."""
    mine = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    name = f"python3.{sys.version_info.minor}"
    candidates = [mine, *(Path(folder, name) for folder in ("/usr/local/bin", "/usr/bin"))]
    return next((path for path in candidates if is_for_everybody(path)), mine)


def is_for_everybody(path: Path) -> bool:
    """Whether every user of this machine may run the program `path`."""
    return path.exists() and all([each.stat().st_mode & 0o001 for each in (path, *path.parents)])


@dataclass
class Stage:
    """What a stage says about the processes that run in it."""

    environment: dict[str, str]
    folder: str = "/"
    user: str = ""
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)


class Image:
    """
    What the Dockerfile makes, in `folder`, with the files of `source` as its context.

    Args:
        context: where the sources are.

    Raises:
        AssertionError: a command failed; the message is what it printed.
    """

    def __init__(self, folder: Path, context: Path = ROOT) -> None:
        self.root = folder / "root"
        self._folder = folder
        self._context = context
        self._rules = ignore_rules()
        self._arguments: dict[str, str] = {}
        commands = folder / "commands"  # of the base images
        commands.mkdir()
        (commands / "python").symlink_to(base_python())
        self._path = os.pathsep.join([str(self.place("/usr/local/bin")), str(commands), os.environ["PATH"]])
        self.stage = Stage({})
        name = ""
        for word, flags, rest in instructions((context / "Dockerfile").read_text()):
            if word == "FROM":
                if name:
                    self.root.rename(folder / name)
                name = rest.rpartition(" AS ")[2] if " AS " in rest else "image"
                self.stage = Stage({"PATH": self._path})
                self.root.mkdir()
            else:
                self._do(word, flags, rest)
        for path in folder.iterdir():
            if path not in (self.root, commands):
                shutil.rmtree(path)  # no stage is there when the image is used

    def place(self, path: str) -> Path:
        """Return the folder or file of this machine that stands for an absolute path in the image."""
        return self.root / path.lstrip("/")

    def here(self, text: str) -> str:
        """Return `text` with the absolute paths of the image as they are here."""
        return PLACES.sub(f"{self.root}/", text)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a process in the image: of this machine's only what finds package registries, and the locale."""
        kept = ("LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        inherited = {name: value for name, value in os.environ.items() if name in kept or name.lower().endswith("_proxy")}
        return inherited | self.stage.environment | more

    def _do(self, word: str, flags: dict[str, str], rest: str) -> None:
        stage = self.stage
        match word:
            case "ARG":
                name, _, value = rest.partition("=")
                self._arguments[name] = value
            case "ENV":
                for each in shlex.split(rest):
                    name, _, value = each.partition("=")
                    stage.environment[name] = self.here(value).replace("$PATH", stage.environment["PATH"])
            case "WORKDIR":
                stage.folder = rest
                self.place(rest).mkdir(parents=True, exist_ok=True)
            case "COPY":
                *sources, target = rest.split()
                self._copy(sources, target, flags)
            case "RUN":
                self._run(rest)
            case "USER":
                stage.user = rest
            case "EXPOSE":
                stage.ports = [int(port) for port in rest.split()]
            case "ENTRYPOINT":
                stage.entry = msgspec.json.decode(rest)
            case "CMD":
                stage.command = msgspec.json.decode(rest)
            case _:
                raise AssertionError(f"this builder does not know {word}")

    def _run(self, command: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COVERAGE"))}
        environment = inherited | self.stage.environment | self._arguments | {"CC": "/bin/false", "CXX": "/bin/false"}
        done = subprocess.run(
            ["sh", "-ec", self.here(command)],
            cwd=self.place(self.stage.folder),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"RUN {command}\n{done.stdout}\n{done.stderr}"

    def _copy(self, sources: list[str], target: str, flags: dict[str, str]) -> None:
        place = self.place(str(PurePosixPath(self.stage.folder) / target))
        many = target.endswith("/") or len(sources) > 1
        for source in sources:
            origin = self._context / source if "from" not in flags else self._folder / flags["from"] / source.lstrip("/")
            if origin.is_dir():
                shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True, ignore=None if "from" in flags else self._ignored)
            else:
                assert "from" in flags or not is_ignored(source, self._rules), f"COPY {source}: .dockerignore keeps it from the builder"
                into = place / origin.name if many or place.is_dir() else place
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(origin, into)
        for path in [place, *place.rglob("*")] if {"chmod", "chown"} & flags.keys() else []:
            if "chmod" in flags:
                path.chmod(int(flags["chmod"], 8))
            if "chown" in flags and os.geteuid() == 0:
                os.chown(path, *map(int, flags["chown"].split(":")))

    def _ignored(self, folder: str, names: list[str]) -> list[str]:
        inside = Path(folder).relative_to(self._context)
        return [name for name in names if is_ignored(str(inside / name), self._rules)]
