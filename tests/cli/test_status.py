"""What `deltamesh status` says of a service in one line."""

from __future__ import annotations

import pytest
from rich.text import Text

from deltamesh.cli.status import WRONG, drawn, missing


@pytest.mark.parametrize(
    ("revision", "kinds", "said", "is_wrong"),
    [
        (7, ["leader", "worker"], "revision 7 of epoch e", False),
        (None, ["follower", "worker"], "nobody leads", True),
        (None, [], "nobody leads", True),
        (None, ["worker"], "workers only", False),
    ],
)
def test_a_service_that_needs_a_leader_and_has_none_is_shown_as_wrong(
    revision: int | None, kinds: list[str], said: str, is_wrong: bool
) -> None:
    programs = [{"program": f"s.{kind}1", "kind": kind, "state": "ready", "pid": 1, "restarts": 0, "error": None} for kind in kinds]
    service = {"service": "com.example.s", "revision": revision, "epoch": "e", "load": None, "components": [*map(missing, programs)]}

    line, _ = drawn({"router": None, "services": [service]}, 80)

    assert isinstance(line, Text)
    assert (line.plain.strip(), line.style == WRONG) == (f"com.example.s · {said}", is_wrong)
