"""Where committed writes survive. One interface; in memory for now, which survives nothing but a reconnect."""

from deltamesh.journal.journal import Answered, Journal, Record, Recovered
from deltamesh.journal.memory import MemoryJournal

__all__ = ["Answered", "Journal", "MemoryJournal", "Record", "Recovered"]
