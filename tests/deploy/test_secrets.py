"""`deploy/make-secrets`: what it makes can be used, is closed to others, and stays when it is run again."""

from __future__ import annotations

import os
import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from tests.deploy.running import make_secrets
from tests.running_router import ROOT

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

ROLES = ("leader", "follower", "feeder", "reader", "operator", "administrator")
TICKETS = {*[f"{role}_ticket" for role in ROLES], "postgres_password"}


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_everybody_gets_a_secret_of_his_own(tmp_path: Path) -> None:
    folder = make_secrets(tmp_path / "secrets")

    assert {path.name for path in folder.iterdir()} == TICKETS | {"git_token", "ca.crt", "ca.key", "tls.crt", "tls.key"}
    assert len({(folder / name).read_text() for name in TICKETS}) == len(TICKETS)
    assert all(len((folder / name).read_text().strip()) == 64 for name in TICKETS)


def test_only_containers_that_are_given_a_file_can_read_it(tmp_path: Path) -> None:
    """A container has another user: the folder is what keeps others of this machine out."""
    folder = make_secrets(tmp_path / "secrets")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes.pop("ca.key") == 0o600
    assert modes.pop("git_token") == 0o644  # which its owner writes
    assert set(modes.values()) == {0o444}


@pytest.mark.parametrize("name", ["router", "router.deltamesh.svc.cluster.local", "localhost", "mesh.example.org"])
def test_the_certificate_is_for_the_names_of_the_router(tmp_path: Path, name: str) -> None:
    folder = make_secrets(tmp_path / "secrets", "DNS:mesh.example.org", "IP:10.1.2.3")
    verifier = PolicyBuilder().store(Store([certificate(folder / "ca.crt")])).build_server_verifier(x509.DNSName(name))

    assert len(verifier.verify(certificate(folder / "tls.crt"), [])) == 2


def test_there_is_no_token_for_git_until_somebody_writes_one(tmp_path: Path) -> None:
    folder = make_secrets(tmp_path / "secrets")
    assert (folder / "git_token").read_text() == ""

    (folder / "git_token").write_text("a token\n")
    make_secrets(folder)

    assert (folder / "git_token").read_text() == "a token\n"


def test_the_key_belongs_to_the_certificate(tmp_path: Path) -> None:
    folder = make_secrets(tmp_path / "secrets")

    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / "tls.crt", folder / "tls.key")


def test_what_is_there_stays_and_what_was_removed_is_made_anew(tmp_path: Path) -> None:
    folder = make_secrets(tmp_path / "secrets")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    make_secrets(folder)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    for name in ("tls.crt", "tls.key"):
        (folder / name).unlink()
    make_secrets(folder)
    changed = {path.name for path in folder.iterdir() if path.read_bytes() != before[path.name]}

    assert changed == {"tls.crt", "tls.key"}


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "deploy/make-secrets", "mesh.example.org"],
        env={**os.environ, "SECRETS": str(tmp_path / "no")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (2, "make-secrets: mesh.example.org: write DNS:mesh.example.org, or IP:mesh.example.org\n")
    assert not (tmp_path / "no").exists()


def test_git_ignores_them() -> None:
    done = subprocess.run(["git", "check-ignore", "deploy/secrets/leader_ticket"], cwd=ROOT, capture_output=True, check=False)

    assert done.returncode in (0, 128)  # 128: this is no clone, as in a source archive
