"""`deltamesh worker`: a process that computes the tasks of an application."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType
from typing import Final

import click

from deltamesh.application.worker import Worker
from deltamesh.cli.application import imported
from deltamesh.cli.component import health_option, serve, short_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.working import MAX_CONCURRENCY, Working

ATTRIBUTE: Final = "worker"
"""What a worker is called in its module, unless told."""

_APPLICATION: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(?<!\.py)(:[^\W\d]\w*)?")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def worker_application(text: str) -> str:
    """Check `module` or `module:attribute`."""
    if not _APPLICATION.fullmatch(text):
        raise click.BadParameter(f"{text!r} names no application: write MODULE or MODULE:ATTRIBUTE, as in examples.salesman")
    return text


def worker_name(text: str) -> str:
    """Check the name of a worker."""
    if not _NAME.fullmatch(text):
        raise click.BadParameter(f"{text!r} cannot be the name of a worker: use letters, digits, '_', '.' and '-', at most 64")
    return text


def load_worker(name: str) -> Worker:
    """
    Import `module:attribute`, or `module`, which means its attribute `worker`; of a package it may be in a module of that name.

    Raises:
        CommandFailed: there is no such module or attribute, the module cannot be imported, or the attribute is no worker.
    """
    module_name, _, attribute = name.partition(":")
    attribute = attribute or ATTRIBUTE
    module = imported(module_name)
    found = getattr(module, attribute, None)
    if (found is None and _has_module(module, attribute)) or isinstance(found, ModuleType):
        module = imported(f"{module_name}.{attribute}")
        found = getattr(module, ATTRIBUTE, None)
    if isinstance(found, Worker):
        return found
    others = [each for each, value in vars(module).items() if isinstance(value, Worker)]
    declared = ", ".join(f"{module.__name__}:{each}" for each in others)
    remedy = f"there is {declared}" if others else 'a worker is declared with worker = Worker("com.example.name")'
    raise CommandFailed(f"{module.__name__} has no {attribute} that is a Worker; {remedy}")


def _has_module(package: ModuleType, name: str) -> bool:
    return hasattr(package, "__path__") and importlib.util.find_spec(f"{package.__name__}.{name}") is not None


@click.command()
@click.argument("application", metavar="APP", type=worker_application)
@click.option("--name", metavar="NAME", type=worker_name, help="What people know it by.  [default: random]")
@click.option(
    "--cores",
    metavar="N",
    type=click.IntRange(1, MAX_CONCURRENCY),
    help="Calls that it computes at the same time.  [default: as many as the cores it may use]",
)
@health_option
@router_options
def worker(router: Router, application: str, name: str | None, cores: int | None, health: tuple[str, int] | None) -> None:
    """
    Compute the tasks of APP (MODULE, or MODULE:ATTRIBUTE).

    There may be any number of workers, wherever they reach the router. It connects until it succeeds, and again when it is cut off. SIGTERM
    ends it in order: it takes nothing new, and finishes what it has.
    """
    connection = router.connection()
    component = Working(load_worker(application), connection, name=name, concurrency=cores)
    serve(f"{short_name(component.service.uris.prefix)}.{component.name}", component, router, connection, health, "it still prepares")
