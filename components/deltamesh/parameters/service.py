"""
Live parameters as a reactive service: what the reader writes, and what everybody can open.

    from deltamesh.parameters import service

    app = service("com.example.parameters", restricted=[("payment.keys", ["auditor"])])

Its inputs are written by the reader alone, with one transaction for each change of the branch, and by the census:

    values    name → {"value", "commit", "number", "file"}: what holds, and the commit that changed it last
    commits   number → {"commit", "author", "time" [Unix s], "message", "good", "changed": number of names}
    changes   [name, number] → {"value"} or {"gone": true}: the newest of each name
    reading   null → {"repository", "branch", "environment", "region", "head", "good", "number", "layers", "files", "parameters"}
    problems  index from 0 → {"commit", "author", "time", "file", "line", "name", "reason"}: why the head is not good
    holders   session → {"session", "client", "kind", "host", "since" [Unix s], "size": number of names}
    holdings  session → its names as one text, sorted, each followed by a line feed and the whole preceded by one
    at        session → {"commit", "number"}: the newest commit of what it holds

The number of a commit is how many ancestors it has on its branch, so it grows from commit to commit. Names of a holder are one text: a
thousand clients with a thousand names each would be a million entries, and to look for one name in a thousand texts takes milliseconds.

Every resource knows the role of who opens it and leaves out what that role may not have (see `access`). Who asks for a restricted name
itself is refused with the error `restricted`, whether or not there is such a parameter. A value in which an object has a key `secrets`
is left out as well, with all of its history; only `chosen` says that it is there, and restricted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta

from deltamesh.application.service import Service
from deltamesh.application.transaction import Role
from deltamesh.graph import Collection
from deltamesh.parameters.access import TRUSTED, Access, Rule, holds_secrets
from deltamesh.parameters.names import MAX_NAME, is_within
from deltamesh.values import JSON

MAX_CHOSEN: Final = 500
"""Names of one `chosen`; together they are bounded by `deltamesh.application.signature.MAX_SIZE`."""

MAX_HISTORY: Final = 100
MAX_COMMITS: Final = 1_000
"""What `history` and `commits` show at most, which is what the reader keeps."""

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=r"^\S+\Z")]
Prefix: TypeAlias = Annotated[str, Meta(max_length=MAX_NAME, pattern=r"^\S*\Z")]

Pairs: TypeAlias = Iterator[tuple[JSON, JSON]]


def service(uri: str, restricted: Iterable[Rule] = ()) -> Service:
    """
    Return the service of the parameters of one branch, under `uri`.

    `restricted` are names that only some roles may have, with all names below them; those with a segment `secrets` always are,
    and values with such a key in them.

    Raises:
        ConfigurationError: `uri` or a rule cannot be one.
    """
    app = Service(uri)
    access = Access(restricted)
    for each in ("values", "commits", "changes", "reading", "problems", "holders", "holdings", "at"):
        app.input(each)

    def refuse_restricted(role: str, name: str) -> None:
        if not access.may(role, name):
            raise app.error("restricted", f"{name} is restricted, and the role {role or 'of nobody'} may not have it", name=name)

    @app.resource
    def parameter(shared: Any, name: Name, caller: Role) -> Collection:
        """
        One parameter: name → what holds, and who has changed it last. No entry if there is none.

            {"name", "value", "commit", "number", "file", "author", "time", "message"}

        The last three are null if the commit is older than what the service keeps.
        """
        refuse_restricted(caller, name)
        described: Collection = shared.values.slice(name, name).map(_as_described, caller in TRUSTED, shared.commits)
        return described

    @app.resource
    def chosen(shared: Any, names: Annotated[list[Name], Meta(max_length=MAX_CHOSEN)], caller: Role) -> Collection:
        """
        Some parameters, for clients: name → `{"value", "commit", "number"}`, or `{"restricted": true}`, or no entry if there is none.

        A change of one name reaches only the instances that contain it.
        """
        # one map for all whom we trust, one for all others, and ranges of single names on it, which store nothing and are looked up by name
        allowed = [name for name in names if access.may(caller, name)]
        current: Collection = shared.values.map(_as_current, caller in TRUSTED).slices(*[(name, name) for name in allowed])
        if len(allowed) == len(names):
            return current
        refused = [name for name in names if not access.may(caller, name)]
        return current.merge(_always(shared).map(_as_refused, refused))

    @app.resource
    def tree(shared: Any, caller: Role, prefix: Prefix = "") -> Collection:
        """The parameter `prefix` and all that are below it, or all there are: name → as `parameter` shows it."""
        values = shared.values
        if prefix:  # "." is followed by "/"
            values = values.slices((prefix, prefix), (f"{prefix}.", f"{prefix}/"))
        found: Collection = values.map(below, prefix, caller, shared.commits)
        return found

    @app.resource
    def history(shared: Any, name: Name, caller: Role, limit: Annotated[int, Meta(ge=1, le=MAX_HISTORY)] = 50) -> Collection:
        """
        How a parameter has changed, the newest first: `[-number]` → the change.

            {"commit", "author", "time", "message", "value" or "gone": true, "was": the value before, left out if there was none}
        """
        refuse_restricted(caller, name)
        changes: Collection = shared.changes.prefix(name).map(_as_change).map(_as_history, caller in TRUSTED, limit, shared.commits)
        return changes

    @app.resource
    def census(shared: Any, caller: Role, name: Prefix = "") -> Collection:
        """
        Who holds the parameter `name`: session → the holder, and where it is. All holders there are, if no name is given.

            {"session", "client", "kind": "python" | "browser" | "node", "host", "since", "size": number of names,
             "commit", "number": the newest commit of what it holds; null if it has nothing yet,
             "is_current": whether that is not older than the newest value of `name`; null if no name is given}

        Holders say this themselves.
        """
        if not name:
            holders: Collection = shared.holders.map(_as_holder, shared.at)
            return holders
        refuse_restricted(caller, name)
        holding: Collection = shared.holdings.map(_as_holding, name, shared.holders, shared.at, shared.values)
        return holding

    @app.resource
    def commits(shared: Any, limit: Annotated[int, Meta(ge=1, le=MAX_COMMITS)] = 50) -> Collection:
        """
        The newest commits, the newest first: `[-number]` → the commit.

            {"commit", "author", "time", "message", "good": whether its parameters could be read, "changed": number of names}
        """
        newest: Collection = shared.commits.map(_newest_first).take(limit)
        return newest

    @app.resource
    def state(shared: Any, caller: Role) -> Collection:
        """
        What is read, and what is wrong with it. No entries before anything has been read.

            "reading"  → {"repository", "branch", "environment", "region", "head": newest commit, "good": the one whose parameters hold,
                          "number": of the good one, "layers", "files", "parameters": number of names}
            "problems" → [{"commit", "author", "time", "file", "line", "name", "reason"}, …], empty if the head is good

        Where the repository is only those are told who may have everything; others get its name.

        Of a problem with a restricted name only the commit is told.
        """
        read: Collection = shared.reading.map(_as_state, caller in TRUSTED, shared.problems.map(as_problem, caller))
        return read

    def below(name: str, values: Any, prefix: str, role: str, commits: Any) -> Pairs:
        if is_within(name, prefix) and access.may(role, name):  # the range has a name more, `prefix/`
            yield from _as_described(name, values, role in TRUSTED, commits)

    def as_problem(_: int, values: Any, role: str) -> Pairs:
        problem = values.one()
        segments = _without_suffix(problem["file"] or "").split("/")
        named = [problem["name"] or "", *[".".join(segments[first:]) for first in range(len(segments))]]
        if not all([access.may(role, name) for name in named]):
            problem = {**problem, "file": None, "line": None, "name": None, "reason": "a restricted name is concerned"}
        yield None, problem

    return app


def _always(shared: Any) -> Collection:
    """One entry that is always there and never changes, to map what does not depend on anything."""
    nothing: Collection = shared.values.slices()
    return nothing.size()


def _as_current(name: str, values: Any, is_trusted: bool) -> Pairs:
    held = values.one()
    if not is_trusted and holds_secrets(held["value"]):
        yield name, {"restricted": True}
        return
    yield name, {"value": held["value"], "commit": held["commit"], "number": held["number"]}


def _as_refused(_: None, __: Any, names: list[str]) -> Pairs:
    for name in names:
        yield name, {"restricted": True}


def _as_described(name: str, values: Any, is_trusted: bool, commits: Any) -> Pairs:
    held = values.one()
    if is_trusted or not holds_secrets(held["value"]):
        yield name, {"name": name, **held, **_author_of(held["number"], commits)}


def _author_of(number: int, commits: Any) -> dict[str, JSON]:
    """Return who made commit `number`, when and why, as far as that is known still."""
    commit = commits.one(number, None) or {}
    return {each: commit.get(each) for each in ("author", "time", "message")}


def _as_change(key: tuple[str, int], values: Any) -> Pairs:
    name, number = key
    yield name, {"number": number, **values.one()}


def _as_history(_: str, changes: Any, is_trusted: bool, limit: int, commits: Any) -> Pairs:
    if not is_trusted and any([holds_secrets(change.get("value")) for change in changes]):
        return
    former: dict[str, JSON] = {}
    shown = []
    for change in changes:  # in the order of their keys: the oldest first
        number = change["number"]
        commit = commits.one(number, None)
        now = {"gone": True} if "gone" in change else {"value": change["value"]}
        was = {"was": former["value"]} if "value" in former else {}
        shown.append(((-number,), {"commit": commit and commit["commit"], **_author_of(number, commits), **now, **was}))
        former = now
    yield from shown[-limit:]


def _as_holder(session: int, values: Any, at: Any) -> Pairs:
    yield session, {**values.one(), **_place_of(session, at), "is_current": None}


def _as_holding(session: int, values: Any, name: str, holders: Any, at: Any, current: Any) -> Pairs:
    if f"\n{name}\n" not in values.one():
        return
    holder = holders.one(session, None)
    if holder is not None:
        place = _place_of(session, at)
        held = current.one(name, None)
        newest = -1 if held is None else held["number"]
        yield session, {**holder, **place, "is_current": newest <= (-1 if place["number"] is None else place["number"])}


def _place_of(session: int, at: Any) -> dict[str, JSON]:
    place: dict[str, JSON] = at.one(session, None) or {"commit": None, "number": None}
    return place


def _newest_first(number: int, values: Any) -> Pairs:
    yield (-number,), values.one()


def _as_state(_: None, values: Any, is_trusted: bool, problems: Any) -> Pairs:
    reading = values.one()
    yield "reading", reading if is_trusted else {**reading, "repository": reading["repository"].rstrip("/").rpartition("/")[2]}
    yield "problems", list(problems.all(None))


def _without_suffix(path: str) -> str:
    return path.rpartition(".")[0] or path
