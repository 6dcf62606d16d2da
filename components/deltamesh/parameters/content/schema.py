"""
What a JSON Schema in the repository demands of parameters (draft 2020-12, https://json-schema.org/draft/2020-12).

A schema may be wrong, refer to itself without end, or be made so that it takes for ever: its work is counted. It refers to nothing
outside of its own file, so nothing is fetched, ever. Formats are not checked, as the draft leaves that open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from deltamesh.parameters.content.pattern import NotSupported, Pattern, TooLong
from deltamesh.parameters.text.document import Document, Place
from deltamesh.values import freeze, order_of

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

MAX_WORK: Final = 300_000
"""Keywords that are applied in one check: some seconds of work."""

MAX_BREACHES: Final = 100
"""What one check tells."""

_DATA: Final = frozenset({"const", "default", "enum", "examples"})
"""Keywords whose values are no schemas and have none in them."""


@dataclass(frozen=True, slots=True)
class Breach:
    """Where parameters are not as a schema demands, and what it demands."""

    place: Place
    reason: str


class NotASchema(Exception):
    """A file is no schema, or one with something that is not supported."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason, line)
        self.reason, self.line = reason, line


class _TooMuchWork(Exception):
    """More keywords than may be were applied."""


@dataclass(slots=True)
class _Check:
    """One check under way."""

    patterns: Mapping[str, Pattern]
    work: int = 0


_CHECK: Final[ContextVar[_Check]] = ContextVar("check")


class Schema:
    """
    The schema in `document`.

    Raises:
        NotASchema: it is none. It names the line.
    """

    def __init__(self, document: Document) -> None:
        self._patterns: dict[str, Pattern] = {}
        schema = document.value
        if isinstance(schema, dict):
            if schema.get("$schema", DRAFT) not in (DRAFT, f"{DRAFT}#"):
                raise NotASchema("only draft 2020-12 is supported", document.line_of(("$schema",)))
            schema = {name: item for name, item in schema.items() if name not in ("$schema", "$id")}
        try:
            self._look_through(document, schema)
        except RecursionError:
            raise NotASchema("the schema is nested too deeply", 1) from None
        self._validator: Any = _CountingValidator(schema, registry=EMPTY_REGISTRY)

    def check(self, value: Any) -> list[Breach]:
        """Return where `value`, made of dictionaries, lists and atoms, breaks the schema: nothing, if it does not."""
        token = _CHECK.set(_Check(self._patterns))
        try:
            return [_breach(error) for error in islice(self._validator.iter_errors(value), MAX_BREACHES)]
        except _TooMuchWork:
            return [Breach((), f"to check it takes more than {MAX_WORK} steps")]
        except TooLong:
            return [Breach((), "to match one of its patterns takes too long")]
        except RecursionError:
            return [Breach((), "it refers to itself without end, or is for less nesting")]
        finally:
            _CHECK.reset(token)

    def _look_through(self, document: Document, schema: Any) -> None:
        """Refuse what no check could work with."""
        _demand_schema(document, (), schema)
        resolver = EMPTY_REGISTRY.resolver_with_root(DRAFT202012.create_resource(schema))
        seen = {id(schema)}
        keywords: dict[str, Place] = {}
        waiting: list[tuple[Place, Any]] = [((), schema)]
        while waiting:
            place, part = waiting.pop()
            if isinstance(part, list):
                waiting += [((*place, index), item) for index, item in enumerate(part)]
            if not isinstance(part, dict):
                continue
            for name, item in part.items():
                here = (*place, name)
                keywords[name] = here
                if name not in _DATA:
                    waiting.append((here, item))
                if name in ("$schema", "$id") and isinstance(item, str):
                    raise NotASchema(f"{name} may stand at the top only", document.line_of(here))
                if name in ("$ref", "$dynamicRef") and isinstance(item, str):
                    found = _found(resolver, item)
                    if found is None:
                        raise NotASchema(f"{name} leads to nothing in this file", document.line_of(here))
                    if id(found) not in seen:
                        seen.add(id(found))
                        _demand_schema(document, here, found)
                        waiting.append((here, found))
                if name == "pattern" and isinstance(item, str):
                    self._compile(document, here, item)
                if name == "patternProperties" and isinstance(item, dict):
                    for expression in item:
                        self._compile(document, (*here, expression), expression)
        if "patternProperties" in keywords and "unevaluatedProperties" in keywords:  # which would match them in its own way
            line = document.line_of(keywords["unevaluatedProperties"])
            raise NotASchema("unevaluatedProperties is not supported together with patternProperties", line)

    def _compile(self, document: Document, place: Place, expression: str) -> None:
        try:
            self._patterns[expression] = Pattern(expression)
        except NotSupported as error:
            raise NotASchema(f"this pattern is not one: {error}", document.line_of(place)) from None


def _demand_schema(document: Document, place: Place, schema: Any) -> None:
    for error in _DRAFT.iter_errors(schema):
        raise NotASchema("this is not a JSON Schema of draft 2020-12", document.line_of((*place, *error.absolute_path)))


def _found(resolver: Any, reference: str) -> Any:
    """Return what a reference leads to in its own file, None if to nothing there."""
    try:
        return resolver.lookup(reference).contents
    except Unresolvable:
        return None


# Keywords. What is told of an error are names and what is expected, so messages are not those of the package, which show values.


def _pattern(validator: Any, expression: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _CHECK.get().patterns[expression].is_in(instance):
        yield ValidationError("")


def _matching(schema: Mapping[str, Any], name: str) -> list[str]:
    """Return the expressions of `patternProperties` that a name matches."""
    return [each for each in schema.get("patternProperties", ()) if _CHECK.get().patterns[each].is_in(name)]


def _pattern_properties(validator: Any, schemas: Mapping[str, Any], instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name, item in instance.items():
            for expression in _matching(schema, name):
                yield from validator.descend(item, schemas[expression], path=name)


def _additional_properties(validator: Any, other: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name, item in instance.items():
            if name in schema.get("properties", ()) or _matching(schema, name):
                continue
            if other is False:
                yield ValidationError("", path=(name,))
            else:
                yield from validator.descend(item, other, path=name)


def _required(validator: Any, names: list[str], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in names:
            if name not in instance:
                yield ValidationError(name)


def _unique_items(validator: Any, is_demanded: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if is_demanded and isinstance(instance, list) and len({order_of(freeze(item)) for item in instance}) < len(instance):
        yield ValidationError("")


def _counted(keyword: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
    """Return `keyword`, counting how often it is applied."""

    def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        check = _CHECK.get()
        check.work += 1
        if check.work > MAX_WORK:
            raise _TooMuchWork
        yield from keyword(validator, value, instance, schema) or ()

    return apply


_KEYWORDS: Final[dict[str, Callable[..., Any]]] = {
    **Draft202012Validator.VALIDATORS,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "required": _required,
    "uniqueItems": _unique_items,
}

_CountingValidator: Final[Any] = extend(Draft202012Validator, {name: _counted(keyword) for name, keyword in _KEYWORDS.items()})

_DRAFT: Final[Any] = Draft202012Validator(Draft202012Validator.META_SCHEMA, registry=EMPTY_REGISTRY)

_LIMITS: Final = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
    "minLength": "a length of at least",
    "maxLength": "a length of at most",
    "minItems": "a number of items of at least",
    "maxItems": "a number of items of at most",
    "minProperties": "a number of names of at least",
    "maxProperties": "a number of names of at most",
}


def _breach(error: ValidationError) -> Breach:
    keyword, demanded = error.validator, error.validator_value
    place = tuple(error.absolute_path)
    if keyword == "required":
        return Breach((*place, error.message), "it is missing")
    if keyword in (None, "additionalProperties", "unevaluatedProperties", "unevaluatedItems"):
        return Breach(place, "there is something that may not be here")
    if keyword == "type":
        return Breach(place, f"expected is {demanded if isinstance(demanded, str) else ' or '.join(demanded)}")
    if keyword in _LIMITS:
        return Breach(place, f"expected is {_LIMITS[keyword]} {demanded!r:.40}")
    if keyword == "pattern":
        return Breach(place, f"expected is a text that matches {demanded:.80}")
    if keyword in ("anyOf", "oneOf"):
        return Breach(place, f"it fits {'none' if keyword == 'anyOf' else 'none or several'} of the {len(demanded)} alternatives")
    return Breach(place, f"it is not as {keyword} demands")
