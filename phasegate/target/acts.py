"""What is done to the target on purpose: to processes that were started, and to services in containers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

from phasegate.errors import ObservationError
from phasegate.model.faults import Act
from phasegate.plan.faults import Fault
from phasegate.target.containers.acts import ContainerActs
from phasegate.target.running import RunningProcess

NEWS = 1.0
"""Seconds that what a fault has ended may be told of late, and still was meant to end."""


class TargetActs:
    """See `phasegate.runner.world.Faults`."""

    def __init__(
        self,
        process: Callable[[str], RunningProcess | None],
        containers: ContainerActs,
        *,
        grace: float,
        on_process: Callable[[RunningProcess], None] = lambda _: None,
        expected: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        """`process` finds a process by the id of its entry; `on_process` hears of one that was acted on, and
        may have another leader now. Inside `expected`, ends of a service's containers are no deaths."""
        self._process = process
        self._containers = containers
        self._grace = grace
        self._on_process = on_process
        self._expected = expected
        self._inside: dict[str, ExitStack] = {}
        """What is expected, by fault."""

    async def act(self, fault: Fault) -> None:
        process = self._process(fault.target)
        if process is not None:
            await act_on_process(fault.act, process, self._grace)
            self._on_process(process)
            return
        self._inside[fault.id] = ExitStack()
        self._inside[fault.id].enter_context(self._expected(fault.target))
        await self._containers.act(fault.id, fault.act, fault.target, fault.image)

    async def undo(self, fault: Fault) -> str:
        process = self._process(fault.target)
        if process is not None:
            await process.go_on()
            self._on_process(process)
            return ""
        try:
            return await self._containers.undo(fault.id, fault.act)
        finally:
            if inside := self._inside.pop(fault.id, None):
                asyncio.get_running_loop().call_later(NEWS, inside.close)


async def act_on_process(act: Act, process: RunningProcess, grace: float) -> None:
    """Do it; `RunningProcess.go_on` undoes it.

    Errors: ObservationError when it does not run, or is no such thing as can be acted on so.
    """
    match act:
        case Act.STOP:
            await process.halt(grace)
        case Act.KILL:
            await process.crash()
        case Act.RESTART:
            await process.halt(grace)
            await process.go_on()
        case Act.PAUSE:
            process.pause()
        case Act.REPLACE | Act.CUT:
            raise ObservationError(f"a process cannot be put to {act}")
