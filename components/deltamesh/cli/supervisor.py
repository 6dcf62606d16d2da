"""
Programs that belong together: started in stages, stopped in the opposite order.

This is asyncio and no Twisted ProcessMonitor, for what that cannot do: process groups, so that Ctrl-C in a terminal reaches
the supervisor alone and grandchildren end as well; an order in which to stop; pauses that grow; knowing who is ready.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence

from deltamesh.cli.interruption import SIGNALS
from deltamesh.cli.program import CannotStart, Program, Say, Supervised


class Supervisor:
    """Use it inside `supervise`."""

    def __init__(self, group: asyncio.TaskGroup, environment: dict[str, str], say: Say) -> None:
        self._group = group
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._say = say
        self._stages: list[dict[asyncio.Task[None], Supervised]] = []

    def start(self, programs: Sequence[Program], *, beside: Supervised | None = None) -> list[Supervised]:
        """Start a stage, which is stopped before those that were started earlier; or more programs of the stage that `beside` is in."""
        started = [Supervised(program, self._environment, self._say) for program in programs]
        if beside is None:
            self._stages.append({})
        stage = self._stages[-1] if beside is None else next(stage for stage in self._stages if beside in stage.values())
        stage.update({self._group.create_task(each.run()): each for each in started})
        return started

    async def end(self, program: Supervised) -> None:
        """Stop one program, and forget it; return when nothing of it is left."""
        for stage in self._stages:
            for task in [task for task, each in stage.items() if each is program]:
                task.cancel()
                await asyncio.wait([task])
                stage.pop(task, None)

    @property
    def programs(self) -> list[Supervised]:
        """All programs, in the order of their stages."""
        return [each for stage in self._stages for each in stage.values()]

    async def stop(self) -> None:
        """Stop everything, the last stage first; return when no process is left."""
        for stage in reversed(self._stages):
            for task in stage:
                task.cancel()
            if stage:
                await asyncio.wait(list(stage))

    def kill(self) -> None:
        """End all processes at once. `stop` has less to wait for then."""
        for stage in self._stages:
            for each in stage.values():
                each.kill()


async def supervise(work: Callable[[Supervisor], Awaitable[None]], environment: dict[str, str], say: Say) -> None:
    """
    Run `work(supervisor)`, which starts programs, and wait for ever.

    SIGINT, SIGTERM or SIGHUP stop all programs in order, and this returns; the second signal kills them.

    Raises:
        CannotStart: a program that is needed did not become ready. All others have been stopped.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            supervisor = Supervisor(group, environment, say)
            working = group.create_task(_work_for_ever(work, supervisor))

            def asked_to_stop() -> None:
                if stopping.is_set():
                    supervisor.kill()
                else:
                    say("run", "stopping, once more to stop at once")
                    stopping.set()
                    working.cancel()

            for number in SIGNALS:
                loop.add_signal_handler(number, asked_to_stop)
            await _ended(working)
            await supervisor.stop()
    except BaseExceptionGroup as errors:  # not `except*`: what is raised there comes out as a group, in some releases of Python
        found, others = errors.split(CannotStart)
        if found is None or others is not None:
            raise
        raise found.exceptions[0] from None


async def _work_for_ever(work: Callable[[Supervisor], Awaitable[None]], supervisor: Supervisor) -> None:
    await work(supervisor)
    await asyncio.Event().wait()


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


async def first_ready(programs: Iterable[Supervised]) -> None:
    """Return as soon as one of the programs is ready."""
    waiting = [asyncio.create_task(each.ready.wait()) for each in programs]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
