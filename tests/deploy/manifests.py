"""
The objects that `kubectl apply -k` would make of a folder in deploy/kubernetes, put together without kustomize.

It knows as much of kustomize as these files use, and refuses the rest. Where kustomize is installed, a test compares the two.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from tests.running_router import ROOT

FOLDER: Final = ROOT / "deploy/kubernetes"
OVERLAYS: Final = sorted(path.name for path in (FOLDER / "overlays").iterdir())
_KNOWN: Final = {"apiVersion", "kind", "namespace", "resources", "components", "configMapGenerator", "patches", "images"}

PARAMETERS: Final = "components:\n  - ../../parameters"
"""The lines that add the parameters: the second one is new."""

SETS: Final = ("Deployment", "StatefulSet")
"""Kinds of objects that have pods."""

Object = dict[str, Any]


def with_parameters(folder: Path, overlay: str) -> Path:
    """Copy what is deployed into `folder`, add the parameters to an overlay as the guide says, and return the folder of the overlay."""
    for part in ("kubernetes", "node"):
        shutil.copytree(ROOT / "deploy" / part, folder / part)
    made = folder / "kubernetes/overlays" / overlay
    file = made / "kustomization.yaml"
    before, components, after = file.read_text().partition("components:\n")
    assert components, f"{overlay} has no components"
    file.write_text(f"{before}{PARAMETERS}\n{after}")
    return made


def objects(folder: Path) -> list[Object]:
    """Return all objects of a folder with a kustomization."""
    found: list[Object] = []
    _add(found, folder)
    return found


def _add(found: list[Object], folder: Path) -> None:
    """Do to `found` what the kustomization in `folder` says; what it adds and what was there before are one."""
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert said.keys() <= _KNOWN, f"{folder}: {said.keys() - _KNOWN} is not known here"
    for name in said.get("resources", []):
        path = folder / name
        found += objects(path) if path.is_dir() else yaml.safe_load_all(path.read_text())
    for generator in said.get("configMapGenerator", []):
        _generate(found, folder, generator)
    for name in said.get("components", []):
        _add(found, folder / name)
    for patch in said.get("patches", []):
        kind, name = patch["target"]["kind"], re.compile(patch["target"]["name"])
        targets = [each for each in found if each["kind"] == kind and name.fullmatch(each["metadata"]["name"])]
        assert targets, f"{folder}: there is no {patch['target']}"
        for target in targets:
            for operation in yaml.safe_load(patch["patch"]):
                _patch(target, operation)
    for image in said.get("images", []):
        for each in found:
            for container in pod(each).get("containers", []):
                if container["image"] == image["name"]:
                    container["image"] += f":{image['newTag']}"
    if "namespace" in said:
        for each in found:
            if each["kind"] != "Namespace":
                each["metadata"]["namespace"] = said["namespace"]


def _generate(found: list[Object], folder: Path, generator: Object) -> None:
    data = {Path(name).name: (folder / name).read_text() for name in generator.get("files", [])}
    data |= dict([each.split("=", 1) for each in generator.get("literals", [])])
    if generator.get("behavior") == "merge":
        (known,) = [each for each in found if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", generator["name"])]
        known["data"] |= data
    else:
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": data})


def _patch(target: Object, operation: Object) -> None:
    """Do one operation of a JSON patch (RFC 6902)."""
    *path, last = operation["path"].split("/")[1:]
    place: Any = target
    for step in path:
        place = place[int(step)] if isinstance(place, list) else place[step]
    match operation["op"]:
        case "add" if last == "-":
            place.append(copy.deepcopy(operation["value"]))
        case "add" | "replace":
            assert operation["op"] == "add" or last in place
            place[last] = copy.deepcopy(operation["value"])
        case "remove":
            del place[last]
        case other:
            raise AssertionError(f"{other} is not known here")


def pod(each: Object) -> Object:
    """Return what an object says about its pods, empty if it has none."""
    found: Object = each.get("spec", {}).get("template", {}).get("spec", {}) if each["kind"] in SETS else {}
    return found


def kustomize() -> list[str] | None:
    """Return the command that kustomizes a folder, if one is installed: `kustomize`, where `go install` puts it, or kubectl."""
    places = os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / "go/bin")])
    found = shutil.which("kustomize", path=places)
    if found is not None:
        return [found, "build"]
    found = shutil.which("kubectl", path=places)
    return None if found is None else [found, "kustomize"]


def kustomized(folder: Path, command: list[str]) -> list[Object]:
    """Return the objects as kustomize makes them, with generated names as they were before a hash was put behind them."""
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = [each["metadata"]["name"] for each in yaml.safe_load_all(done.stdout) if each["kind"] == "ConfigMap"]
    text = done.stdout
    for name in names:
        text = text.replace(name, name.rpartition("-")[0])
    return list(yaml.safe_load_all(text))
