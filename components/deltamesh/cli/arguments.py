"""What people type for applications, services, JSON values and names. Each function is the type of an argument or option."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click
import msgspec

from deltamesh.cli.application import load
from deltamesh.errors import ConfigurationError
from deltamesh.uris import ServiceURIs, check_name

_APPLICATION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(?<!\.py):[^\W\d]\w*")


def application_name(text: str) -> str:
    """Check `module:attribute`; whether there is such an application is seen by `application.load`."""
    if not _APPLICATION.fullmatch(text):
        raise click.BadParameter(f"{text!r} names no application: write MODULE:ATTRIBUTE, as in examples.departures:app")
    return text


def service_name(text: str) -> str:
    """Return the URI of a service, which is `text`, or is asked of the application that `text` names."""
    if "://" in text:  # perhaps with a password in it, which is not repeated
        raise click.BadParameter("this is a URL, and the URI of a service is expected, as in com.example.hackernews")
    if ":" in text:
        return load(application_name(text)).uris.prefix
    try:
        return ServiceURIs(text).prefix
    except ConfigurationError as error:
        raise click.BadParameter(error.message) from error


def component_name(text: str) -> str:
    """Check the name of a component, which is a part of URIs."""
    try:
        return check_name("a component", text)
    except ConfigurationError as error:
        raise click.BadParameter(error.message) from error


def host_and_port(text: str) -> tuple[str, int]:
    """Return the two parts of `HOST:PORT`; an IPv6 address may be in brackets. Port 0 is any that is free."""
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"{text!r}: write HOST:PORT, as in 127.0.0.1:8081")
    return host, int(port)


def json_value(text: str) -> Any:
    """Return JSON, or `text` itself, which needs no quotes; what begins like JSON must be JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError) as error:
        if text[:1] in ("{", "[", '"'):
            raise click.BadParameter(f"{text!r} is not JSON: {error}") from error
        return text


def named_value(text: str) -> tuple[str, Any]:
    """Return the two parts of `name=value`; for the value see `json_value`."""
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise click.BadParameter(f"{text!r}: write NAME=VALUE, as in limit=10 or airport=JFK")
    return name, json_value(value)


def command_line(text: str) -> list[str]:
    """Return the words of a command, split as a shell does."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}") from error
    if not words:
        raise click.BadParameter("it is empty")
    return words


def mapping(kind: str, pairs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Return named values as a dictionary; a name that is given twice is a mistake."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.UsageError(f"{kind} {name} is given twice")
        found[name] = value
    return found
