"""
A web hook: a server of git says that somebody has pushed, so that a reader need not wait for its next look.

It listens to GitLab, GitHub and Gitea (and what behaves as they do), on an address of this machine unless told otherwise; TLS is for a
proxy in front of it. Whoever calls has to know the secret, and can do no more than let the reader look. What is pushed the reader finds
out itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from twisted.logger import Logger

from deltamesh.errors import ConfigurationError
from deltamesh.operation.httpport import Answer, Bounds, HttpPort, Question
from deltamesh.parameters.git.remote import MIRRORED, Remote

PATH: Final = b"/webhook"

MAX_BODY: Final = 4 << 20
"""Bytes of a request. One that tells of two thousand commits has one or two million."""

MAX_HEADERS: Final = 16_384
"""Bytes."""

MAX_CONNECTIONS: Final = 16
"""At the same time; for a further one the oldest is closed: who knows the secret is done soon."""

MAX_SECONDS: Final = 20.0
"""How long a connection lives at most [s]."""

BOUNDS: Final = Bounds(connections=MAX_CONNECTIONS, seconds=MAX_SECONDS, header=MAX_HEADERS, body=MAX_BODY, replaces_oldest=True)

MIN_SECRET: Final = 8
"""Characters of the secret."""

PLAIN: Final = "x-gitlab-token"
"""Header with the secret itself, as GitLab sends it."""

SIGNATURES: Final = ("x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature")
"""Headers with the SHA-256 HMAC of the body under the secret, as GitHub and as Gitea send them."""

EVENTS: Final = ("x-github-event", "x-gitea-event", "x-forgejo-event", "x-gitlab-event")
PUSHES: Final = ("push", "push hook", "system hook")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a call is answered."""

    status: int
    said: str
    wants_look: bool = False
    """Whether the reader has to look."""


class Hook:
    """
    Judges calls. Pure.

    Args:
        secret: what the callers know.
        remote: the repository; None: it is on this machine, and nobody knows what a server calls it.

    Raises:
        ConfigurationError: the secret is too short to be one.
    """

    def __init__(self, secret: str, remote: Remote | None = None) -> None:
        if len(secret) < MIN_SECRET:
            raise ConfigurationError(f"the secret of a web hook has to have at least {MIN_SECRET} characters")
        self._secret = secret.encode()
        self._remote = remote

    def judge(self, headers: Mapping[str, str], body: bytes, branch: str | None) -> Verdict:
        """
        Return what a call is answered.

        Args:
            headers: by lower-case name; each character is a byte.
            body: all of it.
            branch: the one that is followed, if that is known.
        """
        if not self._is_known(headers, body):
            return Verdict(401, "who calls does not know the secret")
        event = next((headers[name].lower() for name in EVENTS if name in headers), "")
        if event == "ping":
            return Verdict(200, "the secret is right")
        if event not in PUSHES:
            return Verdict(200, "only pushes are listened to")
        told = _decoded(headers, body)
        if told is None:
            return Verdict(400, "the body is not what a server of git sends")
        if self._is_another(told):
            return Verdict(422, "it tells of another repository")
        name = told.get("ref")
        if not isinstance(name, str):
            return Verdict(200, "only pushes to a branch are listened to")
        if branch is not None and name != MIRRORED + branch:
            return Verdict(200, "another branch is followed")
        return Verdict(202, "looking", wants_look=True)

    def _is_known(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether all that is given to prove it does."""
        expected = hmac.new(self._secret, body, hashlib.sha256).hexdigest().encode()
        given = [(headers[name].removeprefix("sha256=").lower(), expected) for name in SIGNATURES if name in headers]
        given += [(headers[PLAIN], self._secret)] if PLAIN in headers else []
        # all are compared, each in a time that does not depend on how much of it is right
        return bool(given) and all([hmac.compare_digest(one.encode("latin-1", "replace"), other) for one, other in given])

    def _is_another(self, told: Mapping[str, Any]) -> bool:
        """Whether what it tells of is known to be another repository: a host may have several names, but the path is its own."""
        if self._remote is None:
            return False
        paths = set(_paths(told))
        return bool(paths) and not any([_is_end(path, self._remote.path.lower()) for path in paths])


def _decoded(headers: Mapping[str, str], body: bytes) -> Mapping[str, Any] | None:
    """Return what the body says: JSON, or a form that has it."""
    try:
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            body = parse_qs(body.decode(), max_num_fields=10)["payload"][0].encode()
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, KeyError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _paths(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the repository is called, as `owner/name`, by all that says so."""
    for part in ("repository", "project"):
        described = told.get(part)
        if not isinstance(described, dict):
            continue
        for field in ("full_name", "path_with_namespace", "clone_url", "ssh_url", "git_url", "git_http_url", "git_ssh_url"):
            text = described.get(field)
            if isinstance(text, str) and len(text) < MAX_HEADERS:
                yield _path_of(text)


def _path_of(text: str) -> str:
    try:
        path = urlsplit(text).path if "://" in text else text.rpartition(":")[2]
    except ValueError:
        path = text
    return path.strip("/").removesuffix(".git").lower()


def _is_end(path: str, whole: str) -> bool:
    """Whether `path` is `whole`, or either has folders of the server before it."""
    return path == whole or whole.endswith(f"/{path}") or path.endswith(f"/{whole}")


class WebhookPort(HttpPort):
    """
    Where calls are taken, until `stop`. See `HttpPort`.

    Args:
        branch: returns the one that is followed, if that is known.
        look: lets the reader look; is not waited for.
    """

    log = Logger(namespace="parameters")

    def __init__(
        self,
        hook: Hook,
        branch: Callable[[], str | None],
        look: Callable[[], None],
        reactor: Any,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._hook = hook
        self._branch = branch
        self._look = look
        super().__init__(self._asked, bounds, reactor, "--webhook", host, port)
        self.url += PATH.decode()

    def _asked(self, question: Question) -> Answer:
        verdict = self.take(question)
        return Answer(verdict.status, verdict.said.encode() + b"\n", headers={"Allow": "POST"} if verdict.status == 405 else {})

    def take(self, question: Question) -> Verdict:
        """Return what a request is answered, and do what it is for."""
        if question.path.partition(b"?")[0] != PATH:
            return Verdict(404, "there is nothing here")
        if question.method != b"POST":
            return Verdict(405, "only POST")
        verdict = self._hook.judge(question.headers, question.body, self._branch())
        if verdict.status >= 400:
            self.log.warn("a call of the web hook was refused: {said}", said=verdict.said)
        if verdict.wants_look:
            self._look()
        return verdict
