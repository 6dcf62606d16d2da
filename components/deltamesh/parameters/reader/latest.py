"""
From a repository to what a service is to hold: the latest state of a branch, made anew only as far as it has changed.

It belongs into a thread, like the repository; one call at a time.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.content.branch import HISTORY, State, beginning, state_of
from deltamesh.parameters.content.reading import Held, Reading
from deltamesh.parameters.content.writing import Contents, contents
from deltamesh.parameters.git.remote import Damaged
from deltamesh.parameters.git.repository import Repository
from deltamesh.values import JSON


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

    def look(self, known: Found | None, *, fetch: bool) -> Found:
        """
        Return what the branch amounts to now, `known` itself if it is where it was. With `fetch` the server of a remote one is asked.

        Raises:
            OutOfReach: the repository, or something that is needed of it. A mirror that is damaged is forgotten.
        """
        if fetch:
            self._repository.refresh()
        try:
            return self._look(known)
        except Damaged:
            self._repository.forget()
            raise

    def _look(self, known: Found | None) -> Found:
        head = self._repository.head()
        branch = self._repository.branch
        if known is not None and known.branch == branch and known.state.head is not None and known.state.head.id == head:
            return known
        self.num_reads += 1
        chain = self._repository.chain(head=head)
        chain = chain[beginning(chain[-1].number, self._history) :]
        state = state_of([(commit, partial(self._held, commit.id)) for commit in chain], None if known is None else known.state)
        return Found(state, contents(state, self._about(state, branch)), branch)

    def _held(self, commit: str) -> dict[str, Held]:
        return self._reading.read(self._repository.files(commit))

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
