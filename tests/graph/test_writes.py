"""A transaction is one revision over any number of inputs, all or nothing; and nobody sees it half done."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh.errors import GraphBroken, InvalidTransaction, Rejected, UnknownName
from deltamesh.graph import Graph, Input
from deltamesh.graph.map import MapNode
from deltamesh.values import Values

USERS, POSTS, VOTES = Input("users"), Input("posts"), Input("votes")


def keep(key: Any, values: Any) -> Any:
    return [(key, value) for value in values]


def refuse_odd(key: Any, values: Any) -> Any:
    if values.one() % 2:
        raise ValueError(f"odd: {values.one()}")
    yield key, values.one()


def test_several_inputs_are_one_revision_without_a_mixed_state(graph: Any) -> None:
    seen = []

    def pair(key: Any, values: Any, posts: Any, votes: Any) -> Any:
        seen.append((values.one(), posts.one(key), votes.one(key)))
        yield key, "fine"

    for name in ("users", "posts", "votes"):
        graph.put(name, ["x", [0]])
    graph.watch(USERS.map(pair, POSTS.map(keep).map(keep), VOTES))
    graph.watch(VOTES.map(pair, USERS, POSTS.map(keep)))

    for i in range(1, 20):
        commit = graph.write({name: [["x", [i]]] for name in ("votes", "posts", "users")})
        assert commit.revision == 3 + i

    assert len(seen) > 40
    assert all(one == two == three for one, two, three in seen)


def test_revisions_count_writes_or_are_given(graph: Any) -> None:
    assert [graph.put("users", [1, [i]]).revision for i in range(3)] == [1, 2, 3]
    assert graph.write({}, revision=10).revision == 10
    assert graph.put("users").revision == graph.revision == 11


def test_of_a_key_given_twice_the_last_counts(graph: Any) -> None:
    watch = graph.watch(USERS)

    commit = graph.put("users", [1, ["a"]], [1.0, ["b"]], [2, ["c"]], [2, []])

    assert commit.deltas[watch] == [(1, ("b",))]


def test_a_delta_tells_the_changed_keys_in_order(graph: Any) -> None:
    graph.put("users", *[[i, [i]] for i in range(5)])
    watch = graph.watch(USERS)

    commit = graph.put("users", [4, [4]], [3, []], [1, [1, 1]], [None, ["new"]], ["9", []])

    assert commit.deltas == {watch: [(None, ("new",)), (1, (1, 1)), (3, ())]}


def test_what_was_passed_in_may_be_changed_afterwards(graph: Any) -> None:
    key, value = ["a", {"b": [1]}], {"list": [1, {"deep": [2]}]}
    values = [value]
    constant = {"n": [1]}
    watch = graph.watch(USERS.map(lambda key, values, constant: [(key, [constant, *values])], constant))

    graph.put("users", [key, values])
    before = watch.entries()
    key[1]["b"].append(2)  # type: ignore[index]
    value["list"][1]["deep"].append(3)  # type: ignore[index]
    values.append({})
    constant["n"].append(2)

    assert watch.entries() == before == [(("a", {"b": (1,)}), (({"n": (1,)}, {"list": (1, {"deep": (2,)})}),))]


def test_what_a_mapper_yields_may_be_changed_afterwards() -> None:
    graph = Graph(["users"])
    kept: list[Any] = []

    def reuse(key: Any, values: Any) -> Any:
        kept.append([key])
        yield key, kept

    watch = graph.watch(USERS.map(reuse))
    graph.write({"users": [[1, ["a"]], [2, ["b"]]]})

    assert watch.entries() == [(1, (((1,),),)), (2, (((1,), (2,)),))]
    kept.clear()
    assert watch.values_of(1) == (((1,),),)


def test_entries_stay_as_they_are_when_the_graph_changes(graph: Any) -> None:
    watch = graph.watch(VOTES.map(lambda key, values: [("all", key)]))
    graph.put("votes", [1, [1]], [2, [1]])
    entries, values = watch.entries(), watch.values_of("all")

    graph.put("votes", [3, [1]])

    assert entries == [("all", (1, 2))]
    assert values == (1, 2)
    assert type(values) is Values


@pytest.mark.parametrize(
    "writes, message",
    [
        ({"users": [[1, "text"]]}, "users, key 1: the values of a key are an array, not 'text'"),
        ({"users": [[1, {"a": 1}]]}, "the values of a key are an array"),
        ({"users": [[1, [float("nan")]]]}, "users, key 1: the number nan has no JSON form"),
        ({"users": [[float("inf"), [1]]]}, "the number inf has no JSON form"),
        ({"users": [[1, [{1: 2}]]]}, "the name 1 of an object's member is not a string"),
        ({"users": [[{"a": b"x"}, [1]]]}, "bytes has no JSON form"),
        ({"users": [[1]]}, "a change is an array of a key and its values"),
        ({"users": [7]}, "a change is an array of a key and its values"),
        ({"users": 7}, "users: the changes of an input are an array"),
    ],
)
def test_what_is_not_a_transaction_changes_nothing(graph: Any, writes: Any, message: str) -> None:
    watch = graph.watch(USERS)

    with pytest.raises(InvalidTransaction, match=message):
        graph.write(
            {"posts": [[1, ["good"]]], "users": [[5, ["good"]], *writes["users"]] if isinstance(writes["users"], list) else writes["users"]}
        )

    assert watch.entries() == []
    assert graph.values_of("posts", 1) == ()
    assert graph.revision == 0


def test_an_unknown_input_changes_nothing(graph: Any) -> None:
    with pytest.raises(UnknownName):
        graph.write({"users": [[1, ["a"]]], "nobody": []})

    assert graph.values_of("users", 1) == ()


def test_a_key_or_value_may_be_64_levels_deep_and_no_deeper(graph: Any) -> None:
    deep: Any = 1
    for level in range(64):
        deep = {"a": deep} if level % 2 else [deep]
    graph.put("users", [deep, [deep]])

    with pytest.raises(InvalidTransaction, match="deeper than 64"):
        graph.put("users", [1, [[deep]]])
    with pytest.raises(InvalidTransaction, match="deeper than 64"):
        graph.put("users", [{"a": deep}, [1]])


def test_wrapping_again_and_again_ends_at_the_same_depth(graph: Any) -> None:
    collection: Any = USERS
    for _ in range(64):
        collection = collection.map(lambda key, values: [(key, {"in": values.one()})])
    watch = graph.watch(collection)

    graph.put("users", [1, ["x"]], [2, [["x"]]])

    assert [key for key, _ in watch.entries()] == [1]
    assert [failure.key for failure in graph.failures()] == [2]


# Rejection


def test_a_rejected_write_has_not_happened(strict: Any) -> None:
    watch = strict.watch(USERS.map(refuse_odd))
    totals = strict.watch(USERS.merge(POSTS))
    strict.write({"users": [[1, [2]], [2, [4]]], "posts": [[1, ["p"]]]})
    before = (watch.entries(), totals.entries())

    with pytest.raises(Rejected, match=r"users.map\(refuse_odd\) failed for key 2: ValueError: odd: 5") as caught:
        strict.write({"posts": [[1, []], [3, ["new"]]], "users": [[1, [8]], [3, [7]], [2, [5]]]})

    assert caught.value.facts == {"node": "users.map(refuse_odd)", "key": 2, "reason": "ValueError: odd: 5"}
    assert (watch.entries(), totals.entries()) == before
    assert strict.failures() == []
    assert strict.revision == 1
    assert strict.put("users", [2, [6]]).deltas[watch] == [(2, (6,))]


def test_the_same_write_is_accepted_when_failures_are_skipped(graph: Any) -> None:
    watch = graph.watch(USERS.map(refuse_odd))

    commit = graph.put("users", [1, [1]], [2, [2]])

    assert commit.deltas == {watch: [(2, (2,))]}
    assert [(failure.node, failure.key, failure.error) for failure in commit.failures] == [
        ("users.map(refuse_odd)", 1, "ValueError: odd: 1")
    ]
    assert graph.failures() == commit.failures


def test_a_watch_that_fails_does_not_reject_later_writes(strict: Any) -> None:
    strict.put("users", [1, [1]])
    watch = strict.watch(USERS.map(refuse_odd))

    commit = strict.put("users", [2, [2]])

    assert commit.failures == []
    assert watch.entries() == [(2, (2,))]
    assert len(strict.failures()) == 1


# Functions of the graph must not reach back into it


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("forbidden", ["write", "watch", "close", "entries", "values_of", "input", "audit"])
def test_a_mapper_cannot_reach_the_graph(graph: Any, forbidden: str, number: int) -> None:
    """Neither one that is followed by others nor the last one."""
    watch = graph.watch(USERS)
    reach: Any = {
        "write": lambda: Graph.write(graph, {"users": [[1, [2]]]}),
        "watch": lambda: graph.watch(POSTS),
        "close": watch.close,
        "entries": watch.entries,
        "values_of": lambda: watch.values_of(1),
        "input": lambda: graph.values_of("users", 1),
        "audit": graph.audit,
    }[forbidden]
    collections = [USERS.map(keep)]
    collections.insert(number, USERS.map(lambda key, values: [(key, reach())]))
    for collection in collections:
        graph.watch(collection)

    Graph.write(graph, {"users": [[1, [1]]]})

    (failure,) = graph.failures()
    assert "a function of the graph must neither change it nor read it" in failure.error
    assert watch.entries() == [(1, (1,))]


def test_a_mapper_cannot_write_while_its_node_is_built(graph: Any) -> None:
    graph.put("users", [1, [1]])

    graph.watch(USERS.map(lambda key, values: [(key, Graph.write(graph, {"users": []}))]))

    assert "RuntimeError" in graph.failures()[0].error


def test_a_graph_whose_revision_was_interrupted_refuses_to_answer(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = graph.watch(USERS.map(keep))

    def fault(self: Any) -> None:
        raise ZeroDivisionError("a fault in the engine")

    monkeypatch.setattr(MapNode, "settle", fault)
    with pytest.raises(ZeroDivisionError):
        Graph.write(graph, {"users": [[1, [1]]]})

    for ask in (watch.entries, lambda: graph.values_of("users", 1), lambda: graph.watch(POSTS), lambda: Graph.write(graph, {})):
        with pytest.raises(GraphBroken, match="ZeroDivisionError: a fault in the engine"):
            ask()
