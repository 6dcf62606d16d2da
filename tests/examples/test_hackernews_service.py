"""Links and votes: actions, ranking, and what is personal."""

from __future__ import annotations

from itertools import islice

import pytest

from deltamesh.errors import ApplicationError, InvalidParameters
from examples.hackernews import app, content, service
from tests.examples.pair import Pair

ADA, BOB, EVE = "ada-session-0000000", "bob-session-0000000", "eve-session-0000000"
LINK = "https://example.com/a"


@pytest.fixture
def mesh():
    pair = Pair(app)
    pair.act("sign_in", ADA, "ada")
    pair.act("sign_in", BOB, "bob")
    return pair


def submit(mesh, session, title):
    return mesh.act("submit", session, title, LINK)["post_id"]


def refusal(mesh, action, *args):
    with pytest.raises(ApplicationError) as caught:
        mesh.act(action, *args)
    return caught.value.uri.removeprefix("com.example.hackernews.error.")


def test_a_post_appears_with_its_authors_vote(mesh):
    post_id = submit(mesh, ADA, "  Sorted lists ")

    [(key, row)] = mesh.read("top").items()
    assert key == (-1, post_id)
    assert row.keys() == {"id", "title", "url", "author", "upvotes", "upvoted", "mine", "at"}
    assert (row["id"], row["title"], row["url"], row["author"], row["upvotes"]) == (post_id, "Sorted lists", LINK, "ada", 1)
    assert (row["upvoted"], row["mine"]) == (False, False)


def test_votes_rank_and_unvotes_rank_back(mesh):
    first, second = submit(mesh, ADA, "first"), submit(mesh, ADA, "second")
    top = mesh.open("top")

    mesh.act("upvote", BOB, second)
    assert [key for key, _ in top.entries()] == [(-2, second), (-1, first)]
    mesh.act("unvote", BOB, second)
    assert [key for key, _ in top.entries()] == [(-1, first), (-1, second)]


def test_voting_twice_is_voting_once(mesh):
    post_id = submit(mesh, ADA, "first")
    mesh.act("upvote", BOB, post_id)
    before = mesh.leader.counters()

    mesh.act("upvote", BOB, post_id)
    assert mesh.leader.counters() == before
    assert list(mesh.read("top")) == [(-2, post_id)]


def test_the_list_is_personal(mesh):
    first, second = submit(mesh, ADA, "first"), submit(mesh, BOB, "second")
    mesh.act("upvote", BOB, first)

    def flags(**parameters):
        return {row["id"]: (row["upvoted"], row["mine"]) for row in mesh.read("top", **parameters).values()}

    assert flags(session=ADA) == {first: (True, True), second: (False, False)}
    assert flags(session=BOB) == {first: (True, False), second: (True, True)}
    assert flags(session=EVE) == flags() == {first: (False, False), second: (False, False)}


def test_signing_in_and_out_changes_the_list_of_one_reader(mesh):
    post_id = submit(mesh, ADA, "first")
    theirs, others = mesh.open("top", session=ADA), mesh.open("top", session=BOB)
    before = others.entries()

    mesh.act("sign_out", ADA)
    assert theirs.values_of((-1, post_id)).one()["mine"] is False
    mesh.act("sign_in", ADA, "ada")
    assert theirs.values_of((-1, post_id)).one()["mine"] is True
    assert others.entries() == before


def test_me(mesh):
    assert mesh.read("me", session=ADA) == {None: {"name": "ada"}}
    mesh.act("sign_out", ADA)
    assert mesh.read("me", session=ADA) == {}


def test_a_vote_recomputes_one_post(mesh):
    ids = [submit(mesh, ADA, f"post {number}") for number in range(50)]
    before = mesh.recomputed("posts.map(by_rank)")

    mesh.act("upvote", BOB, ids[7])
    assert mesh.recomputed("posts.map(by_rank)") - before == 1


def test_limit(mesh):
    for number in range(30):
        submit(mesh, ADA, f"post {number}")

    assert (len(mesh.read("top")), len(mesh.read("top", limit=3))) == (25, 3)


def test_a_name_belongs_to_the_session_that_took_it(mesh):
    assert refusal(mesh, "sign_in", EVE, "ada") == "name_taken"
    mesh.act("sign_out", ADA)
    assert refusal(mesh, "sign_in", EVE, "ada") == "name_taken"
    assert mesh.act("sign_in", ADA, "ada") == {"name": "ada"}


def test_strangers_are_refused(mesh):
    post_id = submit(mesh, ADA, "first")

    assert refusal(mesh, "submit", EVE, "title", LINK) == "not_signed_in"
    assert refusal(mesh, "upvote", EVE, post_id) == "not_signed_in"
    assert refusal(mesh, "upvote", BOB, 77) == "no_such_post"
    assert refusal(mesh, "unvote", BOB, 77) == "no_such_post"


def test_what_strangers_can_make_grow_ends_somewhere(mesh, monkeypatch):
    monkeypatch.setattr(service, "MAX_POSTS", 1)
    monkeypatch.setattr(service, "MAX_USERS", 2)
    submit(mesh, ADA, "first")

    assert refusal(mesh, "submit", ADA, "second", LINK) == "full"
    assert refusal(mesh, "sign_in", EVE, "eve") == "full"
    assert mesh.act("sign_in", ADA, "ada") == {"name": "ada"}


@pytest.mark.parametrize(
    "action, args",
    [
        ("sign_in", ("short", "ada")),
        ("sign_in", (ADA, "a")),
        ("sign_in", (ADA, "a" * 21)),
        ("sign_in", (ADA, "<b>")),
        ("sign_in", (ADA, "ada\n")),
        ("sign_in", ("short-session-00\n", "ada")),
        ("submit", (ADA, "", LINK)),
        ("submit", (ADA, "   ", LINK)),
        ("submit", (ADA, "x" * 121, LINK)),
        ("submit", (ADA, "title", "javascript:alert(1)")),
        ("submit", (ADA, "title", "https://")),
        ("submit", (ADA, "title", "https://a b")),
        ("submit", (ADA, "title", "https://example.com/\n")),
        ("submit", (ADA, "title", f"https://example.com/{'x' * 2000}")),
        ("upvote", (ADA, "1")),
        ("upvote", (ADA,)),
    ],
)
def test_arguments_are_checked(mesh, action, args):
    with pytest.raises(InvalidParameters):
        mesh.act(action, *args)


def test_no_resource_shows_a_session(mesh):
    submit(mesh, ADA, "first")

    for resource, parameters in [("top", {}), ("top", {"session": ADA}), ("me", {"session": ADA})]:
        assert "session" not in repr(mesh.open(resource, **parameters).entries())


def test_what_the_feeder_brings_fits_and_leaves_room(mesh):
    mesh.write(users=list(content.users()), posts=list(content.posts()), upvotes=list(content.upvotes()))

    assert submit(mesh, ADA, "mine") >= service.SEEDED > max(post_id for post_id, _ in content.posts())
    top = mesh.read("top", limit=100)
    assert len(top) == len(content.POSTS) + 1
    assert refusal(mesh, "sign_in", EVE, content.NAMES[0]) == "name_taken"
    assert len({title for title, _ in content.POSTS}) == len(content.POSTS)


def test_traffic_moves_the_list_and_is_the_same_each_time(mesh):
    mesh.write(users=list(content.users()), posts=list(content.posts()), upvotes=list(content.upvotes()))
    before = list(mesh.read("top", limit=100))

    votes = list(islice(content.traffic(), 200))
    for vote in votes:
        assert mesh.write(upvotes=[vote]).keys() == {"ranked", "upvotes"}
    assert list(mesh.read("top", limit=100)) != before
    assert votes == list(islice(content.traffic(), 200))
