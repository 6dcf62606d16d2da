"""
`git push` of a change to a real git server, and the new value is in the DOM of a real browser: how long that takes.

    python -m tests.parameters.proof.push --seed 1 --rounds 60 [--only local|webhook]

With `local` the reader watches the server's repository on this disk; with `webhook` it knows its URL only, and a hook of the server posts a
signed body to it. The time is from when the branch has moved at the server, before a hook is told, until the browser's DOM has changed.
`command_to_dom` is from the start of the `git push` command, on a commit that is made before; `pushed` is what the command itself took.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

from twisted.internet.threads import deferToThread

from tests.parameters.proof.randomhistory import FIRST
from tests.parameters.proof.world import World
from tests.reliability.processes import Program
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until

NAME: Final = "shop.title"
FILE: Final = "base/shop.toml"
KINDS: Final = ("local", "webhook")
LIMIT: Final = 0.15
"""From push to DOM, median [s]."""


async def push(run: Run) -> None:
    """Push, and look."""
    for kind in run.options.only:
        directory = run.directory / kind
        directory.mkdir()
        async with World(directory, is_remote=kind == "webhook") as world:
            await _measure(run, kind, world)
        run.violations += world.complaints()


async def _measure(run: Run, kind: str, world: World) -> None:
    changed = {name: text for name, text in FIRST.items() if not name.startswith(("regions", "environments"))}
    await deferToThread(world.clone.commit, "Begin", changed)
    await deferToThread(world.clone.push)
    url = f"{world.router.web_url}parameters/#{NAME}"
    page = world.add(Program("page", [sys.executable, "-m", "tests.parameters.proof.page", url, "#value"]))
    await until(lambda: page.is_ready and seen(page, "Shop") is not None, "the page shows the first value")
    took: list[float] = []
    pushed: list[float] = []
    from_start: list[float] = []
    for number in run.rounds():
        text = f"pushed-{run.options.seed}{number:04d}"
        content = f'title = "{text}"\nopen = true\n[page]\nsize = 25\n'
        await deferToThread(world.clone.commit, "Change the title", {FILE: content})
        await pause(run.random.uniform(0.05, 0.2))
        began = time.time()
        await deferToThread(world.clone.push)
        pushed.append(time.time() - began)
        await until(lambda: seen(page, text) is not None, f"{text} is in the DOM")
        shown = seen(page, text) or began
        took.append(shown - world.server.moved_at())
        from_start.append(shown - began)
    run.took(f"{kind}_push_to_dom", took, limit=LIMIT, of="p50")
    run.took(f"{kind}_command_to_dom", from_start)
    run.took(f"{kind}_pushed", pushed)


def seen(page: Program, text: str) -> float | None:
    """Return when a text was in the DOM for the first time [s, Unix]; None if it was not."""
    for line in reversed(page.lines):
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            if text in found["seen"]:
                return float(found["at"])
    return None


if __name__ == "__main__":
    options = parser(__doc__, rounds=60)
    options.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="both unless given")
    main(push, options.parse_args())
