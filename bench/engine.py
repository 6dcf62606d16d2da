"""
The engine alone, in process, as `anchors/skip/engine.mjs` measures Skip's.

    python -m bench.engine --graph hn --n 10000 --secs 3
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from typing import Any

from bench import data
from bench.application import hackernews, sum_per_group
from bench.measure import emit, repeat, resident, statistics, timed
from deltamesh.graph import Graph
from deltamesh.operation.collector import YOUNG


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graph", choices=("hn", "sum"), default="hn")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--secs", type=float, default=3)
    options = parser.parse_args()
    n, is_hn = options.n, options.graph == "hn"
    content = data.hackernews(n) if is_hn else data.sums(n)
    total = sum(map(len, content.values()))
    before = resident()
    graph = Graph(content)
    watch = graph.watch(hackernews().take(25) if is_hn else sum_per_group())
    load_ms = timed(lambda: graph.write(content))
    loaded = resident()
    gc.collect()  # these three as in `deltamesh.operation.collector`, which looks after a leader
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 100)

    numbers = data.random_numbers(99)
    next_key = n

    def upvote() -> tuple[int, Any]:
        nonlocal next_key
        next_key += 1
        return next_key - 1, [{"post_id": int(next(numbers) * n), "user_id": 1}]

    def item() -> tuple[int, Any]:
        key = int(next(numbers) * n)
        return key, [{"g": key % 100, "v": int(next(numbers) * 1000)}]

    make: Callable[[], tuple[int, Any]] = upvote if is_hn else item

    def write(count: int) -> float:
        entries: dict[int, Any] = {}
        while len(entries) < count:
            entry = make()
            entries[entry[0]] = entry
        changes = {"upvotes" if is_hn else "items": list(entries.values())}
        return timed(lambda: graph.write(changes))

    for _ in range(20):
        write(1)
    single = statistics(repeat(lambda: write(1), seconds=options.secs, most=20_000))
    batch = statistics(repeat(lambda: write(1000), seconds=options.secs, most=200))
    emit(
        engine="deltamesh",
        graph=options.graph,
        n=n,
        load_entries_per_s=round(total / load_ms * 1e3),
        single_ms=single,
        batch_entries_per_s=round(1e6 / batch["p50"]),
        rss_before_mb=before,
        rss_loaded_mb=loaded,
        rss_mb=resident(),
        shown=len(watch),
    )


if __name__ == "__main__":
    main()
