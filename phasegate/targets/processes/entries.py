"""Programs that are started for the run, as asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.model.faults import CONTAINERS_ONLY, Act
from phasegate.model.result import TargetRecord
from phasegate.plan.asked.entries import Entry, Group, bound, bound_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """When a process counts as up: exactly one of `url`, `tcp` and `log` is set."""

    url: str | None = None
    """A path of the entry, or a whole URL in template form."""
    tcp: bool = False
    log: str | None = None
    """A regular expression searched in its output."""
    within: float = 30.0
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEntry(Entry):
    """A program of the target that phasegate starts; its texts are in template form until bound."""

    compared = ("command", "env", "cwd", "ready")
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path
    ready: Ready

    @property
    def about(self) -> str:
        return f"starts {self.summary}"

    @property
    def summary(self) -> str:
        return " ".join(self.command)

    def record(self) -> TargetRecord:
        return TargetRecord(id=self.id, kind="process", command=self.command)

    def bind(self, values: Mapping[str, str]) -> ProcessEntry:
        """Put in `self.port`, `self.url` and the addresses of the other entries; `ready.url` stays.

        Errors: ObservationError for an address that is not known.
        """
        return replace(
            self,
            command=bound(self.command, values),
            env=bound_values(self.env, values),
            headers=tuple(bound_values(dict(self.headers), values).items()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs(Group[ProcessEntry]):
    """All entries under `processes`."""

    key = "processes"
    uses_others = True
    acts = frozenset(Act) - CONTAINERS_ONLY

    def refusal(self, id: str, act: Act) -> tuple[str, str] | None:
        if act in self.acts:
            return None
        message = f"{id!r} is a process, which has no network of its own to {act}"
        return message, "use stop, kill, pause or restart"
