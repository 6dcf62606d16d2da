"""Random plans and random writes, the graph and the oracle that run them, and the comparison after every step."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from deltamesh.errors import Rejected
from deltamesh.graph import TOP, Collection, Count, Description, Graph, Input, Max, Min, Sum, Watch, lazy
from deltamesh.values import freeze, index_key, order_of, plain_key
from tests.graph.functions import LAZY, MAPPERS, OWN_REDUCERS, tagged
from tests.graph.oracle import TOP as PLAN_TOP
from tests.graph.oracle import Oracle, Plan, Table, place

INPUTS = ("red", "green", "blue")

KEYS: list[Any] = [
    *(None, False, True, 0, 1, 1.0, 2, 3, -1, 2.5, "a", "1", "b", "boom"),
    *([], [1], [1, "a"], [1, None], [1.0, True], [[1], 2], ["a", 1], ["a", 2]),
    *({}, {"a": 1}, {"a": True}, {"b": [1, {}]}),
]

VALUES: list[Any] = [*KEYS, 0.1, 0.2, 0.3, 1e16, -1e16, 1e-9, 7, 8, -0.0, "x", "boom", [0.5, {"a": [False]}], {"a": 1, "b": 2}]

REDUCERS: dict[str, Any] = {"count": Count(), "sum": Sum(), "min": Min(), "max": Max(), **OWN_REDUCERS}


KINDS = {
    "all": ["map"] * 6 + ["reduce"] * 3 + ["slices", "slices", "take", "take", "merge", "size"],
    "take": ["map", "take", "take"],
    "slices": ["map", "slices", "slices", "slices", "slices", "merge", "size", "reduce"],
    "lazy": ["map"],
}
"""What a world is about, and which operators it then has how often."""

FOLLOWS = {"take": "merge", "merge": "reduce"}
"""A reducer of merged keys must be told exactly what has left a window."""


def collection_of(plan: Plan) -> Any:
    """Return the description that a plan stands for."""
    kind, *rest = plan
    if kind == "input":
        return Input(rest[0])
    if kind == "map":
        return collection_of(rest[0]).map(rest[1], *extras_of(rest[2]))
    if kind == "lazy":
        return lazy(rest[0], *extras_of(rest[1]))
    if kind == "reduce":
        return collection_of(rest[0]).reduce(REDUCERS[rest[1]])
    if kind == "slices":
        return collection_of(rest[0]).slices(*[(bound_of(low), bound_of(high)) for low, high in rest[1]])
    if kind == "take":
        return collection_of(rest[0]).take(rest[1])
    if kind == "merge":
        return collection_of(rest[0]).merge(*map(collection_of, rest[1:]))
    return collection_of(rest[0]).size()


def extras_of(extras: tuple[Plan, ...]) -> list[Any]:
    return [collection_of(extra[1]) if extra[0] == "read" else extra[1] for extra in extras]


def bound_of(key: Any) -> Any:
    if key is PLAN_TOP:
        return TOP
    if isinstance(key, list) and PLAN_TOP in key:  # as prefix() makes them
        return [TOP if part is PLAN_TOP else part for part in key]
    return key


def exact(entries: Any) -> str:
    """Return a text that is equal for equal JSON only: true is not 1, and 1 is not 1.0."""
    return repr([(key, list(values)) for key, values in entries])


class Chance:
    """Draws plans and writes. One seed gives one history."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pick = self.random.choice
        self.focus = self.pick(list(KINDS))

    def some(self, pool: list[Any], most: int) -> list[Any]:
        return [self.pick(pool) for _ in range(self.random.randint(0, most))]

    def plan(self, known: list[Plan], lazies: list[Plan]) -> Plan:
        """Return a plan over known ones, mostly over recent ones."""
        random = self.random
        source = known[max(random.randrange(len(known)), random.randrange(len(known)))]
        if self.focus == "slices" and random.random() < 0.7:  # many of one collection
            source = known[3 if len(known) > 3 else 0]
        kind = self.pick(KINDS[self.focus])
        if self.focus == "take" and known[-1][0] in FOLLOWS:
            source, kind = known[-1], FOLLOWS[known[-1][0]]
        if kind == "map":
            lookups = self.pick("0011112")
            function = self.pick(MAPPERS[lookups])
            if lookups == "0" and random.random() < 0.2:
                return ("map", source, tagged, (("constant", self.pick([1, True, 1.0, "1"])),))
            # a look-up that may be asked for its size must not be lazy
            readable = known if function.__name__ == "measured" else known + lazies * (9 if self.focus == "lazy" else 2)
            read = [self.pick(readable) for _ in range(int(lookups))]
            if len(read) == 2 and random.random() < 0.4:
                read[1] = read[0]
            return ("map", source, function, tuple([("read", each) for each in read]))
        if kind == "reduce":
            return ("reduce", source, self.pick(list(REDUCERS)))
        if kind == "slices":
            return ("slices", source, tuple([self.range() for _ in range(self.pick([1, 1, 2, 3]))]))
        if kind == "take":
            return ("take", source, self.pick([0, 1, 2, 2, 3, 5, 100]))
        if kind == "merge":
            return ("merge", source, *[self.pick([source, *known]) for _ in range(self.pick([1, 1, 2]))])
        return ("size", source)

    def lazy(self, known: list[Plan], lazies: list[Plan]) -> Plan:
        lookups = self.pick("112")
        return ("lazy", self.pick(LAZY[lookups]), tuple([("read", self.pick(known + lazies)) for _ in range(int(lookups))]))

    def range(self) -> tuple[Any, Any]:
        draw = self.random.random()
        low = self.pick(KEYS)
        if draw < 0.3:
            return low, low
        if draw < 0.5:
            part = self.pick([1, "a"])
            return [part], [part, PLAN_TOP]
        return low, PLAN_TOP if draw < 0.7 else self.pick(KEYS)

    def writes(self) -> dict[str, list[Any]]:
        most = self.pick([1, 1, 1, 2, 4, 30])
        names = self.pick([INPUTS[:1], INPUTS[1:2], INPUTS[2:], INPUTS[:2], INPUTS])
        keys = self.pick([KEYS, KEYS, KEYS[3:8]])
        return {
            name: [[self.pick(keys), self.some(VALUES, self.pick([0, 1, 1, 1, 3]))] for _ in range(self.random.randint(1, most))]
            for name in names
        }


class World:
    """A graph beside the inputs that it was given, with some collections watched."""

    def __init__(self, seed: int, *, on_error: Any = "skip", num_plans: int = 12) -> None:
        self.chance = Chance(seed)
        self.graph = Graph(INPUTS, on_error=on_error)
        self.inputs: dict[str, Table] = {name: {} for name in INPUTS}
        self.plans: list[Plan] = [("input", name) for name in INPUTS]
        lazies: list[Plan] = []
        while len(self.plans) < num_plans:
            if self.chance.random.random() < (0.6 if self.chance.focus == "lazy" else 0.2):
                lazies.append(self.chance.lazy(self.plans, lazies))
            self.plans.append(self.chance.plan(self.plans, lazies))
        self.plan_of: dict[Description, Plan] = {collection_of(plan): plan for plan in self.plans + lazies}
        self.shown: dict[Watch, dict[Any, Any]] = {}  # what somebody knows who has seen entries() and then each delta
        self.plan_of_watch: dict[Watch, Plan] = {}
        self.seen: Counter[str] = Counter()  # what has happened, for tests that it did
        self.write({name: [[key, self.chance.some(VALUES, 2)] for key in KEYS] for name in INPUTS})
        for _ in range(4):
            self.open(self.chance.pick(self.plans))

    def step(self) -> None:
        """Write, or open or close a watch; then compare everything."""
        draw = self.chance.random.random()
        if draw < 0.12 or not self.shown:
            self.open(self.chance.pick(self.plans))
        elif draw < 0.18:
            self.close(self.chance.pick(list(self.shown)))
        else:
            self.write(self.chance.writes())
        self.compare()

    def open(self, plan: Plan) -> None:
        collection: Collection = collection_of(plan)
        watch = self.graph.watch(collection)
        self.shown[watch] = {order_of(key): (key, values) for key, values in watch.entries()}
        self.plan_of_watch[watch] = plan

    def close(self, watch: Watch) -> None:
        watch.close()
        del self.shown[watch], self.plan_of_watch[watch]
        self.seen["closed"] += 1

    def write(self, writes: dict[str, list[Any]]) -> None:
        former, revision = self.inputs, self.graph.revision
        self.inputs = {name: dict(table) for name, table in former.items()}
        for name, entries in writes.items():
            for key, values in entries:
                self.inputs[name][place(key)] = (freeze(key), list(freeze(values)))
        failing = set(map(repr, self.graph.failures()))
        try:
            commit = self.graph.write(writes)
        except Rejected:
            self.seen["rejected"] += 1
            assert self.graph.on_error == "reject"
            assert self.graph.revision == revision
            assert self.oracle_failed()
            self.inputs = former
            return
        assert commit.revision == self.graph.revision == revision + 1
        assert set(map(repr, commit.failures)) <= set(map(repr, self.graph.failures()))
        if self.graph.on_error == "reject":
            assert not commit.failures
            assert set(map(repr, self.graph.failures())) <= failing
        for watch, delta in commit.deltas.items():
            shown = self.shown[watch]
            assert delta
            self.seen["delta"] += 1
            assert [order_of(key) for key, _ in delta] == sorted({order_of(key) for key, _ in delta})
            for key, values in delta:
                before = shown.pop(order_of(key), (key, ()))
                assert exact([before]) != exact([(key, values)]), f"{key!r} did not change"
                if values:
                    shown[order_of(key)] = (key, values)

    def oracle(self) -> Oracle:
        return Oracle({name: {at: entry for at, entry in table.items() if entry[1]} for name, table in self.inputs.items()})

    def oracle_failed(self) -> bool:
        """Whether anything that lives in the graph fails for the inputs."""
        oracle = self.oracle()
        for node in self.graph.nodes():
            plan = self.plan_of[node.description]
            if plan[0] != "lazy":
                oracle.table(plan)
        return bool(oracle.failed)

    def compare(self) -> None:
        self.graph.check_invariants()
        oracle = self.oracle()
        for watch, shown in self.shown.items():
            expected = exact(oracle.entries(self.plan_of_watch[watch]))
            assert exact(watch.entries()) == expected, self.plan_of_watch[watch]
            assert exact([shown[at] for at in sorted(shown)]) == expected, self.plan_of_watch[watch]
            assert len(watch) == len(shown)
            self.seen["entry"] += len(shown)
        for node in self.graph.nodes():
            self.compare_node(node, oracle)

    def compare_node(self, node: Any, oracle: Oracle) -> None:
        """Compare what nobody watches: every collection that lives, kept keys of lazy ones, and failures."""
        if isinstance(node.description, Input):
            return  # its values are compared through those that read it
        plan = self.plan_of[node.description]
        failed = {order_of(plain_key(key)) for key in node.failures}
        self.seen["failure"] += len(failed)
        if plan[0] == "lazy":
            self.seen["circular"] += len(node.circular)
            self.seen["kept"] += len(node.entries)
            for key, values in node.entries.items():
                assert exact([(0, values)]) == exact([(0, oracle.values_of(plan, plain_key(key)))]), (plan, key)
            assert failed == {order_of(plain_key(key)) for key in node.entries} & {at for asked, at in oracle.failed if asked == id(plan)}
        else:
            keys = [plain_key(key) for key in node.keys_between(None, TOP)]
            assert exact([(key, node.values_of(index_key(key))) for key in keys]) == exact(oracle.entries(plan)), plan
            assert failed == {at for asked, at in oracle.failed if asked == id(plan)}, plan


def run(seed: int, num_steps: int, *, focus: str | None = None, **options: Any) -> World:
    """Run a history of `num_steps`; a failure names the seed. With `focus`, only if it is about that."""
    if focus is not None and Chance(seed).focus != focus:
        return World(seed, num_plans=0)
    world = World(seed, **options)
    for step in range(num_steps):
        try:
            world.step()
        except BaseException as error:
            error.add_note(f"seed {seed}, step {step}, options {options}: run it alone with DELTAMESH_SEED={seed}")
            raise
    assert world.graph.audit() == []
    for watch in list(world.shown):
        world.close(watch)
    assert [node.description for node in world.graph.nodes()] == [Input(name) for name in INPUTS]
    world.graph.check_invariants()
    return world
