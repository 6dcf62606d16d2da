"""
Administration: values are changed by commits, from a page or the command line. It runs beside the reader of the service S.

    S.repository.preview(changes, layer=None)                                    → {"diff", "head", "files"}
    S.repository.preview(revert=commit)                                          → the same
    S.repository.change(changes, message, layer=None, head=None, author=None)    → {"commit", "position": {"epoch", "revision"} or None}
    S.repository.revert(commit, message=None, head=None, author=None)            → the same

`changes` are `[name, value]`, or `[name]` to remove it; `head` is the commit that the caller has looked at. The position is None if the
commit is made and the service cannot be written now: the reader does that later. Wiring only: what is changed, and whether it may be, is
decided in `proposal`. The thread of the repository does it, so one change comes after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, TimeoutError
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.errors import ApplicationError, DeltameshError, InvalidParameters
from deltamesh.parameters.access import TRUSTED, Access
from deltamesh.parameters.administration.editing import Changes
from deltamesh.parameters.administration.message import checked_message
from deltamesh.parameters.administration.proposal import Conflict, Hidden, May, NothingToChange, Proposal, Proposals
from deltamesh.parameters.content.reading import NotGood, Problem
from deltamesh.parameters.git.remote import OutOfReach, Refused
from deltamesh.parameters.git.repository import InTheWay, NoSuchCommit, ReadOnly, Repository
from deltamesh.parameters.reader.reader import Reader
from deltamesh.uris import ServiceURIs
from deltamesh.values import JSON, NotJSON, freeze

MAX_CHANGES: Final = 500
"""Names that one commit changes."""

MAX_AUTHOR: Final = 200
"""Characters."""

MAX_PROBLEMS: Final = 100
"""Problems that are told."""

MAX_WAITING: Final = 50
"""Calls that wait for their turn: more are refused, and can be tried again."""

WRITE_LIMIT: Final = 10.0
"""How long a change waits until the service has it [s]: shorter than its caller waits for an answer."""

SPOKESMAN: Final = "component"
"""The role that may say who the author is."""

_AUTHOR: Final = re.compile(r"[^<>\x00-\x1f\x7f]*[^<>\s\x00-\x1f\x7f] <[^<>\s\x00-\x1f\x7f]*>")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_UNUSUAL: Final = re.compile(r"[^\w.+-]")


class Administration:
    """
    Takes changes of the branch that `reader` reads, in `repository`, for the service `service`.

    Make it after the reader: then it has its procedures when the reader works, and only then.

    Args:
        access: which role may have which names, as the service has it; None: that is not known, so only the roles that may have everything
            take part.
    """

    log = Logger(namespace="parameters")

    def __init__(
        self, connection: Connection, service: str, reader: Reader, repository: Repository, *, access: Access | None = None
    ) -> None:
        self._connection = connection
        self._uris = ServiceURIs(service)
        self._reader = reader
        self._repository = repository
        self._access = access
        self._proposals = Proposals(repository, reader.environment, reader.region)
        self._num_waiting = 0
        self._idle: Deferred[None] | None = None  # waits until nothing is under way
        self._registered: list[Any] = []
        self._is_leaving = False
        connection.on_join(self._set_up)
        connection.on_lost(self._registered.clear)

    def start(self) -> None:
        """Do nothing: it begins when the reader works."""

    async def stop(self) -> None:
        """Take no new changes, and finish those under way. Does nothing the second time."""
        self._is_leaving = True
        registered = list(self._registered)
        self._registered.clear()
        await self._connection.withdraw(registered)
        if self._num_waiting and self._idle is None:
            self._idle = Deferred()
            await self._idle

    async def _set_up(self, connection: Connection) -> None:
        if self._is_leaving or not self._reader.is_active:
            return
        for name, procedure in (("preview", self._preview), ("change", self._change), ("revert", self._revert)):
            self._registered.append(await connection.register(self._uris.action(f"repository.{name}"), procedure))

    # Procedures

    async def _preview(self, details: Any, changes: Any = None, layer: Any = None, revert: Any = None) -> dict[str, JSON]:
        """`S.repository.preview`."""
        may = self._may(details)
        if revert is None:
            propose = partial(self._proposals.change, _changes(changes), _layer(layer), None, may)
        else:
            propose = partial(self._proposals.reversal, _commit("revert", revert), None, may)

        def work() -> dict[str, JSON]:
            self._repository.refresh()
            proposal = propose()
            return {"diff": proposal.difference(may), "head": proposal.head, "files": sorted(proposal.after)}

        preview: dict[str, JSON] = await self._do(work, may)
        return preview

    async def _change(
        self, details: Any, changes: Any = None, message: Any = None, layer: Any = None, head: Any = None, author: Any = None
    ) -> dict[str, JSON]:
        """`S.repository.change`."""
        may, checked, where = self._may(details), _changes(changes), _layer(layer)
        return await self._commit(
            lambda seen: self._proposals.change(checked, where, seen, may), details, checked_message(message), _head(head), author
        )

    async def _revert(self, details: Any, commit: Any = None, message: Any = None, head: Any = None, author: Any = None) -> dict[str, JSON]:
        """`S.repository.revert`."""
        may, former = self._may(details), _commit("commit", commit)
        said = f"Revert {former}.\n" if message is None else checked_message(message)
        return await self._commit(lambda seen: self._proposals.reversal(former, seen, may), details, said, _head(head), author)

    async def _commit(
        self, propose: Callable[[str | None], Proposal], details: Any, message: str, head: str | None, author: Any
    ) -> dict[str, JSON]:
        who = self._author(details, author)
        made = await self._do(lambda: self._proposals.commit(propose, message, who, head), self._may(details))
        self.log.info("{author} has made the commit {commit}", author=who, commit=made)
        position = None
        try:
            where = await self._reader.look(fetch=False).addTimeout(WRITE_LIMIT, self._connection.reactor)
            position = {"epoch": where.epoch, "revision": where.revision}
        except (DeltameshError, OutOfReach, TimeoutError) as error:
            self.log.warn("the commit {commit} is made, but not written: {error}", commit=made, error=error)
        return {"commit": made, "position": position}

    async def _do(self, work: Callable[[], Any], may: May) -> Any:
        """Return what `work()` returns, in its turn; what it raises becomes an error for the caller."""
        if self._num_waiting >= MAX_WAITING:
            raise self._error("out_of_reach", f"{MAX_WAITING} changes are waiting already", retry=True)
        self._num_waiting += 1
        try:
            return await self._whole(work)
        except NotGood as error:
            raise self._not_good(error, may) from error
        except (Conflict, InTheWay) as error:
            facts: Any = {"names": error.names[:MAX_PROBLEMS]} if isinstance(error, Conflict) else {"files": error.paths[:MAX_PROBLEMS]}
            raise self._error("conflict", str(error), **facts) from error
        except Hidden as error:
            raise self._error("restricted", str(error), name=error.name) from error
        except NothingToChange as error:
            raise self._error("nothing_to_change", str(error)) from error
        except NoSuchCommit as error:
            raise self._error("no_such_commit", str(error)) from error
        except (ReadOnly, Refused) as error:
            raise self._error("read_only", str(error)) from error
        except OutOfReach as error:
            raise self._error("out_of_reach", str(error), retry=True) from error

    def _whole(self, work: Callable[[], Any]) -> Deferred[Any]:
        """Return what `work()` returns. Who does not wait for it any longer does not end it, so it counts until it is done."""
        answer: Deferred[Any] = Deferred()

        def done(outcome: Any) -> None:
            self._num_waiting -= 1
            if not answer.called:
                answer.callback(outcome)  # or its failure
            if self._idle is not None and not self._num_waiting:
                self._idle.callback(None)

        self._reader.in_thread(work).addBoth(done)
        return answer

    # Who, and what is said

    def _may(self, details: Any) -> May:
        role = details.caller_authrole or ""
        if role in TRUSTED:
            return None
        if self._access is None:
            raise self._error("restricted", f"the role {role or 'of nobody'} may not administer")
        return partial(self._access.may, role)

    def _author(self, details: Any, author: Any) -> str:
        """Return the author of a commit, `Name <mail>`."""
        if author is None:
            name, role = [
                _UNUSUAL.sub("-", text or "nobody")[: MAX_AUTHOR // 4] for text in (details.caller_authid, details.caller_authrole)
            ]
            return f"{name} <{name}@{role}>"
        if details.caller_authrole != SPOKESMAN:
            raise self._error("restricted", "who the author is only a component may say")
        if not isinstance(author, str) or len(author) > MAX_AUTHOR or not _AUTHOR.fullmatch(author) or not author.isprintable():
            raise InvalidParameters("author", f"write Name <mail>, at most {MAX_AUTHOR} characters, without line breaks")
        return author

    def _not_good(self, error: NotGood, may: May) -> ApplicationError:
        problems = [_told(problem) for problem in error.problems if may is None or problem.name is None or may(problem.name)]
        first = problems[0] if problems else {"file": None, "name": None, "reason": "a restricted name is concerned"}
        place = ": ".join([str(first[each]) for each in ("file", "name") if first[each] is not None])
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return self._error(
            "not_good", f"{place}: {first['reason']}{more}" if place else f"{first['reason']}{more}", problems=problems[:MAX_PROBLEMS]
        )

    def _error(self, name: str, message: str, /, *, retry: bool = False, **facts: Any) -> ApplicationError:
        return ApplicationError(self._uris.error(name), message, retry=retry, **facts)


def _told(problem: Problem) -> dict[str, JSON]:
    return {"file": problem.file, "line": problem.line, "name": problem.name, "reason": problem.reason}


# Checking what callers pass


def _changes(given: Any) -> Changes:
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise InvalidParameters("changes", "a list of [name, value], or [name] to remove it, is expected")
    if len(given) > MAX_CHANGES:
        raise InvalidParameters("changes", f"{len(given)} are too many: one commit may change {MAX_CHANGES} names")
    found: dict[str, tuple[JSON, ...]] = {}
    for each in given:
        if not isinstance(each, Sequence) or isinstance(each, str) or not 1 <= len(each) <= 2 or not isinstance(each[0], str):
            raise InvalidParameters("changes", "each of them is [name, value], or [name] to remove it")
        name = each[0]
        if name in found:
            raise InvalidParameters("changes", f"{name:.200} comes twice")
        try:
            found[name] = tuple([freeze(value) for value in each[1:]])
        except NotJSON as error:
            raise InvalidParameters("changes", f"{name:.200}: {error}") from error
    return found


def _layer(given: Any) -> str | None:
    if given is not None and not (isinstance(given, str) and len(given) <= MAX_AUTHOR):
        raise InvalidParameters("layer", "base, environment or region is expected")
    return given


def _head(given: Any) -> str | None:
    return None if given is None else _commit("head", given)


def _commit(name: str, given: Any) -> str:
    if not isinstance(given, str) or not _COMMIT.fullmatch(given):
        raise InvalidParameters(name, "the whole id of a commit is expected, 40 hexadecimal digits")
    return given
