"""
What the two databases have in common, as far as a journal needs it. SQL is written once, with `?` for parameters.

All methods raise `JournalFull`, `JournalUnavailable` or `JournalDamaged` for what the database says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias

from deltamesh.errors import JournalDamaged

Row: TypeAlias = tuple[Any, ...]

BLOCKING: Final = 2.0
"""How long what blocks the caller may wait for a database that does not answer, or for a lock [s]: less than a heartbeat may fail."""


class Session(Protocol):
    """One connection to a database. Not for two threads at once."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement, and return its rows."""
        ...

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement that returns nothing, once for each row."""
        ...

    def look_up(self, sql: str, keys: Iterable[Sequence[Any]]) -> list[Row]:
        """Run a query once for each key, and return the rows of all together."""
        ...

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[list[Row]]:
        """Run a query inside of a `snapshot`, and yield its rows in lists, as they are asked for."""
        ...

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """
        Commit what is done inside, all or nothing: when it is left it is on the disk.

        Nobody else writes to `meta` from the first statement that does to the end. Without `durable` the transaction may be lost if the
        machine dies, and then all are that are later, until one is durable.
        """
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Let all queries inside see the database as it is at the first of them."""
        ...

    def tables(self) -> set[str]:
        """Return the names of the tables that there are."""
        ...

    def creating(self) -> AbstractContextManager[None]:
        """As `transaction`, for making tables: no two at once."""
        ...

    def size(self) -> int:
        """Return the bytes that the store takes."""
        ...

    def check_place(self) -> None:
        """Raise `JournalUnavailable` if the store is not where it was opened any more: it was removed or replaced."""
        ...

    def damages(self) -> list[JournalDamaged]:
        """Return what is damaged where queries do not see it."""
        ...

    def close(self) -> None:
        """Let go of the connection. May be called twice."""
        ...


class Database(Protocol):
    """Where a journal is, and how to connect."""

    name: str
    """For people, without a password."""
    types: Mapping[str, str]
    """What stands for `{integer}`, `{bytes}`, `{text}` and `{clustered}` in the SQL that makes tables."""

    def connect(self, patience: float | None = BLOCKING) -> Session:
        """
        Connect to the store, which is made if there is none.

        `patience` is how long a statement may take or wait for a lock [s]; None: for ever.

        Raises:
            ConfigurationError: the place cannot be used: what is wrong, and what to do.
        """
        ...

    def connect_reading(self) -> Session:
        """
        Connect to a store that is there, to look at it and change nothing. Statements may take for ever.

        Raises:
            ConfigurationError: this user may not read it.
        """
        ...

    def discard(self) -> None:
        """Remove the store, which this process has made and nobody has written to."""
        ...

    def end_stopped_writer(self) -> None:
        """End a process that would hold up for ever who takes the journal over, if that can be known and done."""
        ...

    def exists(self) -> bool:
        """Whether there is something that could be a store. Makes nothing."""
        ...
