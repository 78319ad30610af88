"""The real `World` of one attempt: shared parts of the run, and this attempt's evidence and progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Protocol

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Message
from phasegate.model.events import CaseFinished, Event, Progressed
from phasegate.model.faults import PlanFault
from phasegate.model.observation import Case
from phasegate.model.result import BaselineRecord
from phasegate.runner.deciding import Decider, Watch
from phasegate.world import (
    Addresses,
    Clock,
    Containers,
    EvidenceFolder,
    HttpClient,
    HttpClients,
    Processes,
    Progress,
)

EVERY = 0.25
"""Seconds between two progress events of one check; what comes in between is folded into the next."""


class Evidence(Protocol):
    """Folders for what attempts leave behind."""

    def folder(self, check: str, attempt: int) -> EvidenceFolder: ...


class Faults(Protocol):
    """What is done to the target on purpose."""

    async def act(self, fault: PlanFault, instance: str = "") -> None:
        """Do it, to all of the entry or to one instance; returns when it is done.

        Errors: ObservationError, one line, when the target cannot be acted on."""

    async def undo(self, fault: PlanFault, instance: str = "") -> Message:
        """Bring back what was there before it, also where it was done in part or not at all; returns when
        that is started, not when it is ready. Shape: what a reader should know of it, or an empty text.

        Errors: ObservationError when the target is not as it was."""

    async def instances(self, fault: PlanFault) -> tuple[str, ...]:
        """What of its entry a rollout replaces one after another. Errors: ObservationError."""

    async def settle(self, fault: PlanFault, instance: str) -> None:
        """Let an instance stay on the other version. Errors: ObservationError."""

    async def ready(self, fault: PlanFault, instance: str) -> None:
        """Wait until an instance is ready, after it was replaced or put back.

        Errors: TargetError, why it is not in time, or never will be; ObservationError where nobody can
        tell."""

    async def trouble(self, fault: PlanFault, instance: str) -> Message:
        """Why an instance that was ready does not run any more; empty while it does. Errors:
        ObservationError."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What all attempts of a run share; wired once by the pipeline."""

    clock: Clock
    http: HttpClients
    faults: Faults
    processes: Processes
    target: Addresses
    containers: Containers
    evidence: Evidence
    root: Path
    environment: Mapping[str, str]
    seed: int
    emit: Callable[[Event], None]
    emit_all: Callable[[Iterable[Event]], None]
    """The same for events of one moment."""
    keep_secret: Callable[[str], None]
    baselines: tuple[BaselineRecord, ...] = ()
    """Earlier runs that criteria are held against."""
    in_fault: dict[str, str] = field(default_factory=dict)
    """Which fault is on, by entry of the target."""


class Stop:
    """A reason to stop, once there is one; a part of the run stops when the whole does."""

    def __init__(self, whole: Stop | None = None) -> None:
        self._whole = whole
        self._reason: Message | None = None
        self._given = asyncio.Event()

    def now(self, reason: Message) -> None:
        if self._reason is None:
            self._reason = reason
            self._given.set()

    async def wait(self) -> None:
        """Until this part itself was told to stop."""
        await self._given.wait()

    @property
    def reason(self) -> Message | None:
        return self._reason or (self._whole.reason if self._whole else None)

    @property
    def interrupted(self) -> bool:
        """Whether the run as a whole was stopped, so that what was seen is not all there was to see."""
        return self.interruption is not None

    @property
    def interruption(self) -> Message | None:
        """Why the run as a whole was stopped."""
        return self._whole.interruption if self._whole else self._reason


@dataclass(kw_only=True)
class AttemptWorld:
    """What one attempt of one check reaches; see `phasegate.world.World`."""

    clock: Clock
    processes: Processes
    target: Addresses
    containers: Containers
    root: Path
    environment: Mapping[str, str]
    seed: int
    emit: Callable[[Event], None]
    emit_all: Callable[[Iterable[Event]], None]
    keep_secret: Callable[[str], None]
    http: HttpClient
    """With connections of this attempt's own."""
    check: str
    number: int
    evidence: EvidenceFolder
    stop: Stop
    earlier: tuple[Case, ...] = ()
    cases: tuple[str, ...] = ()
    accompanies: bool = False
    seen: list[Case] = field(default_factory=list)
    """Cases reported so far, for an attempt that does not come to its end."""
    all_seen: list[Case] = field(default_factory=list)
    """The same over all entries of `each`, under the names they have in the record."""
    prefix: str = ""
    """Put before case ids: the name of the `each` entry that is being observed."""
    decider: Decider | None = None
    watches: Sequence[Watch] = ()
    """Who judges rollouts by what is seen meanwhile."""
    began: float = 0.0
    """When it began to observe this part, by the clock of the run."""
    _last: float = -EVERY

    def __post_init__(self) -> None:
        self.began = self.clock.now()

    def for_entry(self, name: str) -> AttemptWorld:
        """The same attempt, observing one entry of `each`; it sees only that entry's earlier cases."""
        mine = tuple(
            replace(
                case,
                id=case.id.removeprefix(f"{name}/"),
                part="" if case.part == name else case.part.removeprefix(f"{name}/"),
            )
            for case in self.earlier
            if case.id.startswith(f"{name}/")
        )
        return replace(self, prefix=name, earlier=mine, seen=[])

    @property
    def watched(self) -> bool:
        return bool(self.watches)

    async def progress(self, progress: Progress) -> Message | None:
        at = self.clock.utc()
        if progress.cases:
            named = [name_entry(case, self.prefix) for case in progress.cases]
            self.seen += progress.cases
            self.all_seen += named
            self.emit_all(
                CaseFinished(at=at, check=self.check, attempt=self.number, case=case) for case in named
            )
        now = self.clock.now()
        if (progress.text or progress.done is not None) and now - self._last >= EVERY:
            self._last = now
            self.emit(Progressed(at=at, check=self.check, done=progress.done, text=progress.text))
        for watch in self.watches if progress.measures else ():
            watch.look(self.check, self.prefix, progress, now - self.began)
        if self.stop.reason is None and self.decider is not None and progress.measures:
            return self.decider.look(self.prefix, progress, now - self.began)
        return self.stop.reason


def name_entry(case: Case, entry: str) -> Case:
    """A case of an `each` entry, named so that it stays unique within the check."""
    if not entry:
        return case
    return replace(case, id=f"{entry}/{case.id}", part=f"{entry}/{case.part}" if case.part else entry)
