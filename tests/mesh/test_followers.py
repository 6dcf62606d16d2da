"""Whatever happens to followers, every client shows what is true, and nothing else ever."""

from __future__ import annotations

import signal
from collections.abc import Callable

from twisted.internet.defer import Deferred, gatherResults

from deltamesh.errors import DeltameshError
from tests.mesh.application import SIZE
from tests.mesh.clients import SERVICE, clients
from tests.mesh.mesh import Component, pause, until
from tests.mesh.shown import Writer
from tests.running_router import RunningRouter

NUM_CLIENTS = 100


async def test_a_killed_follower_is_replaced_by_another_one(router: RunningRouter, component: Callable[..., Component]) -> None:
    url = f"unix:{router.unix_path}"
    component("leader", url)
    killed, other = component("follower", url, name="killed"), component("follower", url, name="other")
    async with clients(url) as all_of_them:
        await killed.ready()
        await other.ready()
        writer = Writer(await all_of_them.mesh(), all_of_them.history).start()
        await all_of_them.open(NUM_CLIENTS)
        await until(lambda: len(all_of_them.at("killed")) > NUM_CLIENTS // 4, "both serve")  # views may have moved on a busy machine
        concerned = all_of_them.at("killed")
        await writer.advance()

        killed.kill()
        await until(lambda: len(all_of_them.at("other")) == NUM_CLIENTS)
        await writer.advance()
        await writer.stop()

        assert len(concerned) > NUM_CLIENTS // 4
        await all_of_them.agree(writer.last)


async def test_a_follower_that_is_stopped_hands_its_clients_over(router: RunningRouter, component: Callable[..., Component]) -> None:
    url = f"unix:{router.unix_path}"
    component("leader", url)
    stopped, other = component("follower", url, name="stopped"), component("follower", url, name="other")
    async with clients(url) as all_of_them:
        await stopped.ready()
        await other.ready()
        mesh = await all_of_them.mesh()
        writer = Writer(await all_of_them.mesh(), all_of_them.history).start()
        await all_of_them.open(NUM_CLIENTS // 4)
        failed: list[str] = []
        answered = {"read": 0, "open": 0}
        is_over = False

        async def ask(procedure: str) -> None:
            while not is_over:
                try:
                    await mesh.connection.call(f"{SERVICE}.{procedure}", "window", {"start": answered[procedure] % SIZE, "end": SIZE})
                    answered[procedure] += 1
                except DeltameshError as error:
                    failed.append(f"{procedure}: {error.uri}")
                await pause(0)

        flow = [Deferred.fromCoroutine(ask(procedure)) for procedure in ("read", "read", "open")]
        await until(lambda: min(answered.values()) > 10)
        stopped.send(signal.SIGTERM)
        code = await stopped.ended()
        seen = dict(answered)
        await until(lambda: all(answered[each] > seen[each] + 10 for each in seen))
        is_over = True
        await gatherResults(flow)
        await writer.stop()

        assert code == 0
        assert failed == []
        await until(lambda: len(all_of_them.at("other")) == len(all_of_them.shown))
        await all_of_them.agree(writer.last)


async def test_one_more_follower_gets_its_share_of_the_opens(router: RunningRouter, component: Callable[..., Component]) -> None:
    url = f"unix:{router.unix_path}"
    component("leader", url)
    await component("follower", url, name="first").ready()
    async with clients(url) as all_of_them:
        await all_of_them.open(4)
        assert len(all_of_them.at("first")) == 4

        await component("follower", url, name="second").ready()
        await all_of_them.open(20)

        # in turn, ten; and the first may have handed over two by now, of the four that it had before
        assert len(all_of_them.at("second")) in (10, 11, 12)
