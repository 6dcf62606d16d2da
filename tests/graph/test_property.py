"""
Random graphs under random histories show, after every step, what the oracle works out from the inputs alone.

DELTAMESH_SEED=17 runs that history alone, DELTAMESH_HISTORIES=2000 more of them.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from deltamesh.graph import recursion
from tests.graph.world import run

HISTORIES = int(os.environ.get("DELTAMESH_HISTORIES", "100"))
SEEDS = [int(os.environ["DELTAMESH_SEED"])] if "DELTAMESH_SEED" in os.environ else range(HISTORIES)
STEPS = 40


@pytest.mark.slow
@pytest.mark.parametrize("on_error", ["skip", "reject"])
def test_every_collection_is_what_its_inputs_say(on_error: str) -> None:
    worlds = [run(seed, STEPS, on_error=on_error) for seed in SEEDS]

    if len(worlds) >= 100:  # what this is about did happen
        seen = sum((world.seen for world in worlds), Counter())
        assert seen["rejected"] > len(worlds) or on_error == "skip"
        assert min(seen[each] for each in ("delta", "entry", "failure", "circular", "kept", "closed")) > len(worlds), seen


@pytest.mark.slow
def test_deep_recursion_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recursion, "MAX_NESTING", 1)

    for seed in SEEDS:
        run(seed, STEPS // 2)


@pytest.mark.slow
def test_large_graphs() -> None:
    for seed in SEEDS[:12]:
        run(seed, 30, num_plans=60)


def test_the_same_seed_is_the_same_history() -> None:
    first, second = run(3, 20), run(3, 20)

    assert first.seen == second.seen
