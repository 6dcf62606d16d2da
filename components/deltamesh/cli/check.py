"""`deltamesh check`: are an application's definition and the files of the router sound? Prints inputs, graph, resources and actions."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from deltamesh.application.service import Service
from deltamesh.cli.application import load
from deltamesh.cli.arguments import application_name
from deltamesh.cli.definition import checked_resource, checked_shared, every_description, parameters_of
from deltamesh.cli.node import need_router
from deltamesh.graph import Collection, Description, Input, Lazy
from deltamesh.graph.collection import Map, Merge, Reduce, Size, Slices, Take
from deltamesh.graph.order import Top
from deltamesh.values import JSON

_ENDLESS: Final = 10_000
"""Columns of a line that is not to be broken."""


@click.command()
@click.argument("application", metavar="[APP]", type=application_name, required=False)
@click.option("--cbdir", type=click.Path(path_type=Path), help="Node directory.  [default: .crossbar]")
@click.option("--settings", type=click.Path(path_type=Path), help="Of the router.  [default: router/router.toml beside the node directory]")
def check(application: str | None, cbdir: Path | None, settings: Path | None) -> None:
    """
    Check what a mesh is made from.

    That is the definition of APP (MODULE:ATTRIBUTE), whose graph is printed, and the files of the router: the node configuration,
    with its certificates and tickets, and the settings. With APP, the router's files are left out where there is no node directory.
    """
    directory = cbdir or Path(".crossbar")
    is_router_meant = application is None or cbdir is not None or settings is not None or directory.is_dir()
    if application is not None:
        _check_application(application)
    if is_router_meant and not _is_router_sound(directory, settings):
        sys.exit(1)


def _is_router_sound(directory: Path, settings: Path | None) -> bool:
    """Let the router look at its own files, and print what it says."""
    need_router()
    command = [sys.executable, "-m", "deltamesh_router", "check", "--cbdir", str(directory)]
    if settings is not None:
        command += ["--settings", str(settings)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        click.secho(line.removeprefix("router: "), fg="green")
    for line in done.stderr.splitlines():
        click.echo(line.removeprefix("router: "), err=True)
    return done.returncode == 0


def _check_application(application: str) -> None:
    service = load(application)
    shared = checked_shared(service)
    resources = {name: checked_resource(service, name, shared) for name in service.resources}
    tree = Tree(Text(service.uris.prefix, style="bold"), guide_style="dim")
    _add_inputs(tree, service, shared)
    _add_collections(tree.add(Text("shared collections", style="bold")), shared)
    _add_resources(tree.add(Text("resources", style="bold")), service, resources)
    actions = tree.add(Text("actions", style="bold"))
    for name, (function, _) in service.actions.items():
        actions.add(_signature(name, function, 2))
    _print(tree)
    untried = [name for name, collection in resources.items() if collection is None]
    built = f"sound: built {len(shared)} shared collections and {len(resources) - len(untried)} of {len(resources)} resources"
    click.secho(f"{built}; without defaults: {', '.join(untried)}" if untried else built, fg="green")


def _print(tree: Tree) -> None:
    """Print a tree; elsewhere than in a terminal with lines as long as they are, and without the blanks that fill them up."""
    if sys.stdout.isatty():
        Console(highlight=False).print(tree)
        return
    console = Console(highlight=False, width=_ENDLESS)
    with console.capture() as captured:
        console.print(tree)
    click.echo("\n".join([line.rstrip() for line in captured.get().splitlines()]))


def _add_inputs(tree: Tree, service: Service, shared: dict[str, Collection]) -> None:
    read = {each.name for each in every_description(shared.values()) if isinstance(each, Input)}
    branch = tree.add(Text("inputs", style="bold"))
    for name in service.inputs:
        branch.add(Text(name).append("" if name in read else "  not read by the shared graph", style="dim"))


def _add_collections(branch: Tree, shared: dict[str, Collection]) -> None:
    shown: set[Description] = set()
    for name, collection in shared.items():
        _add_sources(branch.add(Text(name, style="cyan").append(" = ").append(_operation(collection))), collection, shown)


def _add_resources(branch: Tree, service: Service, resources: dict[str, Collection | None]) -> None:
    for name, collection in resources.items():
        below = branch.add(_signature(name, service.resources[name][0], 1))
        if collection is not None:
            _add_sources(below.add(_operation(collection)), collection, set())


def _add_sources(branch: Tree, description: Description, shown: set[Description]) -> None:
    """Add what `description` is computed from; what was shown before is only named."""
    for source in description.sources:
        line = Text(_operation(source))
        if source.sources and source in shown:
            branch.add(line.append("  as above", style="dim"))
            continue
        shown.add(source)
        _add_sources(branch.add(line), source, shown)


def _operation(description: Description) -> str:
    """Return the last step of a pipeline."""
    match description:
        case Input():
            return description.name
        case Map():
            return f"map {_function(description)}"
        case Lazy():
            return f"lazy {_function(description)}"
        case Reduce():
            return f"reduce {type(description.reducer).__name__}"
        case Slices():
            return f"slices {', '.join([f'{_bound(start)} … {_bound(end)}' for start, end in description.ranges]) or 'of nothing'}"
        case Take():
            return f"take {description.limit}"
        case Merge():
            return "merge"
        case Size():
            return "size"
    return description.label()


def _function(description: Map | Lazy) -> str:
    name = getattr(description.function, "__name__", type(description.function).__name__)
    constants = [repr(each) for each in description.extra if not isinstance(each, Description)]
    return f"{name}({', '.join(constants)})" if constants else name


def _bound(bound: JSON) -> str:
    if isinstance(bound, Top):
        return "end"
    if isinstance(bound, tuple) and bound and isinstance(bound[-1], Top):
        return f"{list(bound[:-1])!r} …"
    return repr(bound)


def _signature(name: str, function: Callable[..., Any], num_given: int) -> Text:
    shown = [_parameter(each) for each in parameters_of(function, num_given)]
    text = Text(name, style="cyan").append(f"({', '.join(shown)})", style="default")
    summary = (inspect.getdoc(function) or "").split("\n")[0]
    return text.append(f"  {summary}", style="dim") if summary else text


def _parameter(parameter: inspect.Parameter) -> str:
    hint = parameter.annotation
    shown = parameter.name
    if hint is not parameter.empty:
        shown += f": {hint if isinstance(hint, str) else inspect.formatannotation(hint)}"
    if parameter.default is not parameter.empty:
        shown += f" = {parameter.default!r}"
    return shown
