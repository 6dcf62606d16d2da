"""Checking what callers pass against the annotations of the function that takes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_type_hints

import msgspec

from deltamesh.application.transaction import Caller, Role
from deltamesh.errors import ConfigurationError, InvalidParameters, TooLarge
from deltamesh.values import JSON, freeze

MAX_SIZE: Final = 16 * 1024
"""Bytes of JSON text that the parameters of a resource, or the arguments of an action, may have."""


class Signature:
    """
    The parameters of `function` behind the first `num_given`, which the service itself passes.

    A parameter named `caller` is filled by the service as well: with the `Caller`, or with nothing but the caller's `Role` if that is its
    annotation. Those without an annotation take any JSON value.
    `max_size` is what they may have together, see `MAX_SIZE`.
    """

    def __init__(self, function: Callable[..., Any], num_given: int, *, max_size: int = MAX_SIZE) -> None:
        self.name = function.__name__
        self._max_size = max_size
        try:
            hints = get_type_hints(function, include_extras=True)
        except NameError as error:
            raise ConfigurationError(f"{self.name}: an annotation cannot be resolved: {error}") from error
        listed = list(inspect.signature(function).parameters.values())
        if len(listed) < num_given:
            raise ConfigurationError(f"{self.name} must take at least {num_given} parameters")
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        self.takes_caller = False
        self._takes_role = False
        for parameter in listed[num_given:]:
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise ConfigurationError(f"{self.name}: *{parameter.name} has no place in a call by name; list the parameters")
            if parameter.name == "caller":
                self.takes_caller = True
                self._takes_role = hints.get("caller") is Role
                continue
            hint = hints.get(parameter.name, Any)
            fields.append(
                (parameter.name, hint) if parameter.default is parameter.empty else (parameter.name, hint, _default(parameter.default))
            )
        self.names = [field[0] for field in fields]
        try:
            self._struct = msgspec.defstruct(f"{self.name}_parameters", fields, kw_only=True, forbid_unknown_fields=True)
            msgspec.convert({}, self._struct, strict=True)
        except msgspec.ValidationError:
            pass  # a required parameter is missing, as it may
        except TypeError as error:
            raise ConfigurationError(f"{self.name}: {error}") from error

    def check(self, given: object) -> dict[str, Any]:
        """
        Return the parameters, defaults filled in, converted to their annotations; those of any type are frozen JSON.

        Raises:
            InvalidParameters: `given` is not an object with the right names and types.
            TooLarge: it has more than `max_size` bytes as JSON text.
        """
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            raise InvalidParameters(self.name, f"an object is expected, not {type(given).__name__}")
        try:
            size = len(msgspec.json.encode(given))
            if size > self._max_size:
                raise TooLarge(f"parameters of {self.name}", size, self._max_size)
            struct = msgspec.convert(freeze(given), self._struct, strict=True)
        except (msgspec.MsgspecError, TypeError, RecursionError, ValueError) as error:
            raise InvalidParameters(self.name, str(error)) from error
        return {name: getattr(struct, name) for name in self.names}

    def check_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """As `check`, for a call with positional and keyword arguments."""
        if len(args) > len(self.names):
            raise InvalidParameters(self.name, f"{len(args)} positional arguments given, it takes {len(self.names)}")
        given = dict(zip(self.names, args, strict=False))
        for name, value in kwargs.items():
            if name in given:
                raise InvalidParameters(self.name, f"{name} is given twice")
            given[name] = value
        return self.check(given)

    def caller(self, caller: Caller) -> tuple[Caller | Role, JSON]:
        """Return what `caller` is filled with, and what of that tells instances apart: callers that are equal in it share one."""
        if self._takes_role:
            role = Role(caller.authrole or "")
            return role, role
        return caller, (caller.authid, caller.authrole)

    def identity(self, checked: Mapping[str, Any]) -> JSON:
        """Return checked parameters as frozen JSON: equal for equal parameters."""
        return freeze(msgspec.to_builtins(checked))


def _default(value: Any) -> Any:
    """Mutable defaults become factories, as msgspec wants them."""
    if isinstance(value, list | dict | set):
        return msgspec.field(default_factory=value.copy)
    return value
