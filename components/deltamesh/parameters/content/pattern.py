"""
Regular expressions of JSON Schema, which are those of ECMAScript, matched in linear time.

Python takes exponential time for some expressions, so whoever writes a schema could stop a reader. Here all ways to match are followed at
once (K. Thompson, Regular expression search algorithm, 1968), and the sets of places that they have come to are kept as the states of
an automaton. What does not fit in is refused: backreferences and looking around. So are properties of Unicode.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Never, TypeAlias

MAX_LENGTH: Final = 1_000
"""Characters of an expression."""

MAX_GROUPS: Final = 50
"""Groups within groups."""

MAX_TIMES: Final = 1_000
"""What a count in braces may be."""

MAX_STEPS: Final = 4_000
"""Steps of a program: `x{1000}` has a thousand."""

MAX_VISITS: Final = 2_000_000
"""Steps that are looked at for one text, about a second's work."""

MAX_KEPT: Final = 100_000
"""Places in the states of an automaton that are kept."""

_LINE_ENDS: Final = frozenset("\n\r\u2028\u2029")
_SPACES: Final = frozenset("\t\v\f \u00a0\u1680\u202f\u205f\u3000\ufeff") | {chr(each) for each in range(0x2000, 0x200B)} | _LINE_ENDS
_DIGITS: Final = frozenset("0123456789")
_WORD: Final = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACES}
_CONTROLS: Final = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "0": "\0"}

_Test: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of a program: one of these, or none, which is the end."""

    test: _Test | None = None
    """What the next character has to be."""
    where: str | None = None
    """What the place in the text has to be."""
    jumps: tuple[int, ...] = ()
    """How far it is to the steps that are next."""


_Part: TypeAlias = list[_Step]
"""A piece of a program, which is left at its end, and may stand anywhere."""


class NotSupported(ValueError):
    """The expression is wrong, or has what is not supported."""


class TooLong(Exception):
    """To match this text would take too long."""


class Pattern:
    """
    A regular expression.

    Raises:
        NotSupported: it cannot be one.
    """

    def __init__(self, expression: str) -> None:
        self._steps = [*_Parser(expression).parse(), _Step()]
        self._kept: dict[tuple[frozenset[int], bool | None, str | None], frozenset[int] | bool] = {}
        self._num_kept = 0

    def is_in(self, text: str) -> bool:
        """
        Whether some part of `text` matches.

        Raises:
            TooLong: that would take too long.
        """
        places = frozenset({0})
        after: bool | None = None  # whether a character of a word was before; None: nothing was
        visits = 0
        for char in (*text, None):
            key = (places, after, char)
            following = self._kept.get(key)
            if following is None:
                visits += len(self._steps)
                if visits > MAX_VISITS:
                    raise TooLong
                following = self._follow(places, after, char)
                self._num_kept += len(places)
                if self._num_kept > MAX_KEPT:
                    self._kept.clear()
                    self._num_kept = len(places)
                self._kept[key] = following
            if isinstance(following, bool):
                return following
            places, after = following, char in _WORD
        raise AssertionError("the end of a text is a character that nothing follows")

    def _follow(self, places: Iterable[int], after: bool | None, char: str | None) -> frozenset[int] | bool:
        """Return the places that `char` leads to, or whether there is a match."""
        is_edge = bool(after) != (char is not None and char in _WORD)
        holds = {"start": after is None, "finish": char is None, "edge": is_edge, "inside": not is_edge}
        following = {0}  # a match may begin anywhere
        seen = set(places)
        waiting = list(seen)
        while waiting:
            place = waiting.pop()
            step = self._steps[place]
            reached = [place + jump for jump in step.jumps]
            if step.test is not None:
                if char is not None and step.test(char):
                    following.add(place + 1)
            elif step.where is not None:
                if holds[step.where]:
                    reached = [place + 1]
            elif not reached:
                return True
            for each in reached:
                if each not in seen:
                    seen.add(each)
                    waiting.append(each)
        return False if char is None else frozenset(following)


class _Parser:
    """Makes a program of an expression, from left to right."""

    def __init__(self, expression: str) -> None:
        if len(expression) > MAX_LENGTH:
            raise NotSupported(f"an expression may have {MAX_LENGTH} characters")
        self._text = expression
        self._at = 0
        self._depth = 0

    def parse(self) -> _Part:
        part = self._alternatives()
        if self._at < len(self._text):
            self._fail("a group is closed that was not opened")
        return part

    def _fail(self, why: str) -> Never:
        raise NotSupported(f"{why}, at character {self._at + 1}")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            self._fail("the expression is not complete")
        self._at += 1
        return char

    def _takes(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _bounded(self, part: _Part) -> _Part:
        if len(part) > MAX_STEPS:
            self._fail("the expression repeats too much")
        return part

    def _alternatives(self) -> _Part:
        part = self._sequence()
        while self._takes("|"):
            other = self._sequence()
            part = self._bounded([_Step(jumps=(1, len(part) + 2)), *part, _Step(jumps=(len(other) + 1,)), *other])
        return part

    def _sequence(self) -> _Part:
        part: _Part = []
        while self._peek() not in ("", "|", ")"):
            part += self._repeated(self._atom())
            self._bounded(part)
        return part

    def _repeated(self, part: _Part) -> _Part:
        """Return `part` as often as what follows says."""
        times = self._times()
        if times is None:
            return part
        self._takes("?")  # to prefer fewer changes nothing about whether there is a match
        least, most = times if part else (1, 1)
        if len(part) * max(least, most or 0) > MAX_STEPS:
            self._fail("the expression repeats too much")
        if most is None:
            return [*part * least, _Step(jumps=(1, len(part) + 2)), *part, _Step(jumps=(-len(part) - 1,))]
        optional: _Part = [_Step(jumps=(1, len(part) + 1)), *part]
        return part * least + optional * (most - least)

    def _times(self) -> tuple[int, int | None] | None:
        """Take `*`, `+`, `?` or a count in braces, if there is one. Other braces are characters."""
        for sign, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._takes(sign):
                return times
        found = _COUNT.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        least = int(found["least"])
        most = least if found["comma"] is None else None if not found["most"] else int(found["most"])
        if most is not None and most < least:
            self._fail("a count has its limits in the wrong order")
        if max(least, most or 0) > MAX_TIMES:
            self._fail(f"a count may be {MAX_TIMES} at most")
        return least, most

    def _atom(self) -> _Part:
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return [_Step(self._class())]
            case ".":
                return [_Step(lambda each: each not in _LINE_ENDS)]
            case "^":
                return [_Step(where="start")]
            case "$":
                return [_Step(where="finish")]
            case "\\" if self._peek() in ("b", "B"):
                return [_Step(where="edge" if self._next() == "b" else "inside")]
            case "\\":
                return [_Step(_test(*self._escape()))]
        if char in "*+?":
            self._fail("there is nothing to repeat")
        return [_Step(_test(frozenset(char)))]

    def _group(self) -> _Part:
        if self._takes("?") and not self._takes(":"):
            name = _NAME.match(self._text, self._at)
            if name is None:
                self._fail("looking around is not supported")
            self._at = name.end()
        self._depth += 1
        if self._depth > MAX_GROUPS:
            self._fail(f"there are more than {MAX_GROUPS} groups within each other")
        part = self._alternatives()
        self._depth -= 1
        if not self._takes(")"):
            self._fail("a group is not closed")
        return part

    def _class(self) -> _Test:
        """Take a class of characters, after its bracket."""
        negated = self._takes("^")
        singles: set[str] = set()
        excluding: list[frozenset[str]] = []  # all characters but these
        ranges: list[tuple[str, str]] = []
        while not self._takes("]"):
            first, but = self._member()
            if but is None and len(first) == 1 and self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._next()
                last, but = self._member()
                if but is not None or len(last) != 1 or min(last) < min(first):
                    self._fail("a range is not one")
                ranges.append((min(first), min(last)))
            elif but is None:
                singles |= first
            else:
                excluding.append(but)
        return _test(frozenset(singles), excluding, ranges, negated)

    def _member(self) -> tuple[frozenset[str], frozenset[str] | None]:
        char = self._next()
        if char != "\\":
            return frozenset(char), None
        return (frozenset("\b"), None) if self._takes("b") else self._escape()

    def _escape(self) -> tuple[frozenset[str], frozenset[str] | None]:
        """Take what follows a backslash. Return the characters it means, or those that it does not."""
        char = self._next()
        if char in _CLASSES:
            return _CLASSES[char], None
        if char.lower() in _CLASSES:
            return frozenset(), _CLASSES[char.lower()]
        if char in _CONTROLS and not (char == "0" and self._peek() in _DIGITS):
            return frozenset(_CONTROLS[char]), None
        if char in "xu" and (code := _CODE.match(self._text, self._at - 1)):
            self._at = code.end()
            number = int(code["code"] or code["point"] or code["unit"], 16)
            if number <= 0x10FFFF:
                return frozenset(chr(number)), None
        if char in _WORD:
            self._fail("this escape is not supported")
        return frozenset(char), None


_COUNT: Final = re.compile(r"\{(?P<least>[0-9]{1,6})(?P<comma>,(?P<most>[0-9]{0,6}))?\}")
_NAME: Final = re.compile(r"<[A-Za-z_$][A-Za-z0-9_$]*>")
_HEX: Final = "[0-9a-fA-F]"
_CODE: Final = re.compile(rf"x(?P<code>{_HEX}{{2}})|u(?:(?P<unit>{_HEX}{{4}})|\{{(?P<point>{_HEX}{{1,6}})\}})")


def _test(
    chars: frozenset[str],
    excluding: Sequence[frozenset[str]] | frozenset[str] | None = None,
    ranges: Sequence[tuple[str, str]] = (),
    negated: bool = False,
) -> _Test:
    """Return a test for `chars`, for all characters but some, and for those in ranges."""
    but = [excluding] if isinstance(excluding, frozenset) else excluding or []

    def test(char: str) -> bool:
        found = char in chars or any([char not in each for each in but]) or any([first <= char <= last for first, last in ranges])
        return found != negated

    return test
