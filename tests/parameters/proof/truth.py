"""What clients have shown, beside what there was: the states of the branch after each push, as the oracle reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from tests.parameters.proof.observed import DEFAULT, Observed, same
from tests.parameters.proof.oracle import Now
from tests.reliability.run import Run

TOLD: Final = 800
"""Characters of a violation."""


def check(run: Run, client: Observed, truth: Sequence[Now]) -> dict[str, int]:
    """
    Compare all that a client has shown with what there was; return how much it has shown.

    Each state is to be one that there was, whole, and not before the one that the same process has shown last; the last one is the end.
    """
    client.take_in()
    wanted = set(client.names)
    states = [{name: value for name, value in now.values.items() if name in wanted} for now in truth]
    counts: Counter[str] = Counter()
    at = process = 0
    for number, moment, state in client.states:
        if number != process:
            process, at = number, 0
        shown = {name: value for name, (value, _, _) in state.items() if value != DEFAULT}
        if not shown and not at:
            counts["before"] += 1  # of the first answer
            continue
        counts["states"] += 1
        found = next((each for each in range(at, len(states)) if same(states[each], shown)), None)
        if found is None:
            counts["wrong"] += 1
            what = f"{client.name} showed what there never was, or not any more, after state {at} of {len(states) - 1}"
            after = [each for each in states[at:] if not same(each, states[at])]
            then = differences(after[0], shown) if after else "nothing"
            run.violations.append(f"{what}, at {moment:.3f}: {differences(states[at], shown)}; from the next one differs {then}"[:TOLD])
        else:
            at = found
    run.require(client.num_reads > 0, f"{client.name} has read nothing")
    run.require(same(states[at], states[-1]), f"{client.name} ends at state {at} of {len(states) - 1}")
    return {**counts, "reads": client.num_reads, "slowest_read_us": round(client.slowest_read * 1e6)}


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return by name what differs."""
    return {name: [one.get(name), other.get(name)] for name in one.keys() | other.keys() if not same(one.get(name), other.get(name))}
