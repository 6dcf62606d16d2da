"""
Who a component is to the router, how it proves that, and which routers it believes.

Without an identity a component is whoever connects in that way, as it is over the Unix socket of the same user.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from deltamesh.errors import ConfigurationError

MAX_SECRET: Final = 64 * 1024
"""Bytes of a file with a secret or with certificates of authorities."""

_CHALLENGE: Final = re.compile("[0-9a-fA-F]{64}")
"""32 bytes (WAMP, "Cryptosign-based authentication"). Anything else might be a document of which a router wants our signature."""


@dataclass(frozen=True)
class Ticket:
    """A secret that both sides know. It is shown to the router, so it needs a Unix socket or TLS."""

    authid: str
    ticket: str = field(repr=False)

    @property
    def hello(self) -> dict[str, Any]:
        """What is said when joining."""
        return {"authmethods": ["ticket"], "authid": self.authid}

    def answer(self, challenge: Mapping[str, Any]) -> str:
        """Return what proves it."""
        return self.ticket


@dataclass(frozen=True)
class KeyPair:
    """An Ed25519 key (WAMP-cryptosign). The router knows the public half only; without an `authid` that is enough to be known."""

    private: Ed25519PrivateKey = field(repr=False)
    authid: str | None = None

    @property
    def public(self) -> str:
        """The public half in hexadecimal digits, as routers are told it."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    @property
    def hello(self) -> dict[str, Any]:
        """What is said when joining."""
        name = {} if self.authid is None else {"authid": self.authid}
        return {"authmethods": ["cryptosign"], "authextra": {"pubkey": self.public}, **name}

    def answer(self, challenge: Mapping[str, Any]) -> str:
        """
        Return the challenge with our signature before it.

        Raises:
            ConfigurationError: it is not what a router may ask to be signed.
        """
        text = challenge.get("challenge")
        if not isinstance(text, str) or not _CHALLENGE.fullmatch(text):
            raise ConfigurationError("the router asks for a signature of something that is no challenge: is that the right router?")
        data = bytes.fromhex(text)
        return (self.private.sign(data) + data).hex()


@dataclass(frozen=True)
class Identity:
    """What a connection is made with."""

    credentials: Ticket | KeyPair | None = None
    authorities: str | None = None
    """Certificates in PEM of those who vouch for the router; None: those that the system trusts."""


NOBODY: Final = Identity()


def identity(
    *,
    authid: str | None = None,
    ticket_file: str | None = None,
    key_file: str | None = None,
    ca_file: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Identity:
    """
    Return who this process is.

    What is not given comes from `DELTAMESH_AUTHID`, `DELTAMESH_TICKET_FILE` or the secret itself in `DELTAMESH_TICKET`,
    `DELTAMESH_KEY_FILE`, and `DELTAMESH_CA_FILE`.

    Raises:
        ConfigurationError: a file cannot be used, or it is not clear what to use.
    """
    ticket = None
    if ticket_file is None and key_file is None:
        ticket_file, key_file = environment.get("DELTAMESH_TICKET_FILE"), environment.get("DELTAMESH_KEY_FILE")
        ticket = environment.get("DELTAMESH_TICKET")
    authid = authid or environment.get("DELTAMESH_AUTHID")
    ca_file = ca_file or environment.get("DELTAMESH_CA_FILE")
    ways = [way for way in (ticket_file, ticket, key_file) if way]
    if len(ways) > 1:
        raise ConfigurationError("a ticket and a key, or two tickets, are given: one of them proves who this is, remove the others")
    credentials: Ticket | KeyPair | None = None
    if key_file:
        credentials = KeyPair(_private_key(Path(key_file)), authid)
    elif ways:
        if not authid:
            raise ConfigurationError("a ticket is given, but not whose it is: add --authid, or set DELTAMESH_AUTHID")
        credentials = Ticket(authid, ticket or _ticket(Path(ways[0])))
    elif authid:
        raise ConfigurationError(f"nothing proves that this is {authid!r}: add --ticket-file or --key-file, or set DELTAMESH_TICKET")
    return Identity(credentials, _authorities(Path(ca_file)) if ca_file else None)


def make_key(path: Path) -> KeyPair:
    """
    Make a key pair, and the file `path` for it, which only this user can read.

    Raises:
        ConfigurationError: the file exists, or cannot be made.
    """
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {error.strerror}") from error
    return KeyPair(private)


def read_key(path: Path) -> KeyPair:
    """
    Return the key pair in a file that `make_key` has made.

    Raises:
        ConfigurationError: it cannot be read, or is something else.
    """
    return KeyPair(_private_key(path))


def _private_key(path: Path) -> Ed25519PrivateKey:
    text = _content("the key", path)
    remedy = "make one with `deltamesh key FILE`"
    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError) as error:  # TypeError: it has a passphrase
        raise ConfigurationError(f"{path} is no private key in PEM without a passphrase: {remedy}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} is a private key of another kind than Ed25519: {remedy}")
    return key


def _ticket(path: Path) -> str:
    ticket = _content("the ticket", path).strip()
    if not ticket:
        raise ConfigurationError(f"the ticket file {path} is empty: write the ticket into it")
    return ticket


def _authorities(path: Path) -> str:
    text = _content("certificates", path)
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ConfigurationError(
            f"{path} has no certificate in PEM: name the file of the authority that has signed the router's certificate"
        )
    return text


def _content(what: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise ConfigurationError(f"{what} in {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not text: name the file that has {what}") from error
    if len(text) > MAX_SECRET:
        raise ConfigurationError(f"{path} has more than {MAX_SECRET} bytes: name the file that has {what}")
    return text
