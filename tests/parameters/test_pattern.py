"""Patterns match as ECMAScript has it, in linear time, or are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltamesh.parameters.content.pattern import MAX_TIMES, NotSupported, Pattern, TooLong

pieces = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "[b-d]", r"\d", r"\W", r"[\da]", r"\.", r"\x61", "(?:)", "c"])
zero = st.sampled_from(["^", r"\b", r"\B", ""])
times = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?"])
expressions = st.recursive(
    st.tuples(pieces, times).map("".join) | zero,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.tuples(inner, inner).map("|".join)
        | st.tuples(inner, times).map(lambda both: f"({both[0]}){both[1]}")
    ),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(expressions, st.lists(st.text("abcd1. \n", min_size=1, max_size=8), min_size=1, max_size=4))
def test_it_matches_as_python_does(expression: str, texts: list[str]) -> None:
    pattern = Pattern(expression)

    for text in texts:
        assert pattern.is_in(text) == bool(re.search(expression, text, re.ASCII)), text


@pytest.mark.parametrize(
    ("expression", "yes", "no"),
    [
        ("a$", ["ba"], ["a\n", "ab"]),
        (".", ["a", "\x85"], ["\n", "\r", "\u2028", ""]),
        (r"^\s$", [" ", "\u00a0", "\ufeff", "\u2003"], ["\x1c", "\x85"]),
        (r"^\w$", ["a", "_", "0"], ["é"]),
        (r"^\d$", ["7"], ["٣"]),
        (r"^[\]\-^]$", ["]", "-", "^"], ["\\"]),
        (r"^[^\n]$", ["a"], ["\n"]),
        (r"^[a-]$", ["a", "-"], ["b"]),
        (r"^[\D1]$", ["a", "1"], ["2"]),
        (r"^[\b]$", ["\b"], ["b"]),
        (r"^[]$", [], ["", "a"]),
        (r"^[^]$", ["a", "\n"], [""]),
        (r"^\u00e9\u{1f600}\x41\/$", ["é😀A/"], []),
        ("^(?<year>[0-9]{4})-{2}$", ["2024--"], ["2024-"]),
        ("^a{,2}{x}$", ["a{,2}{x}"], ["aa"]),
        ("^[a-z]+(-[a-z]+)*$", ["ab-c-d"], ["ab-", "-"]),
        ("", ["", "a"], []),
        ("^$|b", ["", "ab"], ["a"]),
        (r"\B", ["", "ab"], ["a"]),
    ],
)
def test_what_ecmascript_says(expression: str, yes: list[str], no: list[str]) -> None:
    pattern = Pattern(expression)

    assert [text for text in yes if not pattern.is_in(text)] == []
    assert [text for text in no if pattern.is_in(text)] == []


@pytest.mark.parametrize(
    "expression",
    [
        *["(", ")", "a)", "[a", "a\\", "*", "+a", "(?", "(*)", "a**", "[b-a]", r"[\d-a]x[a-\d]", "a{2,1}", f"a{{{MAX_TIMES + 1}}}"],
        *[r"\1", r"(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?i:a)", r"\p{L}", r"\k<a>", r"\q", r"\u12", r"\u{110000}", r"\01"],
        *["x" * 1001, "(" * 51 + ")" * 51, "((x{1000}){1000}){1000}", "(((x?){100}){100}){100}"],
    ],
)
def test_what_is_refused(expression: str) -> None:
    with pytest.raises(NotSupported):
        Pattern(expression)


@pytest.mark.parametrize("expression", ["^(a+)+$", "^(a|a)*$", "^(a*)*b$", "(x+x+)+y", "(.*a){12}", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_expression_takes_exponential_time(expression: str) -> None:
    for text in ("a" * 60_000 + "!", "x" * 60_000):
        try:
            Pattern(expression).is_in(text)
        except TooLong:
            assert expression == "(.*a){12}"


def test_what_takes_too_long_is_given_up() -> None:
    text = "".join([f"{number:b}" for number in range(10_000)]).replace("0", "a").replace("1", "b")

    with pytest.raises(TooLong):
        Pattern("(a|b)*a(a|b){900}c").is_in(text)


def test_empty_loops_end() -> None:
    assert Pattern("(a*)*(b?)+(^)*$").is_in("ab")
    assert Pattern("(((((()*)*)*)*)*)*").is_in("")
