"""
From a repository to what a service is to hold: the latest state of a branch, made anew only as far as it has changed.

It belongs into a thread, like the repository; one call at a time.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.content.branch import HISTORY, State, beginning, state_of
from deltamesh.parameters.content.reading import Held, NotGood, Problem, Reading
from deltamesh.parameters.content.writing import Contents, contents, transaction
from deltamesh.parameters.git.remote import Damaged
from deltamesh.parameters.git.repository import Repository
from deltamesh.values import JSON

_PATH: Final = re.compile(r"(?<![\w:/.~@-])/(?:[^\s'\"`:,;/]+/)*([^\s'\"`:,;/]+)/?")
"""An absolute path, and its last part."""


class Found(NamedTuple):
    """What a branch amounts to."""

    state: State
    contents: Contents
    """What a service holds then."""
    branch: str | None
    """None: HEAD is at a commit without a branch."""


class Latest:
    """
    Looks where the branch of `repository` is.

    Args:
        environment: whose files win over those of the base.
        region: whose files win over both.
        history: commits that are kept, at least.

    Raises:
        ConfigurationError: one of these cannot be.
    """

    def __init__(
        self, repository: Repository, *, environment: str | None = None, region: str | None = None, history: int = HISTORY
    ) -> None:
        if history < 1:
            raise ConfigurationError(f"a history of {history} commits is none")
        try:
            self._reading = Reading(repository.load, environment=environment, region=region)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        self.num_reads = 0
        """Heads that were read."""
        self._repository = repository
        self._environment, self._region = environment, region
        self._history = history
        self._unread: set[str] = set()  # commits of which something was missing or damaged, in the last look
        self._whole: State | None = None  # of the last head that could be read

    def look(self, known: Found | None, *, fetch: bool) -> Found:
        """
        Return what the branch amounts to now, `known` itself if it is where it was. With `fetch` the server of a remote one is asked.

        Raises:
            OutOfReach: the repository, or its head; or no commit can be read. A mirror that is damaged is forgotten, and fetched anew.
        """
        try:
            if fetch:
                self._repository.refresh()
            return self._look(known, is_ours=self._repository.is_remote)
        except Damaged:
            if not self._repository.is_remote:
                raise
        self._repository.forget()
        self._repository.refresh()
        return self._look(known, is_ours=False)

    def _look(self, known: Found | None, *, is_ours: bool) -> Found:
        """Return what the branch amounts to. What is missing from it is a fault of the mirror if that `is_ours`, or else of the commit."""
        head = self._repository.head()
        branch = self._repository.branch
        is_there = known is not None and known.branch == branch and known.state.head is not None and known.state.head.id == head
        if known is not None and is_there and head not in self._unread:
            return known
        self.num_reads += not is_there
        unread: set[str] = set()
        chain = self._repository.chain(head=head)
        chain = chain[beginning(chain[-1].number, self._history) :]
        state = state_of([(commit, partial(self._held, commit.id, None if is_ours else unread)) for commit in chain], self._whole)
        if state.good is None and unread:  # nothing can be said of its parameters, so what is held stays
            raise Damaged(f"{self._repository.place}: no commit is good, and {len(unread)} cannot be read: {what_is_wrong(state)}")
        self._unread = unread
        if head not in unread:
            self._whole = state
        found = Found(state, contents(state, self._about(state, branch)), branch)
        return known if known is not None and is_there and not transaction(known.contents, found.contents) else found

    def _held(self, commit: str, unread: set[str] | None) -> dict[str, Held]:
        """Return the parameters of a commit. If something of it is missing, it goes into `unread`, and is not good."""
        try:
            return self._reading.read(self._repository.files(commit, is_whole=False))
        except Damaged as error:
            if unread is None:
                raise
            self._repository.check(commit)
            unread.add(commit)
            reason = public(str(error).removeprefix(f"{self._repository.place}: "), self._repository.path)
            raise NotGood([Problem(None, None, None, f"it cannot be read: {reason[:300]}")]) from error

    def _about(self, state: State, branch: str | None) -> dict[str, JSON]:
        """Return what is told of the reading, besides the state."""
        return {
            "repository": self._repository.place,
            "branch": branch,
            "environment": self._environment,
            "region": self._region,
            "layers": self._reading.layers,
            "files": len({parameter.file for parameter in state.parameters.values()}),
        }


def public(text: str, path: Path) -> str:
    """Return what is told of a fault with the last parts of paths only: where on this machine the repository `path` is, is not for all."""
    return _PATH.sub(r"\1", text.replace(str(path), path.name))


def objection(state: State) -> str | None:
    """Return in one line that the head is not good, None if it is. Everybody may know it: it names no file and no parameter."""
    head = state.head
    if head is None or not state.problems:
        return None
    return f"commit {head.id[:12]} by {head.author:.100} is not good: {len(state.problems)} problem{'s' * (len(state.problems) > 1)}"


def what_is_wrong(state: State) -> str | None:
    """Return in one line why the head is not good, None if it is; for the log."""
    if not state.problems:
        return None
    commit, problem = state.problems[0]
    place = "" if problem.file is None else f" {problem.file}{'' if problem.line is None else f', line {problem.line}'}:"
    more = f" (and {len(state.problems) - 1} more)" if len(state.problems) > 1 else ""
    return f"commit {commit.id[:12]} by {commit.author}:{place} {problem.reason}{more}"
