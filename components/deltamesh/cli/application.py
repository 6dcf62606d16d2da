"""Finding an application: `module:attribute`, as in `examples.departures:app`."""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from deltamesh.application.service import Service
from deltamesh.cli.failure import CommandFailed, located


def load(name: str) -> Service:
    """
    Import the application `name`; modules in the working directory are found first.

    Raises:
        CommandFailed: there is no such module or attribute, the module cannot be imported, or the attribute is no service.
    """
    module_name, _, attribute = name.partition(":")
    module = imported(module_name)
    services = [each for each, value in vars(module).items() if isinstance(value, Service)]
    try:
        found = getattr(module, attribute)
    except AttributeError as error:
        raise CommandFailed(f"{module_name} has no {attribute}; {_suggestion(module_name, attribute, services)}") from error
    if not isinstance(found, Service):
        kind = type(found).__name__
        raise CommandFailed(f"{name} is no Service but of type {kind}; {_suggestion(module_name, attribute, services)}")
    return found


def imported(module_name: str) -> ModuleType:
    """
    Import a module of an application; those in the working directory are found first.

    Raises:
        CommandFailed: there is no such module, or it cannot be imported.
    """
    here = str(Path.cwd())
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise CommandFailed(f"{module_name} cannot be imported: {located(error)}") from error
        raise CommandFailed(f"there is no module {error.name}: is it misspelt, or elsewhere than in {here}?") from error
    except Exception as error:  # a module of the application may raise anything
        raise CommandFailed(f"{module_name} cannot be imported: {located(error)}") from error


def _suggestion(module: str, attribute: str, services: list[str]) -> str:
    if not services:
        return 'a service is declared with app = Service("com.example.name")'
    likely = get_close_matches(attribute, services, 1, 0)
    others = likely + [each for each in services if each not in likely]
    return f"there is {', '.join([f'{module}:{each}' for each in others])}"
