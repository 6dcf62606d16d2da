"""Functions inside Crossbar.io and Autobahn for which there is no extension point, replaced by name and never silently."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any


def replace(replacements: Mapping[str, Mapping[str, Any]]) -> None:
    """
    Put replacements, by module and by name in it, in place in this process.

    Raises:
        AttributeError: a name is not there, so the release is not the one that this was made for.
    """
    for module_name, names in replacements.items():
        module = importlib.import_module(module_name)
        for name, replacement in names.items():
            if not hasattr(module, name):
                raise AttributeError(f"{module_name} has no {name}: this release of it is not the one that deltamesh_router was made for")
            setattr(module, name, replacement)
