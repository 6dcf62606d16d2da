"""
The service of the three other architectures: a procedure that returns a parameter, from the store or from its cache.

    python -m bench.parameters_service --router URL --repository PATH [--cache]

`get(name)` returns the value. With `--cache` it is read from the store once, and again after `evict(names)`, which is called by whoever
changes something, and tells clients on the topic `on_evicted`. `num_reads()` returns how often the store was read.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from pygit2 import GitError
from twisted.internet.defer import Deferred

from bench.parameters_store import Store
from deltamesh import ApplicationError
from deltamesh.cli import log, loop
from deltamesh.connection import Connection

PREFIX: Final = "com.example.configuration"
GET: Final = f"{PREFIX}.get"
EVICT: Final = f"{PREFIX}.evict"
NUM_READS: Final = f"{PREFIX}.num_reads"
ON_EVICTED: Final = f"{PREFIX}.on_evicted"


class Configuration:
    """The procedures."""

    def __init__(self, connection: Connection, store: Store, *, has_cache: bool) -> None:
        self._connection = connection
        self._store = store
        self._cache: dict[str, Any] | None = {} if has_cache else None
        connection.on_join(self._register)

    async def _register(self, connection: Connection) -> None:
        for uri, procedure in ((GET, self._get), (EVICT, self._evict), (NUM_READS, self._num_reads)):
            await connection.register(uri, procedure)
        print("configuration: ready", flush=True)

    async def _get(self, details: Any, /, name: str) -> Any:
        if self._cache is not None and name in self._cache:
            return self._cache[name]
        try:
            value = self._store.read(name)
        except (LookupError, OSError, GitError) as error:
            raise ApplicationError(f"{PREFIX}.error.store", str(error)) from error
        if self._cache is not None:
            self._cache[name] = value
        return value

    async def _evict(self, details: Any, /, names: list[str]) -> None:
        for name in names:
            if self._cache is not None:
                self._cache.pop(name, None)
        self._connection.publish(ON_EVICTED, names)

    async def _num_reads(self, details: Any, /) -> int:
        return self._store.num_reads


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--router", required=True)
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--cache", action="store_true")
    options = parser.parse_args()
    log.begin("configuration", only_errors=True)

    async def work() -> None:
        connection = Connection(options.router)
        Configuration(connection, Store(options.repository), has_cache=options.cache)
        connection.start()
        await Deferred()

    loop.run(work)
