"""What a commit would change, made and checked before it is one. All of this waits for disks and servers: it belongs into a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Final, TypeAlias

from deltamesh.parameters.administration.difference import difference
from deltamesh.parameters.administration.editing import Changes, Shelf, edit, members
from deltamesh.parameters.content.reading import Blob, Files, Held, NotGood, Problem, Reading
from deltamesh.parameters.git.remote import Moved, OutOfReach
from deltamesh.parameters.git.repository import Repository
from deltamesh.parameters.text.formats import MAX_FILE, too_large
from deltamesh.values import JSON, same

MAX_TRIES: Final = 5
"""How often a commit is made anew because somebody else was first."""

Content: TypeAlias = Mapping[str, bytes | None]
"""Of files by path; None: there is none."""

May: TypeAlias = Callable[[str], bool] | None
"""Which names somebody may have; None: all."""

_NOTHING: Final = Blob("", 0)


class NothingToChange(Exception):
    """All is as asked for already."""


class Conflict(Exception):
    """Somebody else has changed what was to be changed, since it was looked at."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        super().__init__(f"{', '.join(self.names[:10])} has been changed by somebody else meanwhile: look at it again")


class Hidden(Exception):
    """Who asks may not have one of the parameters that would change."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} is restricted")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Files that are to be other ones, on top of the commit `head`."""

    head: str
    before: Content
    after: Content
    places: Mapping[str, tuple[str, str]]
    """Layer and name of those of the files that count."""

    def difference(self, may: May) -> str:
        """Return it as unified diff, without what the reader of that may not have."""
        return difference(_decoded(self.before), _decoded(self.after), self._members, may)

    def _members(self, path: str, text: str) -> Mapping[str, JSON] | None:
        if path not in self.places:
            return {}
        try:
            return members(path, self.places[path], text)
        except NotGood:
            return None


class Proposals:
    """Makes proposals for a repository as it is now."""

    def __init__(self, repository: Repository, environment: str | None, region: str | None) -> None:
        self._repository = repository
        self._where = environment, region
        self._new: dict[str, bytes] = {}  # by id of a blob that the repository does not have
        self._reading = Reading(self._load, environment=environment, region=region)

    def change(self, changes: Changes, layer: str | None, seen: str | None, may: May) -> Proposal:
        """
        Propose other values, see `edit`.

        Args:
            changes: see there.
            layer: see there.
            seen: the commit that was the head when somebody decided this; None: it does not matter what was there.
            may: which names the asker may have.

        Raises:
            NotGood: it cannot be done, or the result would not be good; with all problems.
            Conflict, Hidden, NothingToChange, OutOfReach
        """
        _check_visible(changes, may)
        head, files = self._at_head()
        shelf = self._shelf(files)
        if seen is not None and seen != head:
            self._check_unchanged(changes, shelf, seen)
        edited = edit(shelf, changes, layer)
        if not edited:
            raise NothingToChange("the values are these already")
        after = {path: None if text is None else text.encode() for path, text in edited.items()}
        held = self._read(files, after)
        if layer is None:
            _check_effect(changes, held)
        return self._proposal(head, files, after)

    def reversal(self, commit: str, seen: str | None, may: May) -> Proposal:
        """
        Propose to take back what a commit did.

        Raises:
            NoSuchCommit, InTheWay: see `Repository.reverted`.
            NotGood, Conflict, Hidden, NothingToChange, OutOfReach: as `change`.
        """
        head, files = self._at_head()
        after = self._repository.reverted(commit, head)
        if not after:
            raise NothingToChange("what the commit did is taken back already")
        held = self._read(files, after)
        try:
            was = self._reading.read(files)
        except NotGood:  # which is why somebody wants this
            was = {}
        names = sorted([name for name in held.keys() | was.keys() if not _is_equal(held.get(name), was.get(name))])
        _check_visible(names, may)
        if seen is not None and seen != head:
            self._check_unchanged(names, self._shelf(files), seen)
        return self._proposal(head, files, after)

    def commit(self, propose: Callable[[str | None], Proposal], message: str, author: str, seen: str | None) -> str:
        """
        Make a commit of what `propose(seen)` returns, and return its id. If somebody else was first, it is proposed anew on top of that.

        Raises:
            OutOfReach, Refused, ReadOnly: see `Repository.commit`. And all that `propose` raises.
        """
        for _ in range(MAX_TRIES):
            self._repository.refresh()
            proposal = propose(seen)
            seen = seen or proposal.head  # what somebody else does from now on must not be lost
            try:
                return self._repository.commit(proposal.after, message, author, proposal.head)
            except Moved:
                continue
        raise OutOfReach(f"the branch moved {MAX_TRIES} times before the commit was in it")

    def _shelf(self, files: Files) -> Shelf:
        return Shelf(_Texts(files, self._repository.load), *self._where)

    def _proposal(self, head: str, files: Files, after: Content) -> Proposal:
        before = {path: self._shown(files[path]) if path in files else None for path in after}
        shelf = self._shelf({**files, **dict.fromkeys(after, _NOTHING)})
        return Proposal(head, before, after, {path: shelf.place_of(path) for path in after if shelf.counts(path)})

    def _shown(self, blob: Blob) -> bytes:
        return self._repository.load(blob.id) if blob.size <= MAX_FILE else f"{blob.size} bytes\n".encode()

    def _at_head(self) -> tuple[str, Files]:
        head = self._repository.head()
        return head, self._repository.files(head)

    def _read(self, files: Files, after: Content) -> Mapping[str, Held]:
        """Read the parameters as they would be; raises `NotGood`."""
        proposed = {path: blob for path, blob in files.items() if path not in after}
        for path, content in after.items():
            if content is not None:
                blob = sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()  # as git calls it
                self._new[blob] = content
                proposed[path] = Blob(blob, len(content))
        try:
            return self._reading.read(proposed)
        finally:
            self._new.clear()

    def _load(self, blob: str) -> bytes:
        return self._new[blob] if blob in self._new else self._repository.load(blob)

    def _check_unchanged(self, names: Sequence[str] | Changes, now: Shelf, seen: str) -> None:
        """Refuse if a layer has another value now than it had at `seen`."""
        present = {name: now.values_of(name) for name in names}
        try:
            then = self._shelf(self._repository.files(seen))
            former = {name: then.values_of(name) for name in names}
        except (OutOfReach, NotGood) as error:  # the branch was moved and what was seen is gone, or nothing could be seen there
            raise Conflict(list(names)) from error
        changed = [name for name in names if not same(former[name], present[name])]
        if changed:
            raise Conflict(changed)


class _Texts(Mapping[str, str]):
    """Texts of files, loaded when they are looked at."""

    def __init__(self, files: Files, load: Callable[[str], bytes]) -> None:
        self._files = files
        self._load = load

    def __getitem__(self, path: str) -> str:
        blob = self._files[path]
        if blob.size > MAX_FILE:
            raise NotGood((Problem(path, None, None, too_large(blob.size).reason),))
        try:
            return self._load(blob.id).decode()
        except UnicodeDecodeError as error:
            raise NotGood((Problem(path, None, None, "it is not UTF-8"),)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _check_visible(names: Iterable[str], may: May) -> None:
    hidden = None if may is None else next((name for name in names if not may(name)), None)
    if hidden is not None:
        raise Hidden(hidden)


def _check_effect(changes: Changes, held: Mapping[str, Held]) -> None:
    """Refuse new values that nobody would get, since a later layer has something else in their place."""
    lost = [name for name, new in changes.items() if new and (name not in held or not same(held[name].value, new[0]))]
    if lost:
        reason = "a later layer has something else in its place: name the layer in which to set it"
        raise NotGood(tuple([Problem(None, None, name, reason) for name in lost]))


def _is_equal(one: Held | None, other: Held | None) -> bool:
    return one is other or (one is not None and other is not None and same(one.value, other.value))


def _decoded(content: Content) -> dict[str, str | None]:
    return {path: None if each is None else each.decode(errors="replace") for path, each in content.items()}
