"""
A repository elsewhere: fetching a branch into a mirror on this machine, and pushing to it, over https, ssh, git and http.

Who we talk to is checked always: certificates against those that this machine trusts (or those of `SSL_CERT_FILE`), host keys of ssh
against `~/.ssh/known_hosts`. A token goes to the host of the URL only, and never over http, unless that is this machine.

All of this waits for the network, so it belongs into a thread. It lets go of Python's global lock meanwhile.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

import pygit2
from pygit2.enums import CredentialType

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.git.credentials import Credentials

CONNECT_LIMIT: Final = 10.0
"""How long a server may take to take a connection [s]."""

SILENCE_LIMIT: Final = 30.0
"""How long it may say nothing then [s]."""

FETCH_LIMIT: Final = 600.0
"""How long one fetch may take, however much is said [s]."""

MAX_FETCH: Final = 1 << 30
"""Bytes of one fetch: parameters are small, so a repository with more is another one than was meant."""

SCHEMES: Final = ("https", "ssh", "git", "http")
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

MIRRORED: Final = "refs/heads/"
FETCHED_HEAD: Final = "refs/deltamesh/head"

_OURS: Final = re.compile(r"failed to (lock|open|create|rename|map|stat|make)|\.lock\b|delta base|packfile|pack file|corrupt|odb|loose")
"""What git says if it stumbles over the mirror, and not over the server."""

_USER: Final = re.compile(r"[\w.-]+")
_WITH_PASSWORD: Final = re.compile(r":[^/]*@")

_SCP_FORM: Final = re.compile(r"(?P<host>[^/:@\s]+@[^/:\s]+|[^/:@\s]{2,}):(?P<path>[^\s]+)")

_FORMS: Final = f"name a path, a URL with {', '.join(SCHEMES)}, or user@host:path"


class OutOfReach(Exception):
    """The repository, or what is needed of it, cannot be had now; the message says why. Trying again can help."""


class Damaged(OutOfReach):
    """Something cannot be read here that should be there."""


class Refused(Exception):
    """A push was refused by the server; the message is its own."""


class Moved(Exception):
    """The branch is not where it was when a change was made for it."""


@dataclass(frozen=True)
class Remote:
    """Where a repository is that is not on this machine."""

    url: str
    """Without what may be secret: it has no user, but for ssh, and no query. It may be shown to everybody."""
    host: str
    path: str
    """Of the repository at the host, without suffix: `payments/parameters`."""
    credentials: Credentials

    @classmethod
    def at(cls, url: str, credentials: Credentials) -> Self | None:
        """
        Return the remote that `url` names, None if it names a path on this machine.

        Raises:
            ConfigurationError: it is a URL that cannot be followed, or has a password in it. What may be secret is not repeated.
        """
        scp = _SCP_FORM.fullmatch(url) if "://" not in url else None
        if "://" not in url and (
            _WITH_PASSWORD.search(url) or (scp is not None and ("@" in scp["path"] or scp["host"].lower() in SCHEMES))
        ):
            raise ConfigurationError(f"the place of the repository cannot be followed: {_FORMS}")
        if scp is not None:
            user, _, host = scp["host"].rpartition("@")
            return cls(url, host, _plain(scp["path"]), replace(credentials, user=user or credentials.user))
        if "://" not in url or url.startswith("file://"):
            return None
        parts = _split(url)
        if parts.password is not None:
            raise ConfigurationError(
                "the URL of the repository has a password or token in it, which everybody who lists processes can read: leave it out, "
                "and name a file that has it with --git-token-file, or set DELTAMESH_GIT_TOKEN; for ssh name a key with --git-key-file"
            )
        given = replace(credentials, user=unquote(parts.username or "") or credentials.user)
        if parts.scheme == "http" and given.token and parts.hostname not in LOOPBACK:
            raise ConfigurationError(f"a token is not sent over http, where everybody can read it: use https for {parts.hostname}")
        named = f"{parts.username}@" if parts.scheme == "ssh" and _USER.fullmatch(parts.username or "") else ""
        shown = parts._replace(netloc=named + parts.netloc.rpartition("@")[2]).geturl()
        return cls(shown, parts.hostname or "", _plain(parts.path), given)

    def fetch(self, mirror: pygit2.Repository, branch: str | None) -> str | None:
        """
        Bring the mirror to what the server has of a branch, None: of that of its HEAD. Return the name of the branch, if that is known.

        In the mirror the branch has its own name, and there is none if the server has none.

        Raises:
            OutOfReach: the server, or what it has.
            Damaged: the mirror.
        """
        remote = self._remote(mirror)
        wanted = [f"+{MIRRORED}{branch}:{MIRRORED}{branch}"] if branch is not None else [f"+HEAD:{FETCHED_HEAD}"]
        callbacks = _Callbacks(self)
        try:
            remote.fetch(wanted, callbacks=callbacks, proxy=True)
            there = {head.name: head for head in remote.list_heads(connect=False)}
        except (pygit2.GitError, OSError) as error:
            if isinstance(error, pygit2.NotFoundError) or (_OURS.search(str(error)) and not str(error).startswith("remote error")):
                raise self._damaged(error) from error
            raise OutOfReach(self._described(error)) from error
        try:
            if branch is None:
                branch = _head_of(there)
                if branch is not None:
                    mirror.references.create(MIRRORED + branch, there[MIRRORED + branch].oid, force=True)
            elif MIRRORED + branch not in there and MIRRORED + branch in mirror.references:
                mirror.references.delete(MIRRORED + branch)
        except (pygit2.GitError, OSError) as error:
            raise self._damaged(error) from error
        return branch

    def branch_there(self, branch: str | None) -> str | None:
        """
        Return the branch if the server has it, None if not; without a name that of its HEAD. Nothing is fetched, and no mirror touched.

        Raises:
            OutOfReach: the server.
        """
        try:
            heads = self._remote(pygit2.Repository()).list_heads(callbacks=_Callbacks(self), proxy=True)
        except (pygit2.GitError, OSError) as error:
            raise OutOfReach(self._described(error)) from error
        there = {head.name: head for head in heads}
        if branch is None:
            return _head_of(there)
        return branch if MIRRORED + branch in there else None

    def push(self, mirror: pygit2.Repository, commit: str, branch: str, parent: str) -> None:
        """
        Let the branch at the server be `commit`, if it is `parent` there.

        Raises:
            Moved: it is not.
            Refused: the server does not want it.
            OutOfReach: the server.
        """
        callbacks = _Callbacks(self, expected=parent)
        try:
            self._remote(mirror).push([f"{commit}:{MIRRORED}{branch}"], callbacks=callbacks, proxy=True)
        except pygit2.GitError as error:
            if "fastforward" in str(error).replace("-", ""):
                raise Moved(f"{branch} is not at {parent} any more") from error
            raise OutOfReach(self._described(error)) from error
        if callbacks.refusals:
            raise Refused(f"{self.host} does not take the commit: {'; '.join(callbacks.refusals)[:300]}")

    def _remote(self, mirror: pygit2.Repository) -> Any:
        settings: Any = pygit2.settings
        settings.server_connect_timeout = round(CONNECT_LIMIT * 1000)
        settings.server_timeout = round(SILENCE_LIMIT * 1000)
        return mirror.remotes.create_anonymous(self.url)

    def _damaged(self, error: Exception) -> Damaged:
        return Damaged(f"the mirror of {self.url} is damaged, or somebody else uses it: {error}")

    def _described(self, error: Exception) -> str:
        return f"{self.url} cannot be reached: {str(error).strip()[:300]}"


class _Callbacks(pygit2.RemoteCallbacks):
    """What is asked and told while we talk to a server. What is raised here ends that."""

    def __init__(self, remote: Remote, expected: str | None = None) -> None:
        super().__init__()
        self.refusals: list[str] = []
        self._remote = remote
        self._expected = expected
        self._end = time.monotonic() + FETCH_LIMIT
        self._num_asked = 0

    def credentials(self, url: str, username_from_url: str | None, allowed_types: CredentialType) -> Any:
        """Give each kind once: a server asks again when it does not like what it got."""
        self._num_asked += 1
        known = self._remote.credentials
        user = username_from_url or known.user or "git"
        host = urlsplit(url).hostname if "://" in url else self._remote.host
        if host != self._remote.host:
            raise OutOfReach(f"{self._remote.url} leads to {host}, who is not told who we are: name that one")
        if allowed_types & CredentialType.USERNAME and not allowed_types & CredentialType.SSH_KEY:
            return pygit2.Username(user)
        if self._num_asked > 2:
            raise OutOfReach(f"{self._remote.url} does not accept our token or key")
        if allowed_types & CredentialType.SSH_KEY:
            if known.key_file is None:
                return pygit2.KeypairFromAgent(user)
            return pygit2.Keypair(user, None, known.key_file, known.passphrase)
        if allowed_types & CredentialType.USERPASS_PLAINTEXT and known.token is not None and self._num_asked == 1:
            return pygit2.UserPass(user, known.token)
        remedy = "does not accept our token" if known.token is not None else "wants to know who we are: give a token or a key"
        raise OutOfReach(f"{self._remote.url} {remedy}")

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:
        """Believe nobody else: without this, host keys of ssh would not be looked at."""
        if not valid:
            where = "~/.ssh/known_hosts" if self._is_ssh else "the certificates that are trusted here"
            raise OutOfReach(f"{host.decode(errors='replace')} is not known by {where}, so it may be somebody else")
        return True

    @property
    def _is_ssh(self) -> bool:
        return not self._remote.url.startswith("https:")

    def transfer_progress(self, stats: Any) -> None:
        """Bound what is taken."""
        if stats.received_bytes > MAX_FETCH:
            raise OutOfReach(f"{self._remote.url} sends more than {MAX_FETCH >> 20} MiB")
        self._look_at_clock()

    def sideband_progress(self, string: str) -> None:
        """Bound how long it takes."""
        self._look_at_clock()

    def _look_at_clock(self) -> None:
        if time.monotonic() > self._end:
            raise OutOfReach(f"{self._remote.url} takes longer than {FETCH_LIMIT:g} s")

    def push_negotiation(self, updates: Any) -> None:
        """Refuse to replace what we have not seen."""
        if any([str(update.src) != self._expected for update in updates]):
            raise Moved(f"the branch is not at {self._expected} any more")

    def push_update_reference(self, refname: str, message: str | None) -> None:
        """Keep why the server does not take it."""
        if message is not None:
            self.refusals.append(message)


def _head_of(there: Mapping[str | None, Any]) -> str | None:
    """Return the branch that a server's HEAD is, as far as it says so, or as there is only one likely."""
    head = there.get("HEAD")
    if head is None:
        return None
    named = head.symref_target
    if named in there and named.startswith(MIRRORED):
        return str(named).removeprefix(MIRRORED)
    same = [name.removeprefix(MIRRORED) for name, each in there.items() if name and name.startswith(MIRRORED) and each.oid == head.oid]
    return next((name for name in ("main", "master", *sorted(same)) if name in same), None)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # which says what may be a password
        raise ConfigurationError("the place of the repository is no URL: look at its host and port") from None
    if parts.scheme not in SCHEMES or not parts.hostname or not parts.path.strip("/"):
        raise ConfigurationError(f"the URL of the repository cannot be followed: {_FORMS}")
    if "?" in url or "#" in url or "@" in parts.path:
        raise ConfigurationError(
            "the URL of the repository cannot be followed: it has a ?, a #, or an @ in its path; a token belongs elsewhere"
        )
    return parts


def _plain(path: str) -> str:
    return path.strip("/").removesuffix(".git")
