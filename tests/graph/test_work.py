"""Work is proportional to what is affected: asserted by counting what was recomputed and visited."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh.graph import Count, Graph, Input, Sum, lazy
from deltamesh.graph.node import Node

USERS, POSTS, VOTES = Input("users"), Input("posts"), Input("votes")


def by_post(key: Any, values: Any) -> Any:
    for vote in values:
        yield vote["post"], vote["user"]


def ranked(key: Any, values: Any, votes: Any) -> Any:
    yield (-len(votes.all(key)), key), values.one()


def titled(key: Any, values: Any) -> Any:
    yield key, values.one()["title"]


def shout(key: Any, values: Any) -> Any:
    yield key, values.one().upper()


def with_author(key: Any, values: Any, users: Any) -> Any:
    post = values.one()
    yield key, users.one(post["author"], default=None) if post["author"] else "anonymous"


def for_session(key: Any, values: Any, session: Any) -> Any:
    yield key, [values.one(), session]


def visits(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that will tell the nodes that are visited, by label."""
    visited: list[str] = []
    for kind in {type(node) for node in graph.nodes()}:
        settle = kind.settle

        def noted(self: Node, settle: Any = settle) -> None:
            visited.append(self.description.label())
            settle(self)

        monkeypatch.setattr(kind, "settle", noted)
    return visited


def test_an_unrelated_key_recomputes_nothing_else(graph: Any) -> None:
    graph.put("users", [1, ["Ann"]], [2, ["Bob"]])
    graph.put("posts", *[[i, [{"author": 1, "title": "a"}]] for i in range(50)])
    graph.watch(POSTS.map(with_author, USERS))
    since = graph.work()

    graph.put("users", [2, ["Barbara"]])
    graph.put("posts", [7, [{"author": 2, "title": "b"}]])

    assert since() == {"posts.map(with_author)": 1}


def test_a_read_key_recomputes_its_readers_only(graph: Any) -> None:
    graph.put("users", [1, ["Ann"]], [2, ["Bob"]])
    graph.put("posts", *[[i, [{"author": 1 + i % 2, "title": "a"}]] for i in range(50)])
    watch = graph.watch(POSTS.map(with_author, USERS))
    since = graph.work()

    commit = graph.put("users", [2, ["Barbara"]])

    assert since() == {"posts.map(with_author)": 25}
    assert commit.deltas[watch] == [(i, ("Barbara",)) for i in range(1, 50, 2)]


def test_equal_input_does_nothing(graph: Any) -> None:
    graph.put("posts", [1, [{"title": "a", "tags": [1, {"x": 0.5}]}]])
    watch = graph.watch(POSTS.map(titled))
    since = graph.work()

    commit = graph.put("posts", [1, [{"tags": [1.0, {"x": 0.5}], "title": "a"}]])

    assert since() == {}
    assert commit.deltas == {}
    assert watch.entries() == [(1, ("a",))]


def test_equal_output_stops_there(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    graph.put("posts", [1, [{"title": "a", "text": "first"}]])
    watch = graph.watch(POSTS.map(titled).map(shout))
    since, visited = graph.work(), visits(graph, monkeypatch)

    commit = graph.put("posts", [1, [{"title": "a", "text": "second"}]])

    assert since() == {"posts.map(titled)": 1}
    assert visited == ["posts.map(titled)"]
    assert watch not in commit.deltas
    assert graph.counters()["posts.map(titled)"]["unchanged"] == 1


def test_dependencies_are_dropped_when_they_are_not_read_any_more(graph: Any) -> None:
    graph.put("users", [1, ["Ann"]])
    graph.put("posts", [7, [{"author": 1}]])
    graph.watch(POSTS.map(with_author, USERS))
    users = graph.node_of(USERS)
    assert list(users.readers) == [1]

    graph.put("posts", [7, [{"author": None}]])
    since = graph.work()
    graph.put("users", [1, ["Anna"]])

    assert users.readers == {}
    assert since() == {}


def test_dependencies_go_with_their_key_and_with_their_node(graph: Any) -> None:
    graph.put("posts", [7, [{"author": 1}]], [8, [{"author": 1}]])
    watch = graph.watch(POSTS.map(with_author, USERS))
    users = graph.node_of(USERS)

    graph.put("posts", [7, []])
    assert [reader.entry for reader in users.readers[1]] == [8]
    watch.close()

    assert users.readers == {}


def test_what_was_absent_is_read_as_well(graph: Any) -> None:
    graph.put("posts", [7, [{"author": 1}]])
    watch = graph.watch(POSTS.map(with_author, USERS))
    assert watch.values_of(7) == (None,)

    graph.put("users", [1, ["Ann"]])

    assert watch.values_of(7) == ("Ann",)


def test_size_is_read_as_a_size(graph: Any) -> None:
    def share(key: Any, values: Any, users: Any) -> Any:
        yield key, users.size()

    graph.put("posts", [7, ["x"]])
    watch = graph.watch(POSTS.map(share, USERS))
    graph.put("users", [1, ["Ann"]], [2, ["Bob"]])
    since = graph.work()

    graph.put("users", [1, ["Anna"]])
    assert since() == {}
    graph.put("users", [1, []])

    assert since() == {"posts.map(share)": 1}
    assert watch.entries() == [(7, (1,))]


def test_a_collection_given_twice_is_read_twice(graph: Any) -> None:
    def pair(key: Any, values: Any, one: Any, two: Any) -> Any:
        yield key, [one.one(1, default=None) if values.one() else None, two.one(1, default=None)]

    graph.put("posts", [7, [True]])
    watch = graph.watch(POSTS.map(pair, USERS, USERS))

    graph.put("posts", [7, [False]])
    graph.put("users", [1, ["Ann"]])

    assert watch.entries() == [(7, ((None, "Ann"),))]


@pytest.mark.parametrize("count", [1, 300])
@pytest.mark.parametrize("instance", ["slice", "prefix", "range", "take", "map"])
def test_a_write_that_touches_no_instance_visits_none(graph: Any, monkeypatch: pytest.MonkeyPatch, instance: str, count: int) -> None:
    counted, top = VOTES.map(by_post), POSTS.map(ranked, VOTES.map(by_post))
    describe: Any = {
        "slice": lambda i: counted.slice(i, i),
        "prefix": lambda i: top.prefix(-i - 100),
        "range": lambda i: counted.slice(i, i + 5),
        "take": lambda i: top.take(1 + i % 20),
        "map": lambda i: top.take(5).map(for_session, i),
    }[instance]
    graph.put("posts", *[[i, ["text"]] for i in range(1500)])
    graph.put("votes", *[[[i, j], [{"post": i, "user": j}]] for i in range(100) for j in range(3)])
    for i in range(count):
        graph.watch(describe(i))
    graph.watch(top)
    visited = visits(graph, monkeypatch)

    commit = graph.put("votes", [[1000, 1], [{"post": 1000, "user": 1}]])

    assert visited == ["votes.map(by_post)", "posts.map(ranked)"]
    assert len(commit.deltas) == 1


def test_a_write_that_touches_one_instance_visits_that(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = VOTES.map(by_post)
    watches = [graph.watch(counted.slice(i, i)) for i in range(300)]
    ranges = [graph.watch(counted.slice(i, i + 1)) for i in range(0, 300, 2)]
    prefixes = [graph.watch(VOTES.prefix(i)) for i in range(300)]
    visited = visits(graph, monkeypatch)

    commit = graph.put("votes", [[7, 1], [{"post": 7, "user": 1}]])

    assert set(commit.deltas) == {watches[7], ranges[3], prefixes[7]}
    assert len(visited) == 4


def test_a_window_is_visited_only_for_changes_within(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    graph.put("posts", *[[i, [i]] for i in range(10)])
    watch = graph.watch(POSTS.take(3))
    visited = visits(graph, monkeypatch)

    graph.put("posts", [5, ["new"]], [3, []])
    assert visited == []
    commit = graph.put("posts", [1, []], [9, ["new"]])

    assert commit.deltas[watch] == [(1, ()), (4, (4,))]


def test_a_sum_does_not_look_at_the_other_values(graph: Any) -> None:
    class Watched(Sum):
        added = 0

        def add(self, state: Any, value: Any) -> Any:
            type(self).added += 1
            return super().add(state, value)

    graph.put("votes", *[[i, [{"post": 1, "user": i}]] for i in range(200)])
    watch = graph.watch(VOTES.map_reduce(by_post, reducer=Watched))
    Watched.added = 0

    Graph.write(graph, {"votes": [[7, [{"post": 1, "user": 1000}]], [8, []], [200, [{"post": 1, "user": 1}]]]})

    assert Watched.added == 2
    assert watch.entries() == [(1, (sum(range(200)) - 7 - 8 + 1000 + 1,))]


def test_one_change_of_a_source_that_is_used_twice_is_one_visit(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    titles = POSTS.map(titled)
    graph.watch(titles.merge(titles.map(shout), titles).reduce(Count))
    visited = visits(graph, monkeypatch)

    graph.put("posts", [1, [{"title": "a"}]])

    assert len(visited) == len(set(visited)) == 4


def test_equal_output_stops_within_a_lazy_collection(graph: Any) -> None:
    def depth(key: Any, itself: Any, posts: Any) -> Any:
        parent = posts.one(key)["parent"]
        yield 0 if parent is None else itself.one(parent) + 1

    def show(key: Any, values: Any, depths: Any) -> Any:
        yield key, depths.one(key)

    graph.put("posts", *[[i, [{"parent": i - 1 if i else None}]] for i in range(20)])
    watch = graph.watch(POSTS.map(show, lazy(depth, POSTS)))
    assert watch.values_of(19) == (19,)
    since = graph.work()

    graph.put("posts", [10, [{"parent": 9, "title": "new"}]])
    assert since() == {"posts.map(show)": 1, "lazy(depth)": 1}
    graph.put("posts", [18, [{"parent": 3}]])

    assert since() == {"posts.map(show)": 1 + 2, "lazy(depth)": 1 + 2}
    assert watch.values_of(19) == (5,)


def test_a_value_that_moves_between_merged_sources_changes_nothing(graph: Any) -> None:
    watch = graph.watch(USERS.merge(POSTS).map(keep_all))
    graph.write({"users": [[1, ["x"]]]})
    since = graph.work()

    commit = graph.write({"users": [[1, []]], "posts": [[1, ["x"]]]})

    assert commit.deltas == {}
    assert since() == {"merge(users, posts)": 1}
    assert watch.entries() == [(1, ("x",))]


def test_values_that_move_between_source_keys_change_nothing_when_they_are_the_same_in_order(graph: Any) -> None:
    watch = graph.watch(USERS.map(lambda key, values: [("all", value) for value in values]))
    graph.put("users", [1, ["a"]], [2, ["b", "c"]])

    assert graph.put("users", [1, ["a", "b"]], [2, ["c"]]).deltas == {}
    assert graph.put("users", [1, ["b", "a"]]).deltas[watch] == [("all", ("b", "a", "c"))]
    assert graph.put("users", [1, ["c"]], [2, ["b", "a"]]).deltas[watch] == [("all", ("c", "b", "a"))]
    assert graph.put("users", [1, []], [3, ["a"]], [2, ["c", "b"]]).deltas == {}


def keep_all(key: Any, values: Any) -> Any:
    return [(key, value) for value in values]
