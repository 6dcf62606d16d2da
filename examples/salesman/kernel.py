"""
What is compiled: random numbers, exchanges of edges, and the steps of a chain. `annealing.py` says what it is for.

Everything that is compiled stands in this one file, because numba notices changes of this file only when it looks for what it has compiled
before. That is kept beside this file, or in the user's cache if nobody may write here (numba's NUMBA_CACHE_DIR names another place).

The same operations in the same order as in `web/salesman/solver.js`. They are all exact: integers below 2**53, and sums, products and
quotients of float64, which IEEE 754 defines to the last bit. So both come to the same tours.

The arguments have the same names everywhere: `tour` and `positions` (the inverse of it), both changed in place; `distances`, `neighbours`
and `near` of the landscape; `moves`, the reversals of this step, to be undone, `count` of them; `queue` and `queued`, the cities to be
looked at, the first of them at `head`, `waiting` of them; and `state`, int64, of which the names below tell the parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numba import njit

RANDOM: Final = 0
"""State of the generator, never 0."""
CURRENT: Final = 1
"""Length of the current tour."""
BEST: Final = 2
"""Length of the best tour."""
ROUTES: Final = 3
"""Candidates whose difference in length was computed."""
WAITING: Final = 4
"""Cities in the queue. They wait between two pieces only before the first step."""

MAX_PIECE: Final = 50
"""Cities of a piece that a perturbation moves."""
SECOND: Final = 8
"""Neighbours that are tried for the second new edge; for the first one all are."""
MAX_MOVES: Final = 10_000
"""Reversals of a step. Tens are usual; a repair that needs more is broken off."""

LN_2: Final = 0.6931471805599453


def _compiled(function: Callable[..., Any]) -> Any:
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # there is no folder to keep it in: it is compiled again by each process
        return njit(nogil=True)(function)


@_compiled
def random(state):
    """Return the next number, 1 … 2**32 - 1: G. Marsaglia, "Xorshift RNGs", 2003, with the shifts 13, 17, 5."""
    x = state[RANDOM]
    x ^= (x << 13) & 0xFFFFFFFF
    x ^= x >> 17
    x ^= (x << 5) & 0xFFFFFFFF
    state[RANDOM] = x
    return x


@_compiled
def below(state, limit):
    """Return a random number 0 … limit - 1."""
    return (random(state) * limit) >> 32


@_compiled
def exponential(state):
    """Return -ln(u) of a random u between 0 and 1, to 1e-6: halvings until u is at least 1/2, then the series of artanh."""
    u = random(state) / 4294967296.0
    halvings = 0
    while u < 0.5:
        u *= 2.0
        halvings += 1
    s = (1.0 - u) / (1.0 + u)
    q = s * s
    return halvings * LN_2 + 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q / 9.0))))


@_compiled
def reverse(tour, positions, i, j):
    """Reverse the cities at positions i … j, round the end if j < i; or all others if these are fewer: that is the same round trip."""
    n = len(tour)
    inner = j - i + 1
    if inner <= 0:
        inner += n
    if 2 * inner > n:
        i, j = j + 1, i - 1
        if i == n:
            i = 0
        if j < 0:
            j = n - 1
        inner = n - inner
    for _ in range(inner // 2):
        a, b = tour[i], tour[j]
        tour[i] = b
        positions[b] = i
        tour[j] = a
        positions[a] = j
        i += 1
        if i == n:
            i = 0
        j -= 1
        if j < 0:
            j = n - 1


@_compiled
def after(tour, at, forward):
    """Return the city after position `at`, in one of the two directions."""
    if forward:
        return tour[at + 1] if at + 1 < len(tour) else tour[0]
    return tour[at - 1] if at > 0 else tour[len(tour) - 1]


@_compiled
def two_opt(tour, positions, moves, count, a, b, c, d):
    """Replace the edges a-b and c-d by a-c and b-d; in one direction the tour reads a b … c d. Return the new count of moves."""
    if after(tour, positions[a], True) == b:
        i, j = positions[b], positions[c]
    else:
        i, j = positions[c], positions[b]
    moves[count, 0] = i
    moves[count, 1] = j
    reverse(tour, positions, i, j)
    return count + 1


@_compiled
def find(distances, neighbours, near, tour, positions, state, t1, forward, found):
    """
    Look for an exchange of two or three edges that makes the tour shorter, the edge from `t1` in the given direction being one of them.

    Edges are removed and added in turns: t1-t2 goes, t2-t3 comes, t3-t4 goes, t4-t1 closes the tour; or t4-t5 comes, t5-t6 goes, t6-t1
    closes it. What has been gained must stay positive, so only near neighbours can be t3 and t5 (S. Lin and B. Kernighan, 1973, step 4).

    With three edges the tour reads, in the given direction: t1, P from t2 to p, Q from q to r, s. What it becomes:
    2: t1 Q' P s; 3: t1 Q P' s; 4: t1 P' Q' s; 5: t1 Q P s, which includes moving a piece (Or-opt). A dash: reversed. 1 is 2-opt: t1 P' s.

    Returns:
        The gain and what it becomes, (0, 0) if there is none; `found` are then t2, p, q, r, s.
    """
    n = len(tour)
    routes = 0
    at2 = positions[t1]
    t2 = after(tour, at2, forward)
    at2 = positions[t2]
    removed = distances[t1, t2]
    second = min(SECOND, neighbours.shape[1])
    found[0] = t2
    for k in range(neighbours.shape[1]):
        gain1 = removed - near[t2, k]
        if gain1 <= 0:
            break
        t3 = neighbours[t2, k]
        at3 = positions[t3]
        place3 = at3 - at2 if forward else at2 - at3
        if place3 < 0:
            place3 += n
        t4 = after(tour, at3, not forward)
        if t4 != t2:
            gain2 = gain1 + distances[t3, t4]
            routes += 1
            gain = gain2 - distances[t4, t1]
            if gain > 0:
                found[1], found[4] = t4, t3
                state[ROUTES] += routes
                return gain, 1
            for m in range(second):
                gain3 = gain2 - near[t4, m]
                if gain3 <= 0:
                    break
                t5 = neighbours[t4, m]
                if t5 == t3:
                    continue
                at5 = positions[t5]
                place5 = at5 - at2 if forward else at2 - at5
                if place5 < 0:
                    place5 += n
                is_behind = place5 > place3
                t6 = after(tour, at5, forward != is_behind)
                if t6 == t4:
                    continue
                routes += 1
                gain = gain3 + distances[t5, t6] - distances[t6, t1]
                if gain > 0:
                    state[ROUTES] += routes
                    if is_behind:
                        found[1], found[2], found[3], found[4] = t4, t3, t6, t5
                        return gain, 2
                    found[1], found[2], found[3], found[4] = t5, t6, t4, t3
                    return gain, 3
        if t3 != t1:
            t4 = after(tour, at3, forward)
            gain2 = gain1 + distances[t3, t4]
            for m in range(second):
                gain3 = gain2 - near[t4, m]
                if gain3 <= 0:
                    break
                t5 = neighbours[t4, m]
                at5 = positions[t5]
                place5 = at5 - at2 if forward else at2 - at5
                if place5 < 0:
                    place5 += n
                if place5 >= place3:
                    continue
                t6 = after(tour, at5, forward)
                routes += 1
                gain = gain3 + distances[t5, t6] - distances[t6, t1]
                if gain > 0:
                    found[1], found[2], found[3], found[4] = t5, t6, t3, t4
                    state[ROUTES] += routes
                    return gain, 5
                if t5 != t2:
                    t6 = after(tour, at5, not forward)
                    routes += 1
                    gain = gain3 + distances[t5, t6] - distances[t6, t1]
                    if gain > 0:
                        found[1], found[2], found[3], found[4] = t6, t5, t3, t4
                        state[ROUTES] += routes
                        return gain, 4
    state[ROUTES] += routes
    return 0, 0


@_compiled
def exchange(tour, positions, moves, count, becomes, t1, t2, p, q, r, s):
    """Do what `find` has found. Return the new count of moves."""
    if becomes == 1:
        return two_opt(tour, positions, moves, count, t1, t2, p, s)
    if becomes == 4:
        count = two_opt(tour, positions, moves, count, t1, t2, p, q)
        return two_opt(tour, positions, moves, count, t2, q, r, s)
    count = two_opt(tour, positions, moves, count, t1, t2, r, s)  # t1 Q' P' s
    if becomes != 2:
        count = two_opt(tour, positions, moves, count, t1, r, q, p)  # t1 Q P' s
    if becomes != 3:
        count = two_opt(tour, positions, moves, count, q if becomes == 2 else r, p, t2, s)
    return count


@_compiled
def enqueue(queue, queued, head, waiting, city):
    """Let a city wait, if it does not already. Return how many wait."""
    if queued[city]:
        return waiting
    queued[city] = True
    at = head + waiting
    queue[at if at < len(queue) else at - len(queue)] = city
    return waiting + 1


@_compiled
def perturb(distances, tour, positions, moves, state):
    """Exchange two neighbouring pieces of 1 … MAX_PIECE cities, together at most half of the tour. Return how much longer it is then."""
    n = len(tour)
    limit = min(MAX_PIECE, n // 4)
    at = below(state, n)
    p = 1 + below(state, limit)
    q = 1 + below(state, limit)
    first, last = (at + 1) % n, (at + p + q) % n
    middle = (at + q) % n
    begin, end = tour[at], tour[(last + 1) % n]
    p0, p1 = tour[first], tour[(at + p) % n]
    q0, q1 = tour[(at + p + 1) % n], tour[last]
    moves[0, 0], moves[0, 1] = first, last
    moves[1, 0], moves[1, 1] = first, middle
    moves[2, 0], moves[2, 1] = (middle + 1) % n, last
    for move in range(3):
        reverse(tour, positions, moves[move, 0], moves[move, 1])
    state[ROUTES] += 1
    removed = distances[begin, p0] + distances[p1, q0] + distances[q1, end]
    return distances[begin, q0] + distances[q1, p0] + distances[p1, end] - removed


@_compiled
def run(distances, neighbours, near, tour, positions, best, queue, queued, moves, state, hot, cold, steps, done, until):
    """Make the steps `done` … `until` - 1 of `steps`; before the very first one the whole tour is repaired."""
    n = len(tour)
    found = queue[n:]
    queue = queue[:n]
    is_first = state[WAITING] > 0
    if n < 5:  # there is nothing to perturb
        until = done
    step = done
    while is_first or step < until:
        before = state[CURRENT]
        current = before
        count = 0
        head = 0
        waiting = state[WAITING]
        if not is_first:
            current += perturb(distances, tour, positions, moves, state)
            count = 3
            waiting = 0
            for move in range(3):  # the first one has both pieces, the others have one each
                i, j = moves[move, 0], moves[move, 1]
                waiting = enqueue(queue, queued, head, waiting, after(tour, i, False) if move == 0 else tour[i])
                waiting = enqueue(queue, queued, head, waiting, after(tour, j, True) if move == 0 else tour[j])
        while waiting > 0:
            t1 = queue[head]
            head = head + 1 if head + 1 < n else 0
            waiting -= 1
            queued[t1] = False
            forward = True
            while count < MAX_MOVES:
                gain, becomes = find(distances, neighbours, near, tour, positions, state, t1, forward, found)
                if gain == 0:
                    if not forward:
                        break
                    forward = False
                    continue
                current -= gain
                count = exchange(tour, positions, moves, count, becomes, t1, found[0], found[1], found[2], found[3], found[4])
                waiting = enqueue(queue, queued, head, waiting, found[0])
                waiting = enqueue(queue, queued, head, waiting, found[1])
                waiting = enqueue(queue, queued, head, waiting, found[4])
                if becomes > 1:
                    waiting = enqueue(queue, queued, head, waiting, found[2])
                    waiting = enqueue(queue, queued, head, waiting, found[3])
                forward = True
            if is_first:
                count = 0
        if is_first:
            is_first = False
            state[WAITING] = 0
        else:
            step += 1
            temperature = hot + (cold - hot) * (step / steps)
            if current > before and current - before > temperature * exponential(state):
                for move in range(count - 1, -1, -1):
                    reverse(tour, positions, moves[move, 0], moves[move, 1])
                current = before
        state[CURRENT] = current
        if current < state[BEST]:
            state[BEST] = current
            best[:] = tour
