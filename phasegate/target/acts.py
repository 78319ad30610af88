"""What is done to a process of the target on purpose."""

from __future__ import annotations

from phasegate.errors import ObservationError
from phasegate.model.faults import Act
from phasegate.target.running import RunningProcess


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
