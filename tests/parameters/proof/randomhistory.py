"""
Random commits, seeded, as people make them: most are good, some malformed or against a schema; files are renamed and removed, commits are
reverted, branches merged, reset, rewritten and deleted. Each is pushed, with force where that is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from tests.parameters.proof.gitserver import BRANCH, Clone

ENVIRONMENT: Final = "production"
REGION: Final = "eu"

FIRST: Final[dict[str, str]] = {
    "base/payment/limits.yaml": "# in euros\ndaily: 500\nmonthly: 5000\nnote: as agreed\n",
    "base/payment/fees.json": '{"percent": 1.5, "fixed": {"eur": 30, "usd": 35}}\n',
    "base/shop.toml": 'title = "Shop"\nopen = true\n[page]\nsize = 25\n',
    f"environments/{ENVIRONMENT}/payment/limits.yaml": "daily: 400\n",
    f"regions/{REGION}/shop.toml": 'title = "Laden"\n',
    "environments/test/shop.toml": 'title = "Not ours"\n',
    "schemas/payment/limits.json": '{"properties": {"daily": {"type": "integer", "minimum": 0}}, "required": ["daily"]}\n',
    "README.md": "Parameters.\n",
}
GUARDED: Final = ("base/payment/limits.yaml", f"environments/{ENVIRONMENT}/payment/limits.yaml", "schemas/payment/limits.json")
"""Which have a schema: they are never removed or renamed."""

MENDED: Final = 0.4
"""How likely the next commit mends what is not good."""

GROUPS: Final = ("alpha", "beta", "gamma")
KEYS: Final = ("one", "two", "three", "four")
DEEP: Final = "deep"
INSIDE: Final = "inside"
REPLACED: Final = 0.4
"""How likely a file has a value where others have a subtree, or the reverse."""
RENAMES: Final = ("left", "right")
VALUES: Final[tuple[Callable[[Random], Any], ...]] = (
    lambda random: random.randrange(1000),
    lambda random: round(random.uniform(-1, 1), 3),
    lambda random: random.choice(["", "text", "grün", "two\nlines", 'quote"d', "日本語"]),
    lambda random: random.choice([True, False, None]),
    lambda random: [random.randrange(9) for _ in range(random.randrange(4))],
)


def names() -> list[str]:
    """Return every name that any of these commits may have, in order."""
    first = ["payment.limits.daily", "payment.limits.monthly", "payment.limits.note", "payment.fees.percent"]
    first += ["payment.fees.fixed.eur", "payment.fees.fixed.usd", "shop.title", "shop.open", "shop.page.size"]
    files = [f"{group}.{name}" for group in GROUPS for name in ("a", "b", *RENAMES)]
    keys = [each for key in KEYS for each in (key, f"{key}.{INSIDE}", f"{DEEP}.{key}")]
    return [*first, *[f"{file}.{key}" for file in files for key in [*keys, DEEP]]]


class RandomHistory:
    """Makes commits in `clone`, all that is random from `random`, and pushes each."""

    def __init__(self, clone: Clone, random: Random) -> None:
        self.clone = clone
        self.made: dict[str, int] = {}
        """How many commits, or changes of the branch, of each kind."""
        self._random = random
        self._good = ""
        self._kinds: dict[str, tuple[int, Callable[[], None]]] = {
            "good": (34, self._change),
            "overlay": (14, self._overlay),
            "several": (5, self._several),
            "malformed": (14, self._malform),
            "against-schema": (7, self._break_schema),
            "twice": (4, self._name_twice),
            "rename": (7, self._rename),
            "deletion": (5, self._remove),
            "revert": (6, self._revert),
            "merge": (3, self._merge),
            "binary": (2, self._binary),
            "force-push": (5, self._rewrite),
            "reset": (4, self._reset),
            "branch-deleted": (1, self._delete_branch),
        }

    def begin(self) -> str:
        """Make and push the first commit; return it."""
        commit = self.clone.commit("Begin", FIRST)
        self.clone.push()
        return commit

    def step(self, good: str | None, *, is_good: bool) -> str:
        """
        Change the branch in a random way; return its newest commit, which is pushed.

        Args:
            good: the last good commit.
            is_good: whether that is the newest one; otherwise somebody is likely to mend it.
        """
        weights = [weight for weight, _ in self._kinds.values()]
        [kind] = self._random.choices(list(self._kinds), weights)
        act = self._kinds[kind][1]
        if good is not None and not is_good and self._random.random() < MENDED:
            kind, act = "mend", self._mend
            self._good = good
        self.made[kind] = self.made.get(kind, 0) + 1
        act()
        self.clone.push("--force")
        return self.clone.head()

    # Good commits

    def _files(self) -> list[str]:
        """The files that come and go."""
        listed = self.clone.git("ls-files", "base", "environments", "regions").splitlines()
        return [each for each in listed if each.split("/")[-2] in GROUPS]

    def _content(self, name: str) -> str:
        random = self._random
        chosen = {key: random.choice(VALUES)(random) for key in random.sample(KEYS, random.randrange(1, len(KEYS) + 1))}
        deep = {key: random.choice(VALUES)(random) for key in random.sample(KEYS, random.randrange(1, 3))}
        said: dict[str, Any] = {**chosen, DEEP: deep}
        if random.random() < REPLACED:
            said[DEEP] = random.choice(VALUES)(random)
        if random.random() < REPLACED:
            key = random.choice(list(chosen))
            said[key] = {INSIDE: chosen[key]}
        if name.endswith(".toml"):
            return "".join(f"{line}\n" for line in _toml(said))
        if name.endswith(".yaml"):
            return "".join(f"{line}\n" for line in ["# a comment", *_yaml(said)])
        return json.dumps(said, indent=1, ensure_ascii=False) + "\n"

    def _name(self, layer: str) -> str:
        random = self._random
        stem = f"{layer}/{random.choice(GROUPS)}/{random.choice(['a', 'b'])}"
        there = [each for each in self._files() if each.rsplit(".", 1)[0] == stem]
        return there[0] if there else f"{stem}.{random.choice(['json', 'yaml', 'toml'])}"

    def _change(self) -> None:
        name = self._name("base")
        self.clone.commit(f"Change {name}", {name: self._content(name)})

    def _overlay(self) -> None:
        name = self._name(self._random.choice([f"environments/{ENVIRONMENT}", f"regions/{REGION}", "environments/test"]))
        self.clone.commit(f"Change {name}", {name: self._content(name)})

    def _several(self) -> None:
        daily = {GUARDED[0]: f"daily: {self._random.randrange(1000)}\nmonthly: {self._random.randrange(10000)}\nnote: again\n"}
        others = {name: self._content(name) for name in dict.fromkeys([self._name("base") for _ in range(4)])}
        self.clone.commit("Change several files at once", {**daily, **others})

    def _rename(self) -> None:
        files = self._files()
        if not files:
            self._change()
            return
        name = self._random.choice(files)
        folder, _, last = name.rpartition("/")
        target = f"{folder}/{self._random.choice(RENAMES)}.{last.rsplit('.', 1)[1]}"
        for each in files:  # what has the same name already
            if each not in (name, target) and each.rsplit(".", 1)[0] == target.rsplit(".", 1)[0]:
                self.clone.git("rm", "--quiet", "--force", each)
        if name != target:
            self.clone.git("mv", "--force", name, target)
        self.clone.commit(f"Rename {name}")

    def _remove(self) -> None:
        files = self._files()
        if files:
            self.clone.git("rm", "--quiet", "--force", self._random.choice(files))
        self.clone.commit("Remove a file")

    def _binary(self) -> None:
        content = self._random.randbytes(5000)
        self.clone.commit("Add a picture", {"base/logo.png": content, "base/notes.txt": b"\xff\xfe not UTF-8", "large.bin": content * 500})

    def _merge(self) -> None:
        clone = self.clone
        name = self._name("base")
        clone.git("checkout", "--quiet", "-b", "side")
        clone.commit(f"Change {name} on a branch", {name: self._content(name)})
        side = clone.head()
        clone.git("checkout", "--quiet", BRANCH)
        clone.git("branch", "--quiet", "-D", "side")
        clone.num_commits += 1
        clone.git("merge", "--quiet", "--no-ff", "--message", "Merge a branch", side)

    def _revert(self) -> None:
        clone = self.clone
        clone.num_commits += 1
        if len(clone.git("rev-list", "--first-parent", "HEAD").split()) < 2:
            self._change()
            return
        mainline = ["--mainline", "1"] if len(clone.git("rev-list", "--parents", "-1", "HEAD").split()) > 2 else []
        clone.git("revert", "--no-commit", *mainline, "HEAD")
        clone.commit("Revert the last commit")

    def _mend(self) -> None:
        self.clone.git("rm", "-r", "--quiet", "--force", ".")
        self.clone.git("checkout", self._good, "--", ".")
        self.clone.commit("Mend it")

    # Bad commits

    def _malform(self) -> None:
        random = self._random
        name = self._name("base")
        kinds: dict[str, list[str | bytes]] = {
            "json": ['{"one": 1,', '{"one": 1, "one": 2}', '{"one": NaN}', '{"one": 1} and more', b'{"one": "\xff"}', "<<<<<<< HEAD\n{}\n"],
            "yaml": ["one: [1, 2", "one: 1\n\ttwo: 2\n", "one: 1\none: 2\n", b"one: \xff\xfe", "1: number\n", "one: {two: 1\n"],
            "toml": ["one = ", "one = 1\none = 2\n", "[deep\none = 1\n", b'one = "\xff"\n', "one = 1 two = 2\n"],
        }
        self.clone.commit(f"Spoil {name}", {name: random.choice(kinds[name.rsplit(".", 1)[1]])})

    def _break_schema(self) -> None:
        bad = self._random.choice(["daily: -1\n", 'daily: "many"\n', "daily: 1.5\n"])
        self.clone.commit("Change the limit", {self._random.choice(GUARDED[:2]): bad})

    def _name_twice(self) -> None:
        other = self._random.choice(["base/payment.json", "base/payment/fees.yaml"])
        text = '{"limits": {"daily": 7}}' if other.endswith("json") else "percent: 2\n"
        self.clone.commit("Say something in two places", {other: text})

    # What is done to the branch

    def _depth(self) -> int:
        """How far back to go, never before the first commit."""
        return min(self._random.randrange(1, 4), len(self.clone.git("rev-list", "--first-parent", "HEAD").split()) - 1)

    def _reset(self) -> None:
        self.clone.git("reset", "--quiet", "--hard", f"HEAD~{self._depth()}")
        self.clone.git("clean", "--quiet", "--force", "-d")

    def _rewrite(self) -> None:
        self._reset()
        self._change()

    def _delete_branch(self) -> None:
        self.clone.git("push", "--quiet", "origin", f":refs/heads/{BRANCH}")
        self._change()


def _toml(said: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a file of TOML, which has no null."""
    for key, value in said.items():
        inside = value if isinstance(value, dict) else {"": value}
        for below, each in inside.items():
            yield f"{key}{'.' * bool(below)}{below} = {json.dumps('none' if each is None else each)}"


def _yaml(said: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a file of YAML."""
    for key, value in said.items():
        if isinstance(value, dict):
            yield f"{key}:"
            for below, each in value.items():
                yield f"  {below}: {json.dumps(each, ensure_ascii=False)}"
        else:
            yield f"{key}: {json.dumps(value, ensure_ascii=False)}"
