"""
Links, ranked by upvotes, live: a vote in one browser moves the list in all others.

The ranking is computed once, on the leader. What is personal (which of these did I upvote, which are mine) is
computed on a follower, for each reader who looks.

*Who is who.* A browser makes up a random session token and keeps it; signing in ties a name to it. Whoever holds a token acts
under its name, so a token appears in no resource: resources show names only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from msgspec import Meta

from deltamesh import Count, Service

app = Service("com.example.hackernews")

users = app.input("users")  # name -> {owner: session that took the name, since}
posts = app.input("posts")  # post id -> {title, url, author, at}
upvotes = app.input("upvotes")  # [post id, name] -> true: voting twice is voting once
sessions = app.input("sessions")  # session token -> name
counts = app.input("counts")  # "users" | "posts" -> how many there have been

MAX_USERS: Final = 100_000  # strangers write here, so all that they can make grow ends somewhere
MAX_POSTS: Final = 100_000
SEEDED: Final = 1_000  # ids below this are for posts that a feeder brings

Session = Annotated[str, Meta(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
Name = Annotated[str, Meta(min_length=2, max_length=20, pattern=r"^[A-Za-z0-9_-]+\Z")]
Title = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"\S")]
Link = Annotated[str, Meta(max_length=2_000, pattern=r"^https?://[^\s/]+\S*\Z")]


def by_post(key, values):
    post_id, _ = key
    yield post_id, True


def by_rank(post_id, values, votes):
    count = votes.one(post_id, default=0)
    yield (-count, post_id), {"id": post_id, **values.one(), "upvotes": count}


@app.shared
def graph():
    votes = upvotes.map_reduce(by_post, reducer=Count)
    return {"ranked": posts.map(by_rank, votes), "upvotes": upvotes, "sessions": sessions}


@app.resource
def top(shared: Any, limit: Annotated[int, Meta(ge=1, le=500)] = 25, session: Session | None = None):
    """The most upvoted posts, as the holder of a session sees them."""
    return shared.ranked.take(limit).map(for_reader, session, shared.sessions, shared.upvotes)


@app.resource
def me(shared: Any, session: Session):
    """Who is signed in: one entry, or none."""
    return shared.sessions.slice(session, session).map(as_name)


@app.resource
def voters(shared: Any, post_id: int):
    """Who has upvoted a post."""
    return shared.upvotes.prefix(post_id)


def for_reader(key, values, session, sessions, upvotes):
    post = values.one()
    name = sessions.one(session, default=None) if session else None
    yield key, {**post, "upvoted": (post["id"], name) in upvotes, "mine": name == post["author"]}


def as_name(session, values):
    yield None, {"name": values.one()}


@app.action
def sign_in(tx, caller: Any, session: Session, name: Name):
    """Take a name that is free, or that this session has taken before."""
    user = tx.one(users, name, None)
    if user is None:
        numbered(tx, "users", MAX_USERS)
        tx.put(users, name, {"owner": session, "since": now()})
    elif user["owner"] != session:
        raise app.error("name_taken", user=name)
    tx.put(sessions, session, name)
    return {"name": name}


@app.action
def sign_out(tx, caller: Any, session: Session):
    """Part from the name, which stays this session's."""
    tx.delete(sessions, session)


@app.action
def submit(tx, caller: Any, session: Session, title: Title, url: Link):
    """Add a post. Its author's upvote comes with it."""
    author = signed_in(tx, session)
    post_id = SEEDED + numbered(tx, "posts", MAX_POSTS)
    tx.put(posts, post_id, {"title": title.strip(), "url": url, "author": author, "at": now()})
    tx.put(upvotes, (post_id, author), True)
    return {"post_id": post_id}


@app.action
def upvote(tx, caller: Any, session: Session, post_id: int):
    """Vote for a post; twice is once."""
    tx.put(upvotes, vote(tx, session, post_id), True)


@app.action
def unvote(tx, caller: Any, session: Session, post_id: int):
    """Take a vote back, if there is one."""
    tx.delete(upvotes, vote(tx, session, post_id))


def vote(tx, session, post_id):
    """Return the key of the vote of a session's holder."""
    name = signed_in(tx, session)
    if not tx.read(posts, post_id):
        raise app.error("no_such_post", post_id=post_id)
    return post_id, name


def signed_in(tx, session):
    name = tx.one(sessions, session, None)
    if name is None:
        raise app.error("not_signed_in")
    return name


def numbered(tx, what, limit):
    """Count one more and return its number, from 0."""
    number = tx.one(counts, what, 0)
    if number >= limit:
        raise app.error("full", what=what, limit=limit)
    tx.put(counts, what, number + 1)
    return number


def now():
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
