"""Many seeded histories, one after the other; DELTAMESH_SEED names the only one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable


def run_histories(simulate: Callable[[int], Counter[str]], number: int) -> tuple[int, Counter[str]]:
    """Run histories 0 to `number`; return how many were run, and how often what happened in them. What is raised names its seed."""
    seeds = [int(os.environ["DELTAMESH_SEED"])] if "DELTAMESH_SEED" in os.environ else range(number)
    seen: Counter[str] = Counter()
    for seed in seeds:
        try:
            seen += simulate(seed)
        except Exception as error:
            error.add_note(f"history {seed}: run it alone with DELTAMESH_SEED={seed}")
            raise
    return len(seeds), seen
