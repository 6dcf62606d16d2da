"""
The command `deltamesh`, with a reader that counts how often it asks the repository for what.

    python -m tests.parameters.proof.countedreader parameters reader …

Prints a JSON line `{"reads": {"head": n, "files": n, "load": n, …}}` whenever that has changed, a few times a second at most. Whoever reads
the repository does it through these methods; the service has no other store.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from functools import wraps
from typing import Any, Final

from deltamesh.cli import main
from deltamesh.parameters.git.repository import Repository

COUNTED: Final = ("refresh", "head", "chain", "files", "load")
PAUSE: Final = 0.1
"""Between two looks [s]."""

counts: Final[Counter[str]] = Counter()


def count(name: str) -> None:
    """Count the calls of a method of repositories."""
    plain = getattr(Repository, name)

    @wraps(plain)
    def counted(self: Repository, *arguments: Any, **options: Any) -> Any:
        counts[name] += 1
        return plain(self, *arguments, **options)

    setattr(Repository, name, counted)


def tell() -> None:
    """Print the counts, again and again."""
    told: dict[str, int] = {}
    while True:
        now = dict(counts)
        if now != told:
            told = now
            print(json.dumps({"reads": now}), flush=True)
        time.sleep(PAUSE)


if __name__ == "__main__":
    for each in COUNTED:
        count(each)
    threading.Thread(target=tell, daemon=True).start()
    main()
