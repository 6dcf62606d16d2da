"""What the documents say about files and errors is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from deltamesh import errors

ROOT = Path(__file__).parents[1]
ELSEWHERE = {"node_modules", ".venv", ".git", ".crossbar", ".pytest_cache", "build", "dist"}
DOCUMENTS = [file for file in sorted(ROOT.rglob("*.md")) if not ELSEWHERE & set(file.relative_to(ROOT).parts)]

LOCAL = {
    errors.ConfigurationError,  # stops a component before it is connected
    errors.MalformedMessage,  # is what the receiver of an event finds, and nobody waits for its answer
    errors.ApplicationError,  # has the application's own URI
    errors.RemoteError,  # has whatever URI the peer sent
}
"""Errors that never travel under a URI of ours."""


ERRORS = [cls for cls in errors.DeltameshError.__subclasses__() if cls.__module__ == errors.__name__]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchor(heading: str) -> str:
    """Return the fragment by which a heading of Markdown is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^()\s]+)\)", without_code(document.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (fragment and fragment not in map(anchor, re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE))):
            dead.append(link)

    assert dead == []


def test_every_decision_is_in_the_index_under_its_title() -> None:
    folder = ROOT / "docs/decisions"
    index = (folder / "README.md").read_text()
    decisions = [file for file in sorted(folder.glob("*.md")) if file.name != "README.md"]
    titles = {file.name: file.read_text().splitlines()[0].removeprefix("# ").split(". ", 1)[1] for file in decisions}

    assert [name for name, title in titles.items() if f"[{title}]({name})" not in index] == []


class Documented(NamedTuple):
    name: str
    retry: bool


def documented_errors() -> set[Documented]:
    """Return the rows of the table of errors in docs/protocol.md; a row may name several."""
    section = (ROOT / "docs/protocol.md").read_text().split("\n## 6. Errors\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \| (yes|no) \|", section, re.MULTILINE)
    return {Documented(name, retry == "yes") for names, retry in rows for name in re.findall(r"`(\w+)`", names)}


def defined_errors() -> set[Documented]:
    """Return the errors of errors.py that travel. `UnknownName` has one name for each kind of thing, listed in its line of the tree."""
    travelling = [cls for cls in ERRORS if cls not in LOCAL | {errors.UnknownName}]
    names = {Documented(cls.uri.removeprefix(errors.PREFIX), cls.retry) for cls in travelling}
    return names | {Documented(name, errors.UnknownName.retry) for name in re.findall(r"\bunknown_\w+", errors.__doc__ or "")}


def test_the_protocol_documents_exactly_the_errors_that_there_are() -> None:
    documented = documented_errors()

    assert documented
    assert defined_errors() == documented


def test_every_error_has_a_uri_of_its_own() -> None:
    uris = [cls.uri for cls in ERRORS if cls not in LOCAL | {errors.UnknownName}]

    assert len(set(uris)) == len(uris)
    assert errors.DeltameshError.uri not in uris


def test_the_tree_in_the_docstring_names_every_error() -> None:
    drawn = re.findall(r"^[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)

    assert drawn == [cls.__name__ for cls in ERRORS]
