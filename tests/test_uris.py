"""URIs are what docs/protocol.md says."""

from __future__ import annotations

import pytest

from deltamesh.errors import ConfigurationError
from deltamesh.uris import ServiceURIs, check_name


def test_the_uris_of_a_service() -> None:
    uris = ServiceURIs("com.example.departures")

    assert [uris.open, uris.read, uris.write] == [f"com.example.departures.{name}" for name in ("open", "read", "write")]
    assert [uris.shared, uris.snapshot] == ["com.example.departures.shared", "com.example.departures.shared.snapshot"]
    assert uris.action("upvote") == "com.example.departures.upvote"
    assert uris.error("refused") == "com.example.departures.error.refused"
    assert uris.live("f1", "abc") == "com.example.departures.live.f1.abc"
    assert uris.follower_gone("f1") == "com.example.departures.follower.f1.on_gone"
    assert uris.leader_gone == "com.example.departures.leader.on_gone"
    assert uris.open_at("f1") == "com.example.departures.open.f1"
    assert (uris.status, uris.status_wanted) == ("com.example.departures.status", "com.example.departures.status.wanted")


@pytest.mark.parametrize(
    "uri", ["", "departures", "Com.example", "com.", ".com", "com..example", "com.exa mple", "1com.example", "com.example\n", "com.exämple"]
)
def test_what_is_no_uri_of_a_service(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="reverse DNS"):
        ServiceURIs(uri)


@pytest.mark.parametrize("name", ["a", "top_posts", "x2", "a" * 64])
def test_names(name: str) -> None:
    assert check_name("a resource", name) == name


@pytest.mark.parametrize("name", ["", "A", "top-posts", "2x", "_x", "a" * 65, "a.b", "ä", "a\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match="a resource"):
        check_name("a resource", name)
