"""Who a component says it is: where that comes from, how it is proved, and what is said about mistakes."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from twisted.internet.task import Clock

from deltamesh.connection.connection import MAX_PAUSE, Connection
from deltamesh.connection.identity import MAX_SECRET, NOBODY, KeyPair, Ticket, identity, make_key, read_key
from deltamesh.connection.transport import transport
from deltamesh.errors import ConfigurationError

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = str(folder / "key")
        self.pair = make_key(folder / "key")

    def make(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_without_anything_it_is_nobody() -> None:
    assert identity(environment={}) == NOBODY


def test_a_ticket_comes_from_a_file_without_its_end_of_line(files: Files) -> None:
    found = identity(authid="ada", ticket_file=files.make("ticket", " secret\n"), environment={})

    assert found.credentials == Ticket("ada", "secret")
    assert found.credentials.hello == {"authmethods": ["ticket"], "authid": "ada"}
    assert found.credentials.answer({}) == "secret"


def test_everything_can_come_from_the_environment(files: Files) -> None:
    ticket, ca = files.make("ticket", "secret"), files.make("ca", CERTIFICATE)

    assert identity(environment={"DELTAMESH_AUTHID": "ada", "DELTAMESH_TICKET": "secret"}).credentials == Ticket("ada", "secret")
    assert identity(environment={"DELTAMESH_AUTHID": "ada", "DELTAMESH_TICKET_FILE": ticket}).credentials == Ticket("ada", "secret")
    assert identity(environment={"DELTAMESH_CA_FILE": ca}).authorities == CERTIFICATE
    key = identity(environment={"DELTAMESH_KEY_FILE": files.key}).credentials
    assert isinstance(key, KeyPair)
    assert (key.public, key.authid) == (files.pair.public, None)


def test_what_is_given_goes_before_the_environment(files: Files) -> None:
    environment = {"DELTAMESH_AUTHID": "bob", "DELTAMESH_TICKET": "secret", "DELTAMESH_CA_FILE": "missing"}
    found = identity(authid="ada", key_file=files.key, ca_file=files.make("ca", CERTIFICATE), environment=environment)

    assert isinstance(found.credentials, KeyPair)
    assert found.credentials.authid == "ada"


def test_secrets_are_not_shown(files: Files) -> None:
    assert "secret" not in repr(Ticket("ada", "secret"))
    assert repr(KeyPair(files.pair.private, "ada")) == "KeyPair(authid='ada')"


def test_a_key_is_made_once_and_only_for_this_user(tmp_path: Path) -> None:
    made = make_key(tmp_path / "new")

    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert read_key(tmp_path / "new").public == made.public
    with pytest.raises(ConfigurationError, match="cannot be made: File exists"):
        make_key(tmp_path / "new")


def test_a_key_signs_a_challenge(files: Files) -> None:
    challenge = bytes(range(32))
    signed = bytes.fromhex(files.pair.answer({"challenge": challenge.hex(), "channel_binding": None}))

    Ed25519PublicKey.from_public_bytes(bytes.fromhex(files.pair.public)).verify(signed[:64], challenge)
    assert signed[64:] == challenge
    assert files.pair.hello == {"authmethods": ["cryptosign"], "authextra": {"pubkey": files.pair.public}}
    assert KeyPair(files.pair.private, "ada").hello["authid"] == "ada"


@pytest.mark.parametrize("challenge", [None, "", 7, "00" * 31, "00" * 33, "xx" * 32, "00" * 32 + "\n", b"\0" * 32])
def test_nothing_but_a_challenge_is_signed(files: Files, challenge: Any) -> None:
    with pytest.raises(ConfigurationError, match="no challenge"):
        files.pair.answer({"challenge": challenge})


def of_another_kind() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


MISTAKES = {
    "an authid alone": ({"authid": "ada"}, "nothing proves that this is 'ada'"),
    "a ticket of nobody": ({"ticket_file": ("x", "secret")}, "not whose it is"),
    "both": ({"authid": "ada", "ticket_file": ("x", "secret"), "key_file": ("y", "")}, "one of them proves who this is"),
    "an empty ticket": ({"authid": "ada", "ticket_file": ("x", "\n")}, "is empty"),
    "no key": ({"key_file": ("x", "hello")}, "is no private key in PEM without a passphrase: make one with `deltamesh key FILE`"),
    "another kind of key": ({"key_file": ("x", of_another_kind())}, "of another kind than Ed25519"),
    "no certificate": ({"ca_file": ("x", "hello")}, "has no certificate in PEM"),
    "no text": ({"ca_file": ("x", b"\xff")}, "is not text"),
    "too large": ({"ca_file": ("x", "x" * (MAX_SECRET + 1))}, f"has more than {MAX_SECRET} bytes"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told(files: Files, case: str) -> None:
    arguments, expected = MISTAKES[case]
    given = {name: value if isinstance(value, str) else files.make(*value) for name, value in arguments.items()}
    with pytest.raises(ConfigurationError, match=expected):
        identity(**given, environment={})


def test_a_missing_file_is_told() -> None:
    with pytest.raises(ConfigurationError, match="the key in /nowhere/key cannot be read: No such file or directory"):
        identity(key_file="/nowhere/key", environment={})


def test_a_key_with_a_passphrase_is_told(files: Files) -> None:
    text = files.pair.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    with pytest.raises(ConfigurationError, match="without a passphrase"):
        identity(key_file=files.make("locked", text), environment={})


def test_certificates_that_are_none_are_told() -> None:
    with pytest.raises(ConfigurationError, match="not PEM"):
        transport("rss://localhost:1", list, Clock(), lost=list, authorities=CERTIFICATE)


def test_who_is_refused_comes_back_less_and_less_often() -> None:
    connection = Connection("unix:/nowhere", reactor=Clock())
    pauses = [connection._pause(1) for _ in range(20)]  # as Twisted asks after each connection that could be made

    assert pauses[0] < 0.5
    assert pauses[10] > 5
    assert MAX_PAUSE <= pauses[-1] < MAX_PAUSE + 0.5
    connection.begun(SimpleNamespace(num_received=0, is_attached=lambda: False), SimpleNamespace(realm="realm1", session=1))
    assert connection._pause(1) < 0.5
