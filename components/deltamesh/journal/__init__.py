"""Where committed writes survive. One interface: in memory, which survives nothing but a reconnect, in SQLite, and in PostgreSQL."""

from deltamesh.journal.journal import Answered, Journal, Record, Recovered
from deltamesh.journal.memory import MemoryJournal
from deltamesh.journal.opening import DEFAULT, open_journal

__all__ = ["DEFAULT", "Answered", "Journal", "MemoryJournal", "Record", "Recovered", "open_journal"]
