"""The web hook: who is believed, what is listened to, and what is too much."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from twisted.internet.threads import deferToThread

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.git.credentials import Credentials
from deltamesh.parameters.git.remote import Remote
from deltamesh.parameters.git.webhook import BOUNDS, MAX_BODY, Hook, Verdict, WebhookPort
from tests.mesh.mesh import reactor

SECRET = "a long enough secret"

GITHUB = {"full_name": "payments/parameters", "clone_url": "https://git.example.com/payments/parameters.git"}
GITLAB = {"path_with_namespace": "payments/parameters", "git_ssh_url": "git@git.example.com:payments/parameters.git"}


def body(ref: str = "refs/heads/main", **more: Any) -> bytes:
    return json.dumps({"ref": ref, "before": "0" * 40, "after": "1" * 40, **more}).encode()


def signed(content: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def github(content: bytes, event: str = "push", secret: str = SECRET) -> dict[str, str]:
    return {"x-github-event": event, "x-hub-signature-256": f"sha256={signed(content, secret)}", "content-type": "application/json"}


def gitea(content: bytes, event: str = "push", secret: str = SECRET) -> dict[str, str]:
    return {"x-gitea-event": event, "x-gitea-signature": signed(content, secret), "content-type": "application/json"}


def gitlab(_: bytes, event: str = "Push Hook", secret: str = SECRET) -> dict[str, str]:
    return {"x-gitlab-event": event, "x-gitlab-token": secret, "content-type": "application/json"}


SENDERS = pytest.mark.parametrize("sender", [github, gitea, gitlab])


def remote(url: str = "https://git.example.com/payments/parameters.git") -> Remote:
    found = Remote.at(url, Credentials())
    assert found is not None
    return found


def judge(content: bytes, headers: dict[str, str], branch: str | None = "main", at: Remote | None = None) -> Verdict:
    return Hook(SECRET, at).judge(headers, content, branch)


@SENDERS
def test_a_push_to_the_branch_causes_a_look(sender: Any) -> None:
    content = body()

    assert judge(content, sender(content)) == Verdict(202, "looking", wants_look=True)
    assert judge(content, sender(content), None).wants_look


@SENDERS
def test_other_branches_and_tags_cause_none(sender: Any) -> None:
    for ref in ("refs/heads/other", "refs/tags/main", "refs/heads/main/deep", "main"):
        content = body(ref)
        assert judge(content, sender(content)) == Verdict(200, "another branch is followed")


@SENDERS
def test_who_does_not_know_the_secret_is_refused(sender: Any) -> None:
    content = body()

    assert judge(content, sender(content, secret="another secret")).status == 401
    assert judge(content, {}).status == 401
    assert judge(content, dict.fromkeys(sender(content), "")).status == 401
    assert judge(content, dict.fromkeys(sender(content), "ü" * 64)).status == 401


def test_a_signature_is_of_this_body() -> None:
    content = body()

    assert judge(body("refs/heads/main "), github(content)).status == 401
    assert judge(content, {**github(content), "x-gitea-signature": signed(b"")}).status == 401
    assert judge(content, {**github(content), **gitea(content)}).status == 202


def test_events_without_news_are_answered() -> None:
    content = b'{"zen": "Keep it simple.", "hook": {}}'

    assert judge(content, github(content, "ping")) == Verdict(200, "the secret is right")
    assert judge(content, github(content, "issues")) == Verdict(200, "only pushes are listened to")
    assert judge(content, gitlab(content, "Tag Push Hook")) == Verdict(200, "only pushes are listened to")
    assert judge(b"{}", github(b"{}")) == Verdict(200, "only pushes to a branch are listened to")


def test_a_form_is_read_as_well() -> None:
    content = urlencode({"payload": body().decode()}).encode()
    headers = {**github(content), "content-type": "application/x-www-form-urlencoded"}

    assert judge(content, headers).wants_look


def test_what_no_server_sends_is_refused() -> None:
    for content in (b"", b"no JSON", b"[]", b"[" * 100_000, b"\xff", b'"text"'):
        assert judge(content, github(content)).status == 400
        assert judge(content, {**github(content), "content-type": "application/x-www-form-urlencoded"}).status == 400


def test_another_repository_is_refused_if_that_can_be_known() -> None:
    for url, told, status in (
        ("https://git.example.com/payments/parameters.git", {"repository": GITHUB}, 202),
        ("git@git.intern:payments/parameters.git", {"repository": GITHUB}, 202),  # a host has several names
        ("https://git.example.com/gitea/Payments/Parameters", {"repository": GITHUB}, 202),
        ("https://git.example.com/payments/parameters.git", {"project": GITLAB, "repository": {"name": "parameters"}}, 202),
        ("https://git.example.com/payments/parameters.git", {}, 202),
        ("https://git.example.com/payments/parameters.git", {"repository": "text"}, 202),
        ("https://git.example.com/payments/others.git", {"repository": GITHUB}, 422),
        ("https://git.example.com/parameters.git", {"repository": {"full_name": "payments/xparameters"}}, 422),
        ("https://git.example.com/payments/others.git", {"project": GITLAB}, 422),
    ):
        content = body(**told)
        assert judge(content, github(content), at=remote(url)).status == status, url
        assert judge(content, github(content), at=None).status == 202


def test_a_short_secret_is_none() -> None:
    with pytest.raises(ConfigurationError, match="at least 8 characters"):
        Hook("1234567")


class Served:
    """A port on 127.0.0.1, and the looks that it has caused."""

    def __init__(self, **bounds: Any) -> None:
        self.looks = 0
        self.port = WebhookPort(Hook(SECRET), lambda: "main", self._look, reactor, bounds=replace(BOUNDS, **bounds))

    def _look(self) -> None:
        self.looks += 1

    async def send(self, method: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Return the status and the answer."""

        def sending() -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(urlsplit(self.port.url).netloc, timeout=30)
            connection.request(method, path, content, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

        return await deferToThread(sending)

    async def send_raw(self, text: bytes) -> bytes:
        """Return all that is answered to these bytes."""

        def sending() -> bytes:
            parts = urlsplit(self.port.url)
            with socket.create_connection((parts.hostname, parts.port), 30) as raw:
                got = b""
                try:
                    raw.sendall(text)
                    while part := raw.recv(4096):
                        got += part
                except ConnectionError:  # what was not read yet is thrown away
                    return got
                return got

        return await deferToThread(sending)


async def test_calls_over_http(errors: list[str]) -> None:
    served = Served()
    content = body()
    try:
        assert urlsplit(served.port.url).hostname == "127.0.0.1"
        assert await served.send("POST", "/webhook", content, github(content)) == (202, b"looking\n")
        assert served.looks == 1
        assert (await served.send("POST", "/webhook?x=1", content, gitlab(content)))[0] == 202
        assert (await served.send("POST", "/webhook", content, github(content, secret="wrong")))[0] == 401
        assert (await served.send("GET", "/webhook", b"", github(b"")))[0] == 405
        assert (await served.send("POST", "/", content, github(content)))[0] == 404
        assert served.looks == 2
    finally:
        await served.port.stop()
    assert errors == []


async def test_calls_that_are_too_large_are_refused_before_they_come() -> None:
    served, hasty = Served(), Served(seconds=0.05)
    try:
        begin = b"POST /webhook HTTP/1.1\r\nHost: x\r\n"
        assert (await served.send_raw(begin + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1))).startswith(b"HTTP/1.1 413")
        assert (await served.send_raw(begin + b"Transfer-Encoding: chunked\r\n\r\n")).startswith(b"HTTP/1.1 411")
        assert await served.send_raw(begin + b"X: " + b"x" * 100_000 + b"\r\n\r\n") == b""
        large = body(text="x" * (MAX_BODY - 1_000))
        assert (await served.send("POST", "/webhook", large, github(large)))[0] == 202
        assert await hasty.send_raw(begin + b"Content-Length: 5\r\n\r\n") == b""
    finally:
        await hasty.port.stop()
        await served.port.stop()


async def test_silent_connections_keep_nobody_out() -> None:
    served = Served(connections=2)
    content = body()
    parts = urlsplit(served.port.url)
    silent = [await deferToThread(socket.create_connection, (parts.hostname, parts.port), 30) for _ in range(2)]
    try:
        assert (await served.send("POST", "/webhook", content, github(content)))[0] == 202
        with pytest.raises(ConnectionError):
            await deferToThread(silent[0].recv, 1)
        silent[1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert await deferToThread(silent[1].recv, 12) == b"HTTP/1.1 404"
    finally:
        for each in silent:
            each.close()
        await served.port.stop()


async def test_a_port_that_is_taken_is_said() -> None:
    served = Served()
    try:
        with pytest.raises(ConfigurationError, match="choose another port"):
            WebhookPort(Hook(SECRET), lambda: None, lambda: None, reactor, port=urlsplit(served.port.url).port or 0)
    finally:
        await served.port.stop()
