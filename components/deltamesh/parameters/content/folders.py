"""
Where files belong by their paths alone.

    base/**  environments/<environment>/**  regions/<region>/**  schemas/**

Without `base/`, everything that is not in one of the other folders is the base. Files that are not JSON, YAML or TOML, and those with a
part of their path that begins with a dot, are left alone. The path below the folder, without its suffix, makes a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from deltamesh.parameters.text.formats import SUFFIXES

SCHEMAS: Final = "schemas"
"""What is a layer only in so far as it has files."""

_BASE: Final = "base/"
_NOT_BASE: Final = ("environments/", "regions/", "schemas/")


def has_base(paths: Iterable[str]) -> bool:
    """Whether there is a folder for the base."""
    return any(path.startswith(_BASE) for path in paths)


def folders(paths: Iterable[str], environment: str | None = None, region: str | None = None) -> dict[str, str]:
    """
    Return the folder of each layer, the earliest first; that of the base is empty if there is no `base/`.

    Raises:
        ValueError: an environment or region is not the name of a folder.
    """
    for name in (environment, region):
        if name is not None and (not name or "/" in name or name.startswith(".")):
            raise ValueError(f"an environment or region is the name of a folder, not {name!r:.80}")
    found = {"base": _BASE if has_base(paths) else ""}
    if environment is not None:
        found["environment"] = f"environments/{environment}/"
    if region is not None:
        found["region"] = f"regions/{region}/"
    return found


def placing(paths: Iterable[str], environment: str | None = None, region: str | None = None) -> dict[str, tuple[str, str]]:
    """Return the layer of each file that counts, and the name that its path makes. Schemas are left out."""
    paths = list(paths)
    layers = folders(paths, environment, region)
    found = {path: place_of(path, layers) for path in paths}
    return {path: place for path, place in found.items() if place is not None and place[0] != SCHEMAS}


def place_of(path: str, layers: dict[str, str]) -> tuple[str, str] | None:
    """Return the layer of a file, or `SCHEMAS`, and the name that its path makes; None if the file does not count."""
    stem, dot, suffix = path.rpartition(".")
    if dot + suffix not in SUFFIXES or path.startswith(".") or "/." in path:
        return None
    for layer, folder in {**layers, SCHEMAS: "schemas/"}.items():
        if folder and path.startswith(folder):
            return layer, stem[len(folder) :].replace("/", ".")
    return None if layers["base"] or path.startswith(_NOT_BASE) else ("base", stem.replace("/", "."))
