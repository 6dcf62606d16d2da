"""
What a write costs with many instances, in process, as `anchors/skip/instances.mjs` measures Skip's.

    python -m bench.instances --kind own --n 10000 --ks 1,1000,10000

Kinds: `shared`, equal parameters; `own`, each its own parameters on the same top 25; `one`, each its own key.
"""

from __future__ import annotations

import argparse
import gc
from functools import partial

from bench import data
from bench.application import app, for_reader
from bench.measure import emit, repeat, resident, statistics, timed
from deltamesh.graph import Collection, Graph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=("shared", "own", "one"), default="own")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--ks", default="1,1000,10000")
    parser.add_argument("--secs", type=float, default=2)
    options = parser.parse_args()
    n = options.n
    content = data.hackernews(n, hot=True)
    shared = app.shared_collections()
    graph = Graph(content)
    watches = [graph.watch(collection) for collection in shared.values()]
    graph.write(content)

    def instance(number: int) -> Collection:
        if options.kind == "shared":
            return shared["ranked"].take(25)
        if options.kind == "own":
            return shared["ranked"].take(25).map(for_reader, number)
        return shared["counted"].slice(number % n, number % n)

    numbers = data.random_numbers(5)
    count, next_key = 0, len(content["upvotes"])

    def hot() -> float:
        nonlocal next_key
        next_key += 1
        changes = {"upvotes": [(next_key, [{"post_id": int(next(numbers) * data.NUM_HOT), "user_id": 1}])]}
        return timed(lambda: graph.write(changes))

    def cold() -> float:
        number = data.NUM_HOT + int(next(numbers) * (n - data.NUM_HOT))
        changes = {"posts": [(number, [{**data.post(number, n), "title": f"e{next(numbers)}"}])]}
        return timed(lambda: graph.write(changes))

    def create(numbers_of_new: range) -> None:
        watches.extend([graph.watch(instance(number)) for number in numbers_of_new])

    for wanted in map(int, options.ks.split(",")):
        numbers_of_new = range(count, wanted)
        create_ms = timed(partial(create, numbers_of_new))
        count = wanted
        gc.collect()
        gc.freeze()
        for _ in range(20):
            hot()
            cold()
        emit(
            engine="deltamesh",
            kind=options.kind,
            k=count,
            create_ms_each=round(create_ms / len(numbers_of_new), 4),
            hot_ms=statistics(repeat(hot, seconds=options.secs, most=3000)),
            cold_ms=statistics(repeat(cold, seconds=options.secs, most=3000)),
            rss_mb=resident(),
        )


if __name__ == "__main__":
    main()
