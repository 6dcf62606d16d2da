"""What the resources of the service show, to whom, and what a change costs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest

from deltamesh.application.service import Service, Shared
from deltamesh.application.transaction import Caller
from deltamesh.errors import ApplicationError, InvalidParameters, TooLarge
from deltamesh.graph import Graph, Watch
from deltamesh.graph.slices import SlicesNode
from deltamesh.parameters import service
from deltamesh.parameters.service import MAX_CHOSEN

S = "com.example.parameters"
HUSH = "hush"
"""The value of all that is secret here."""


class Place:
    """A follower's graph with the service's inputs, written to directly."""

    def __init__(self, app: Service | None = None) -> None:
        self.app = app or service(S, [("payment.keys", ["auditor"])])
        self.names = list(self.app.shared_collections())
        self.graph = Graph(self.names)

    def write(self, **changes: Mapping[Any, Any]) -> Any:
        """Write values by key, None to remove."""
        return self.graph.write(
            {name: [(key, [] if value is None else [value]) for key, value in each.items()] for name, each in changes.items()}
        )

    def open(self, resource: str, role: str = "browser", **parameters: Any) -> Watch:
        _, describe = self.app.instantiate(resource, parameters, Caller(1, "somebody", role))
        return self.graph.watch(describe(Shared(self.names)))

    def read(self, resource: str, role: str = "browser", **parameters: Any) -> dict[Any, Any]:
        watch = self.open(resource, role, **parameters)
        try:
            return {key: values.one() for key, values in watch.entries()}
        finally:
            watch.close()
            self.graph.check_invariants()
            assert self.graph.failures() == []


def held(value: Any, number: int, file: str = "base/a.json") -> dict[str, Any]:
    return {"value": value, "commit": f"c{number}", "number": number, "file": file}


def commit(number: int, *, good: bool = True) -> dict[str, Any]:
    return {
        "commit": f"c{number}",
        "author": "Ada <ada@example.com>",
        "time": 1000 + number,
        "message": f"m{number}",
        "good": good,
        "changed": 1,
    }


def problem(number: int, **more: Any) -> dict[str, Any]:
    return {"commit": f"c{number}", "author": "Ada", "time": 1, "file": "base/a.json", "line": 3, "name": None, "reason": "no"} | more


@pytest.fixture
def place() -> Place:
    place = Place()
    place.write(
        values={
            "shop": held(0, 1), "shop.name": held("Shop", 1), "shop.open": held(None, 3), "shopping": held(1, 2), "shop/": held(1, 2),
            "payment.keys.one": held(HUSH, 2), "payment.secrets.token": held(HUSH, 2), "old": held(1, 0),
        },
        commits={1: commit(1), 2: commit(2), 3: commit(3), 4: commit(4, good=False)},
        changes={
            ("shop.open", 1): {"value": 1}, ("shop.open", 2): {"gone": True}, ("shop.open", 3): {"value": None},
            ("payment.keys.one", 2): {"value": HUSH},
        },
        reading={None: {"repository": "https://git.example/shop.git", "head": "c4", "good": "c3", "number": 3}},
        problems={
            0: problem(4),
            1: problem(4, name="payment.keys.one", reason="payment.keys.one"),
            2: problem(4, file="base/payment/secrets.yaml"),
        },
        holders={7: {"session": 7, "client": "a"}, 8: {"session": 8, "client": "b"}},
        holdings={7: "\npayment.keys.one\nshop.name\nshop.open\n", 8: "\nshop.name\nshop.opening\n"},
        at={7: {"commit": "c3", "number": 3}},
    )  # fmt: skip
    return place


BY_ADA = {"author": "Ada <ada@example.com>", "time": 1001, "message": "m1"}


def test_a_parameter_with_who_changed_it_last(place: Place) -> None:
    assert place.read("parameter", name="shop.name") == {"shop.name": {"name": "shop.name", **held("Shop", 1), **BY_ADA}}
    assert place.read("parameter", name="nothing") == {}


def test_of_an_older_commit_than_is_kept_only_the_name_is_known(place: Place) -> None:
    assert place.read("parameter", name="old") == {"old": {"name": "old", **held(1, 0), "author": None, "time": None, "message": None}}


def test_a_tree_is_of_segments(place: Place) -> None:
    assert list(place.read("tree", prefix="shop")) == ["shop", "shop.name", "shop.open"]
    assert list(place.read("tree", prefix="shop.open")) == ["shop.open"]
    assert list(place.read("tree", prefix="sho")) == []
    assert list(place.read("tree")) == ["old", "shop", "shop.name", "shop.open", "shop/", "shopping"]
    assert place.read("tree", prefix="shop.name") == place.read("parameter", name="shop.name")


def test_chosen_ones(place: Place) -> None:
    names = ["shop.name", "nothing", "payment.secrets.token", "payment.secrets.there_is_none", "shop.name"]

    assert place.read("chosen", names=names) == {
        "shop.name": {"value": "Shop", "commit": "c1", "number": 1},
        "payment.secrets.token": {"restricted": True},
        "payment.secrets.there_is_none": {"restricted": True},  # whether there is one is not told
    }
    assert place.read("chosen", "administrator", names=names) == {
        "shop.name": {"value": "Shop", "commit": "c1", "number": 1},
        "payment.secrets.token": {"value": HUSH, "commit": "c2", "number": 2},
    }
    assert place.read("chosen", names=[]) == {}


def test_the_history_of_a_parameter_with_what_was_before(place: Place) -> None:
    of = {
        number: {"commit": f"c{number}", "author": "Ada <ada@example.com>", "time": 1000 + number, "message": f"m{number}"}
        for number in (1, 2, 3)
    }
    whole = {(-3,): {**of[3], "value": None}, (-2,): {**of[2], "gone": True, "was": 1}, (-1,): {**of[1], "value": 1}}

    assert place.read("history", name="shop.open") == whole
    assert place.read("history", name="shop.open", limit=2) == {key: whole[key] for key in [(-3,), (-2,)]}
    assert list(place.read("history", name="shop.open")) == [(-3,), (-2,), (-1,)]
    place.write(changes={("shop.open", 4): {"value": [1]}}, commits={4: commit(4)})
    assert place.read("history", name="shop.open", limit=1)[(-4,)] == {**commit_of(4), "value": (1,), "was": None}
    assert place.read("history", name="nothing") == {}


def commit_of(number: int) -> dict[str, Any]:
    return {name: value for name, value in commit(number).items() if name not in ("good", "changed")}


def test_who_holds_a_parameter_and_whether_it_is_current(place: Place) -> None:
    a = {"session": 7, "client": "a", "commit": "c3", "number": 3}
    b = {"session": 8, "client": "b", "commit": None, "number": None}

    assert place.read("census") == {7: {**a, "is_current": None}, 8: {**b, "is_current": None}}
    assert place.read("census", name="shop.name") == {7: {**a, "is_current": True}, 8: {**b, "is_current": False}}
    assert place.read("census", name="shop.open") == {7: {**a, "is_current": True}}
    assert place.read("census", name="shop") == {}
    watch = place.open("census", name="shop.open")
    place.write(values={"shop.open": held(2, 5)}, commits={5: commit(5)})
    assert watch.values_of(7).one()["is_current"] is False
    place.write(at={7: {"commit": "c5", "number": 5}})
    assert watch.values_of(7).one()["is_current"] is True
    place.write(holdings={7: None}, holders={7: None}, at={7: None})
    assert watch.entries() == []


def test_commits_the_newest_first(place: Place) -> None:
    assert place.read("commits", limit=2) == {(-4,): commit(4, good=False), (-3,): commit(3)}


def test_the_state_and_what_is_wrong(place: Place) -> None:
    state = place.read("state", "component")
    assert state["reading"] == {"repository": "https://git.example/shop.git", "head": "c4", "good": "c3", "number": 3}
    assert [each["name"] for each in state["problems"]] == [None, "payment.keys.one", None]
    place.write(problems={0: None, 1: None, 2: None})
    assert place.read("state")["reading"]["repository"] == "shop.git"
    assert place.read("state")["problems"] == ()
    place.write(reading={None: None})
    assert place.read("state") == {}


# ---- who may


def test_what_is_restricted_is_in_no_resource(place: Place) -> None:
    requests: list[tuple[str, dict[str, Any]]] = [
        *[("tree", {"prefix": prefix}) for prefix in ("", "payment", "payment.secrets", "payment.secrets.token")],
        ("chosen", {"names": ["payment.keys.one", "payment.secrets.token"]}),
        *[("census", {}), ("census", {"name": "shop.name"}), ("commits", {}), ("state", {}), ("history", {"name": "shop.open"})],
    ]
    for resource, parameters in requests:
        shown = str(place.read(resource, **parameters))
        assert HUSH not in shown
        if resource != "chosen":
            assert "payment" not in shown
        assert HUSH not in str(place.read(resource, "", **parameters))
    assert HUSH in str(place.read("tree", "component"))


@pytest.mark.parametrize(
    ("resource", "role"),
    [("parameter", "browser"), ("history", "browser"), ("census", "browser"), ("parameter", ""), ("parameter", "auditor")],
)
@pytest.mark.parametrize("name", ["payment.secrets.token", "payment.secrets.there_is_none", "payment.secrets"])
def test_who_asks_for_a_restricted_name_is_refused(place: Place, resource: str, role: str, name: str) -> None:
    with pytest.raises(ApplicationError) as caught:
        place.read(resource, role, name=name)

    assert (caught.value.uri, caught.value.retry, caught.value.facts) == (f"{S}.error.restricted", False, {"name": name})
    assert place.read(resource, "administrator", name=name) is not None


def test_a_role_has_what_the_rules_give_it(place: Place) -> None:
    assert place.read("parameter", "auditor", name="payment.keys.one")["payment.keys.one"]["value"] == HUSH
    assert place.read("history", "auditor", name="payment.keys.one")[(-2,)]["value"] == HUSH


def test_callers_of_one_role_share_an_instance_and_others_do_not() -> None:
    app = service(S)
    identities = {
        role: {app.instantiate("chosen", {"names": ["a"]}, Caller(session, f"authid{session}", role))[0] for session in (1, 2)}
        for role in ("browser", "component")
    }

    assert [len(each) for each in identities.values()] == [1, 1]
    assert identities["browser"] != identities["component"]


@pytest.mark.parametrize(
    ("resource", "parameters"),
    [
        ("chosen", {"names": ["a"] * (MAX_CHOSEN + 1)}),
        ("chosen", {"names": [1]}),
        ("chosen", {"names": "a"}),
        ("chosen", {"names": [["payment.secrets.token"]]}),
        ("chosen", {}),
        ("parameter", {"name": ""}),
        ("parameter", {"name": "a b"}),
        ("parameter", {"name": "a\n"}),
        ("parameter", {"name": "a" * 201}),
        ("parameter", {"name": ["payment.secrets.token"]}),
        ("parameter", {"name": "a", "caller": "component"}),
        ("tree", {"prefix": None}),
        ("tree", {"prefix": "payment.secrets\n"}),
        ("tree", {"who": "component"}),
        ("history", {"name": "a", "limit": 101}),
        ("commits", {"limit": 0}),
        ("census", {"name": "a\nb"}),
    ],
)  # fmt: skip
def test_odd_parameters_are_refused(place: Place, resource: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameters):
        place.read(resource, **parameters)


def test_very_many_names_are_refused(place: Place) -> None:
    with pytest.raises(TooLarge):
        place.read("chosen", names=["a" * 199] * 100)


TOKEN = "a token in an array"
HIDDEN = [{"name": "a", "secrets": {"token": TOKEN}}]
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("parameter", {"name": "shop.open"}),
    ("chosen", {"names": ["shop.open"]}),
    ("tree", {}),
    ("tree", {"prefix": "shop.open"}),
    ("history", {"name": "shop.open"}),
    ("history", {"name": "shop.open", "limit": 1}),
]


def test_a_value_with_a_key_for_secrets_in_it_is_for_those_who_are_trusted(place: Place) -> None:
    place.write(values={"shop.open": held(HIDDEN, 4)}, changes={("shop.open", 4): {"value": HIDDEN}})

    for role in ("browser", "auditor", ""):
        assert TOKEN not in str([place.read(resource, role, **parameters) for resource, parameters in ASKED])
    for resource, parameters in ASKED:
        assert TOKEN in str(place.read(resource, "administrator", **parameters))
    assert place.read("chosen", names=["shop.open"]) == {"shop.open": {"restricted": True}}


def test_what_such_a_value_was_is_not_told_either(place: Place) -> None:
    place.write(
        values={"shop.open": held(1, 5)},
        changes={("shop.open", 4): {"value": HIDDEN}, ("shop.open", 5): {"value": 1}},
        commits={5: commit(5)},
    )

    assert place.read("parameter", name="shop.open")["shop.open"]["value"] == 1
    assert TOKEN not in str([place.read(resource, **parameters) for resource, parameters in ASKED])
    assert TOKEN in str(place.read("history", "component", name="shop.open", limit=1))


def test_a_value_that_becomes_secret_and_public_again_is_told_so(place: Place) -> None:
    watch = place.open("chosen", names=["shop.open"])
    place.write(values={"shop.open": held(HIDDEN, 4)})
    assert watch.entries() == [("shop.open", ({"restricted": True},))]
    place.write(values={"shop.open": held(7, 4)})
    assert watch.values_of("shop.open").one()["value"] == 7


# ---- what a change costs


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[SlicesNode]:
    """The windows that a write has visited."""
    visited: list[SlicesNode] = []
    settle = SlicesNode.settle

    def visit(self: SlicesNode) -> None:
        visited.append(self)
        settle(self)

    monkeypatch.setattr(SlicesNode, "settle", visit)
    return visited


def crowd(place: Place, number: int) -> list[Watch]:
    """Let clients open three names each, of which the first is everybody's, and write all names."""
    place.write(values={f"n.{index}": held(index, 1) for index in range(2 * number)})
    return [place.open("chosen", names=["n.0", f"n.{2 * index}", f"n.{2 * index + 1}"]) for index in range(1, number)]


@pytest.mark.parametrize("number", [10, 500])
def test_a_change_of_a_name_visits_the_instances_that_contain_it(number: int, settled: list[SlicesNode]) -> None:
    place = Place()
    watches = crowd(place, number)
    current = next(name for name in place.graph.counters() if name == "values.map(_as_current)")
    before = place.graph.counters()[current]["recomputed"]
    done = place.write(values={"n.5": held("new", 2), "somewhere.else": held(1, 2)})

    assert list(done.deltas) == [watches[1]]
    assert len(settled) == 1
    assert place.graph.counters()[current]["recomputed"] == before + 2
    place.write(values={"n.0": held("new", 3)})
    assert len(settled) == 1 + len(watches)


def test_other_inputs_and_other_names_visit_none_not_even_restricted_ones(settled: list[SlicesNode]) -> None:
    place = Place()
    watches = [*crowd(place, 10), place.open("chosen", names=["n.0", "a.secrets.b"]), place.open("chosen", names=["a.secrets.c"])]
    before = {name: counts for name, counts in place.graph.counters().items() if "_as_refused" in name}
    assert before
    done = place.write(
        values={"a.secrets.b": held(HUSH, 2), "n.100": held(1, 2)}, commits={2: commit(2)}, at={1: {"commit": "c2", "number": 2}},
        holders={1: {}}, holdings={1: "\nn.0\n"}, changes={("n.100", 2): {"value": 1}}, problems={0: problem(2)},
    )  # fmt: skip

    assert done.deltas == {}
    assert settled == []
    assert {name: place.graph.counters()[name] for name in before} == before
    assert watches[-1].entries() == [("a.secrets.c", ({"restricted": True},))]


def test_to_open_chosen_ones_looks_at_no_others() -> None:
    place = Place()
    crowd(place, 500)
    before = place.graph.counters()
    place.open("chosen", names=["n.1", "n.3"])

    assert {name: counts for name, counts in place.graph.counters().items() if name in before} == before


def test_a_thousand_clients_with_different_names_fit_into_memory() -> None:
    place = Place()
    names = [f"some.group{index % 50}.parameter{index}" for index in range(2_000)]
    place.write(values={name: held(1, 1) for name in names})
    place.open("chosen", names=names[:1])
    number = 20
    tracemalloc.start()
    for index in range(number):
        copies = [f"{name}."[:-1] for name in names[index * 80 : index * 80 + 400]]  # as they come from the wire: strings of their own
        place.open("chosen", names=copies)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used / number < 200_000  # bytes; a thousand of them take less than 200 MB
