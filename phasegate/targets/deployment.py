"""A group of the target from up to down, and what all groups of a run are deployed with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError, PhasegateError, TargetError
from phasegate.base.facts import Code, Message, fact
from phasegate.http.addresses import Address
from phasegate.model.faults import PlanFault
from phasegate.model.result import TargetRecord
from phasegate.targets.processes.members import GRACE, new_mark
from phasegate.targets.processes.ports import Ports

if TYPE_CHECKING:  # a plan is read without them
    from phasegate.targets.containers.reach import TargetContainers
    from phasegate.targets.processes.local import LocalProcesses
    from phasegate.targets.processes.resources import Sampler
    from phasegate.targets.processes.running import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What every deployment of a run is given."""

    processes: LocalProcesses
    containers: TargetContainers
    """Asked where the target has some."""
    ports: Ports = field(default_factory=Ports)
    sampler: Sampler
    """Looks at what processes use, for the last time before the teardown commands run."""
    logs: Callable[[str], Log]
    """Opens the log of an entry, or of `setup` and `teardown`."""
    on_change: Callable[[str, TargetRecord], None]
    on_problem: Callable[[PhasegateError], None]
    """Hears of what does not end the run at once: a log that cannot be written, a teardown command that
    failed."""
    mark: str = field(default_factory=new_mark)
    """What carries it at the end, wherever it has moved to, is ended. A program gets it by its environment:
    give `processes` the same, so that what checks start is found too."""
    grace: float = GRACE
    run: str = field(default_factory=new_mark)
    """Names the project of Compose."""
    keep_file: Callable[[str, str], str] = lambda name, _: name
    """Takes a file into the record and says under which path."""
    keep: bool = False
    """Whether the stack of Compose is left up at the end."""
    goes_on: bool = False
    """Whether, where an entry does not come up, what does not need it is used without it."""
    exit_codes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """With which services may end, those that somebody says it of."""


class Deployment:
    """A group of the target, from up to down."""

    def __init__(self, addresses: Iterable[Address] = ()) -> None:
        self._addresses = [*addresses]

    @property
    def addresses(self) -> Sequence[Address]:
        """Of what has one by now."""
        return self._addresses

    @property
    def out(self) -> Mapping[str, Message]:
        """Entries that did not come up where it went on without them, and why."""
        return {}

    @property
    def broken_by(self) -> TargetError | None:
        """What is wrong with them."""
        return None

    @property
    def troubles(self) -> Sequence[Message]:
        """What happened to entries that did not die of it."""
        return ()

    @property
    def kept(self) -> str:
        """How a person takes down what was left up; empty when nothing was."""
        return ""

    async def up(self, others: Sequence[Address], out: Mapping[str, Message]) -> None:
        """Bring it up and wait until it is ready; `others` are the addresses of what is up before it, `out`
        is what did not come up.

        Errors: TargetError, ObservationError when it does not come up; it is closed all the same.
        """

    async def instances(self, entry: str) -> tuple[str, ...]:
        """What of an entry a rollout replaces one after another, by name.

        Errors: ObservationError when there is nothing.
        """
        return (entry,)

    async def act(self, fault: PlanFault, instance: str = "") -> None:
        """Do to an entry, or to one instance of it, what a fault says; `undo` is due whatever comes of it.

        Errors: ObservationError, one line, when it cannot be acted on.
        """
        raise ObservationError(fact(Code.NO_SUCH_ACT, entry=fault.target, act=fault.act.value))

    async def undo(self, fault: PlanFault, instance: str = "") -> Message:
        """Bring it back as it was. Shape: what to know of it. Errors: ObservationError when it is not."""
        return ""

    async def settle(self, fault: PlanFault, instance: str) -> None:
        """Let an instance stay on the other version: that is what it is from now on."""

    async def ready(self, fault: PlanFault, instance: str) -> None:
        """Wait until an instance that was replaced or put back is ready.

        Errors: TargetError, why it is not `within` the time of the fault, or never will be; ObservationError
        where nobody can tell.
        """

    async def trouble(self, fault: PlanFault, instance: str) -> Message:
        """Why an instance that was ready does not run any more; empty while it does. Errors:
        ObservationError."""
        return ""

    async def close(self) -> None:
        """Take it down, whatever state it is in; cancelled, at once."""
