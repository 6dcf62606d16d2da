"""Declaring an application, and running its resources and actions."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh import Service
from deltamesh.application.service import Shared
from deltamesh.application.transaction import Caller
from deltamesh.errors import ApplicationError, ComputationFailed, ConfigurationError, InvalidParameters, UnknownName
from deltamesh.graph import Graph, Input

ANN, BOB = Caller(1, "ann", "user"), Caller(2, "bob", "user")


def declared() -> Service:
    app = Service("com.example.poll")
    votes = app.input("votes")

    @app.shared
    def graph():
        return {"votes": votes, "count": votes.size()}

    @app.resource
    def window(shared, start: int = 0, end: int = 9):
        return shared.votes.slice(start, end)

    @app.resource
    def mine(shared, caller):
        return shared["votes"].prefix(caller.authid)

    @app.resource
    def wrong(shared, how: str):
        if how == "refuse":
            raise app.error("not_for_you", how=how)
        return {"collection": shared.nope if how == "collection" else None}.get(how, 1 // len("" if how == "raise" else "x"))

    @app.action
    def vote(tx, caller, choice: str, crash: bool = False):
        tx.put(votes, caller.authid, choice)
        if crash:
            raise RuntimeError("after a put")
        return {"choice": choice}

    @app.action
    def unserializable(tx, caller):
        return object()

    return app


def test_requests_that_mean_the_same_have_one_identity() -> None:
    app = declared()

    def identity(resource: str, parameters: Any = None, caller: Caller = ANN) -> Any:
        return app.instantiate(resource, parameters, caller)[0]

    assert identity("window") == identity("window", {"end": 9}) == identity("window", {"start": 0.0}, BOB)
    assert identity("window") != identity("window", {"end": 8})
    assert identity("mine") == identity("mine", {}) != identity("mine", {}, BOB)


def test_a_resource_describes_a_collection_of_what_is_shared() -> None:
    app = declared()
    graph = Graph(app.shared_collections())
    graph.write({"votes": [(5, ["yes"]), (50, ["no"])], "count": [(None, [2])]})

    _, describe = app.instantiate("window", {"start": 1}, ANN)

    assert graph.watch(describe(Shared(["votes", "count"]))).entries() == [(5, ("yes",))]


@pytest.mark.parametrize(
    "how, error",
    [("refuse", ApplicationError), ("raise", ComputationFailed), ("none", ComputationFailed), ("collection", UnknownName)],
)
def test_a_resource_that_fails_says_how(how: str, error: type[Exception]) -> None:
    _, describe = declared().instantiate("wrong", {"how": how}, ANN)

    with pytest.raises(error):
        describe(Shared(["votes"]))


@pytest.mark.parametrize("name", ["nope", "", 7, None, ["window"], "vote"])
def test_only_declared_resources_can_be_opened(name: Any) -> None:
    with pytest.raises(UnknownName, match=r"no resource .*mine, window, wrong"):
        declared().instantiate(name, {}, ANN)


def test_a_resource_may_call_its_parameters_as_it_likes() -> None:
    app = declared()

    @app.resource
    def named(shared, name: str, function: str, resource: str):
        return shared.votes.prefix(name, function, resource)

    _, describe = app.instantiate("named", {"name": "a", "function": "b", "resource": "c"}, ANN)

    assert Graph(["votes"]).watch(describe(Shared(["votes"]))).entries() == []


def test_an_action_gives_a_result_and_writes_that_are_not_committed() -> None:
    app = declared()
    graph = Graph(app.inputs)

    result, transaction = app.act("vote", graph, ANN, ["yes"], {})

    assert result == {"choice": "yes"}
    assert transaction.writes() == {"votes": [("ann", ("yes",))]}
    assert graph.values_of("votes", "ann") == ()


def test_an_action_that_fails_says_how() -> None:
    app = declared()
    graph = Graph(app.inputs)

    with pytest.raises(ComputationFailed, match="vote raised RuntimeError: after a put"):
        app.act("vote", graph, ANN, ["yes"], {"crash": True})
    with pytest.raises(ComputationFailed, match="unserializable raised NotJSON"):
        app.act("unserializable", graph, ANN, [], {})
    with pytest.raises(InvalidParameters, match="vote"):
        app.act("vote", graph, ANN, [], {})
    with pytest.raises(UnknownName, match="no action"):
        app.act("window", graph, ANN, [], {})


def test_without_a_shared_graph_the_inputs_are_shared() -> None:
    app = Service("com.example.plain")
    posts = app.input("posts")

    assert app.shared_collections() == {"posts": posts}
    assert isinstance(posts, Input)


def test_errors_of_an_application_have_its_uri() -> None:
    error = declared().error("too_late", until=[1, {"a": 2}], retry=True)

    assert (error.uri, error.message, error.retry) == ("com.example.poll.error.too_late", "too late", True)
    assert error.facts == {"until": (1, {"a": 2})}


def misspelt(app: Service) -> Any:
    return app.input("Votes")


def twice(app: Service) -> Any:
    app.input("votes")
    return app.input("votes")


def two_graphs(app: Service) -> Any:
    app.shared(dict)
    return app.shared(dict)


def no_dictionary(app: Service) -> Any:
    app.shared(list)
    return app.shared_collections()


def no_collection(app: Service) -> Any:
    app.shared(lambda: {"a": 1})
    return app.shared_collections()


def bad_name(app: Service) -> Any:
    votes = app.input("votes")
    app.shared(lambda: {"A": votes})
    return app.shared_collections()


def reserved(app: Service) -> Any:
    def write(tx, caller): ...

    return app.action(write)


def own_key(app: Service) -> Any:
    def act(tx, caller, idempotency_key: str): ...

    return app.action(act)


def too_few(app: Service) -> Any:
    def act(tx): ...

    return app.action(act)


def twice_a_resource(app: Service) -> Any:
    def top(shared): ...

    app.resource(top)
    return app.resource(top)


def fact_of_autobahn(app: Service) -> Any:
    return app.error("refused", error="why")


def on_error(app: Service) -> Any:
    return Service("com.example.poll", on_error="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "mistake",
    [
        misspelt,
        twice,
        two_graphs,
        no_dictionary,
        no_collection,
        bad_name,
        reserved,
        own_key,
        too_few,
        twice_a_resource,
        fact_of_autobahn,
        on_error,
    ],
)
def test_mistakes_in_declarations_are_found_at_once(mistake: Any) -> None:
    with pytest.raises(ConfigurationError):
        mistake(Service("com.example.poll"))
