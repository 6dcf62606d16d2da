"""Posts, readers and their votes to begin with, and votes without end. Pure: the same seed gives the same votes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

Entry = tuple[Any, list[Any]]
"""A key and its new values."""

NAMES: Final = (
    "amaranth", "bitrot", "copperleaf", "dovetail", "eventide", "fencepost", "gradient", "halfbyte", "inkwell", "juniper", "kelvin",
    "lanternfish", "moebius", "nightjar", "offbyone", "parsley", "quorum", "riverstone", "semaphore", "tidepool", "umbra", "vellum", "wren",
)  # fmt: skip

READERS: Final = NAMES + tuple([f"reader_{number:03}" for number in range(100)])

POSTS: Final = (
    ("A clock that only moves when nobody looks", "https://example.com/shy-clock"),
    ("What I learned from forty years of the same spreadsheet", "https://example.com/forty-year-spreadsheet"),
    ("Show: a database that fits on a bus ticket", "https://example.org/bus-ticket-db"),
    ("The bridge that was measured twice and cut three times", "https://example.net/bridge"),
    ("Your queue is a promise, so count your promises", "https://example.com/queues-are-promises"),
    ("Ask: what do you still do by hand, and why?", "https://example.org/ask/by-hand"),
    ("Teaching a lighthouse to tweet in Morse", "https://example.net/lighthouse"),
    ("Why our slowest server is the most loved one", "https://example.com/slow-server"),
    ("Deltas, not dumps: a year of sending less", "https://example.org/deltas-not-dumps"),
    ("A field guide to error messages that apologise", "https://example.net/sorry"),
    ("The compiler that explained itself to my grandmother", "https://example.com/kind-compiler"),
    ("Growing tomatoes with a PID controller", "https://example.org/tomatoes"),
    ("Every outage we had was on a Thursday, so we looked", "https://example.net/thursday"),
    ("Show: a map of all benches in my city, by evening sun", "https://example.com/benches"),
    ("How to retire a service that everybody forgot", "https://example.org/retire"),
    ("The unreasonable usefulness of sorted lists", "https://example.net/sorted-lists"),
    ("I replaced my build system with a checklist", "https://example.com/checklist"),
    ("Reading the sea floor from a fishing boat's radio", "https://example.org/sea-floor"),
    ("When two leaders agree to disagree", "https://example.net/two-leaders"),
    ("A keyboard for people who think in diagrams", "https://example.com/diagram-keyboard"),
    ("The quiet art of saying no to a feature", "https://example.org/saying-no"),
    ("Compressing birdsong, badly and then well", "https://example.net/birdsong"),
    ("What a railway timetable knows about concurrency", "https://example.com/timetables"),
    ("Show: my house publishes its own weather", "https://example.org/house-weather"),
    ("Notes from deleting half of our tests", "https://example.net/half-the-tests"),
    ("An idempotent recipe for sourdough", "https://example.com/sourdough"),
    ("The last fax machine in the harbour office", "https://example.org/fax"),
    ("Counting to a billion with interruptions", "https://example.net/billion"),
    ("Why our logs rhyme", "https://example.com/logs-rhyme"),
    ("A gentle introduction to leaving things alone", "https://example.org/leave-it"),
)

BEGAN: Final = datetime(2025, 6, 1, 8, tzinfo=UTC)


def users() -> Iterator[Entry]:
    """Yield the readers. Nobody owns their names, so nobody can sign in as one of them."""
    for name in READERS:
        yield name, [{"owner": None, "since": f"{BEGAN:%Y-%m-%dT%H:%M:%SZ}"}]


def posts() -> Iterator[Entry]:
    """Yield the posts, under the ids that the service leaves to feeders."""
    for number, (title, url) in enumerate(POSTS, start=1):
        at = BEGAN + timedelta(minutes=47 * number)
        yield number, [{"title": title, "url": url, "author": NAMES[number % len(NAMES)], "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}]


def upvotes() -> Iterator[Entry]:
    """Yield the votes that the posts begin with: each author's, and more for some posts than for others."""
    random = Random(1)
    for post_id, [post] in posts():
        voters = {post["author"], *random.sample(READERS, int(3 * random.paretovariate(0.9)) % 90)}
        for name in sorted(voters):
            yield (post_id, name), [True]


def traffic(seed: int = 2, votes: Iterable[Any] | None = None) -> Iterator[Entry]:
    """
    Yield votes without end: readers vote for what is in fashion, change their minds, and fashion changes as well.

    `votes` are the keys of those that are there, if they are not `upvotes`.
    """
    random = Random(seed)
    voted = {key for key, _ in upvotes()} if votes is None else set(votes)
    fashion = [random.paretovariate(0.8) for _ in POSTS]
    while True:
        if random.random() < 0.02:
            fashion[random.randrange(len(POSTS))] = random.paretovariate(0.8)
        [post_id] = random.choices(range(1, len(POSTS) + 1), fashion)
        key = (post_id, random.choice(READERS))
        # A vote that is there is mostly taken back, or the list would come to rest with everybody voting for everything.
        if key in voted:
            voted.discard(key)
            yield key, []
        else:
            voted.add(key)
            yield key, [True]
