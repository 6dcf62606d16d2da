"""The wheel holds the two packages and nothing else, and what it installs runs without the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ["setup.cfg", "pyproject.toml", "README.md", "LICENSE", "components", "router"]


def run(*command: str | Path, cwd: Path) -> str:
    """Return what `command` prints; it sees neither the repository nor another environment."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COVERAGE"))}
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that neither old builds get in nor new ones stay behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, folder)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", cwd=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    An environment of its own with the wheel installed.

    Dependencies are borrowed from the environment of the tests: a line in a .pth file adds their folder behind the
    wheel's, and does not read the .pth files in that folder, among them the one of the editable installation.
    """
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin/python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (site / "borrowed.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    return folder


def test_wheel_holds_the_two_packages_only(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.split("/")[0] for name in names} == {"deltamesh", "deltamesh_router", wheel.name.split("-py3")[0] + ".dist-info"}


def test_wheel_holds_every_module(wheel: Path) -> None:
    """A package that somebody forgot to list in setup.cfg would be missing."""
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.endswith((".py", "py.typed"))}
    roots = [ROOT / "components", ROOT / "router"]
    packages = {root: root / name for root, name in zip(roots, ["deltamesh", "deltamesh_router"], strict=True)}
    sources = {
        str(file.relative_to(root))
        for root, package in packages.items()
        for file in package.rglob("*")
        if file.suffix == ".py" or file.name == "py.typed"
    }

    assert packed == sources


def test_wheel_carries_its_licence(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (licence,) = [name for name in archive.namelist() if name.endswith("/LICENSE")]

        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_command_runs_from_the_installed_wheel(installed: Path) -> None:
    command = installed / "bin/deltamesh"
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")

    assert "run" in run(command, "--help", cwd=installed)
    assert setup["metadata"]["version"] in run(command, "--version", cwd=installed)


@pytest.mark.parametrize("package", ["deltamesh", "deltamesh_router"])
def test_packages_are_imported_from_the_wheel(installed: Path, package: str) -> None:
    origin = run(installed / "bin/python", "-c", f"import {package}; print({package}.__file__)", cwd=installed)

    assert installed in Path(origin.strip()).parents


def test_pyproject_says_only_what_builds() -> None:
    """Everything else about the project is in setup.cfg, in one place."""
    assert set(tomllib.loads((ROOT / "pyproject.toml").read_text())) == {"build-system"}
