"""The repository of the demo, and the mesh that serves it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deltamesh.parameters.content.reading import NotGood, Reading
from deltamesh.parameters.git.repository import Repository
from examples.parameters import seed
from tests.cli.conftest import NodeDirectory
from tests.cli.running_command import RunningCommand, deltamesh, environment
from tests.parameters.repositories import run
from tests.running_router import ROOT, configuration, free_port

S = "com.example.parameters"
PATHS = f"{ROOT}/components:{ROOT}/router:{ROOT}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / ".crossbar" / "parameters.git"
    assert seed.make(place)
    return place


def values(repository: Repository, commit: str, **layers: str) -> dict[str, Any]:
    return {name: held.value for name, held in Reading(repository.load, **layers).read(repository.files(commit)).items()}


def test_every_commit_of_the_demo_is_good(path: Path) -> None:
    repository = Repository(str(path))
    repository.refresh()
    chain = repository.chain(100)
    read = [values(repository, commit.id, environment="production", region="eu") for commit in chain]
    newest = values(repository, repository.head(), environment="production", region="eu")

    assert len(read) == len(seed.STORY)
    assert newest["payment.limits.daily.eur"] == 5000
    assert newest["payment.limits.currencies"] == ("EUR",)
    assert newest["payment.limits.retries"] == 3
    assert newest["features.search.rollout"] == 0.5
    assert newest["payment.secrets.provider.token"].startswith("not-a-real-token")
    assert values(repository, repository.head())["payment.limits.daily.eur"] == 1000


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("environments/production/payment/limits.yaml", "daily: {eur: many}\n", "eur"),
        ("base/features.toml", "[search]\nrollout = 2\n", "rollout"),
    ],
)
def test_its_schemas_find_what_is_wrong(path: Path, tmp_path: Path, file: str, text: str, reason: str) -> None:
    run("clone", "--quiet", str(path), str(tmp_path / "clone"))
    (tmp_path / "clone" / file).write_text(text)
    run("-C", str(tmp_path / "clone"), "commit", "--quiet", "--all", "--message", "Break")
    run("-C", str(tmp_path / "clone"), "push", "--quiet")
    repository = Repository(str(path))
    repository.refresh()

    with pytest.raises(NotGood) as caught:
        values(repository, repository.head(), environment="production", region="eu")
    assert [each.file for each in caught.value.problems] == [file]
    assert reason in str([(each.name, each.reason) for each in caught.value.problems])


def test_what_is_there_stays(path: Path) -> None:
    before = sorted(each.name for each in path.parent.iterdir())
    assert not seed.make(path)
    assert sorted(each.name for each in path.parent.iterdir()) == before == ["parameters.git"]


# ---- all of it


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[NodeDirectory]:
    """A folder with the node directory for a free port, and the repository."""
    port = free_port()
    place = NodeDirectory(tmp_path, port)
    (tmp_path / ".crossbar").mkdir()
    (tmp_path / ".crossbar" / "config.json").write_text(json.dumps(configuration(port)))
    done = subprocess.run(
        [sys.executable, "-m", "examples.parameters.seed"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=PATHS),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "made .crossbar/parameters.git: git clone .crossbar/parameters.git\n"
    yield place
    shutil.rmtree(tmp_path / ".crossbar")


@pytest.mark.mesh
@pytest.mark.slow
def test_a_push_is_in_the_mesh_and_the_census_knows_who_watches(demo: NodeDirectory) -> None:
    reader = f"deltamesh parameters reader {S} .crossbar/parameters.git --environment production --region eu"
    with RunningCommand("run", "examples.parameters:app", "--with", reader, cwd=demo.folder, PYTHONPATH=PATHS) as mesh:
        mesh.wait_for("| ready: http")
        name = "name=payment.limits.daily.eur"
        watching = RunningCommand("watch", S, "parameter", "--param", name, "--json", cwd=demo.folder, PYTHONPATH=PATHS)
        with watching as watch:
            watch.wait_for('"value":5000')
            clone = demo.folder / "clone"
            run("clone", "--quiet", str(demo.folder / ".crossbar" / "parameters.git"), str(clone))
            limits = clone / "environments" / "production" / "payment" / "limits.yaml"
            limits.write_text(limits.read_text().replace("5000", "4000"))
            run("-C", str(clone), "commit", "--quiet", "--all", "--message", "Be careful")
            run("-C", str(clone), "push", "--quiet")
            watch.wait_for('"value":4000')
            watch.interrupt()
        tree = deltamesh("read", S, "tree", cwd=demo.folder, PYTHONPATH=PATHS).stdout
        assert "payment.secrets.provider.token" in tree  # for components
        mesh.interrupt()
        assert mesh.wait() == 0
