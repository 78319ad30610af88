"""Services in containers as asked: those of a stack that Compose brings up, and those that are up already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.model.faults import Act
from phasegate.model.result import TargetRecord
from phasegate.plan.asked.entries import Entry, Group


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntry(Entry):
    """A service that runs in containers; checks call it by its id, its name in the stack."""

    compared = ("port", "scheme")
    port: int | None = None
    """The port in its container that `url`, `host` and `port` speak of; None: the first that has an address
    when it is up."""
    scheme: str = "http"

    @property
    def stand_in(self) -> str:
        return f"{self.scheme}://{self.id}"

    @property
    def about(self) -> str:
        port = f", port {self.port}" if self.port is not None else ""
        return f"service{port}{', protected' if self.protected else ''}"

    @property
    def summary(self) -> str:
        return f"service {self.id}"

    def record(self) -> TargetRecord:
        return TargetRecord(id=self.id, kind="container")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeStack(Group[ServiceEntry]):
    """A stack that phasegate brings up and takes down with Compose; its entries are every service of the
    file, named in the plan or not."""

    key = "compose"
    together = True
    acts = frozenset(Act)
    has_images = True
    compared = ("file", "profiles", "env_file", "env", "project", "within")
    file: Path
    """Absolute."""
    services: tuple[str, ...] = ()
    """Those to bring up, with what they depend on; empty for all."""
    profiles: tuple[str, ...] = ()
    env_file: Path | None = None
    project: str = ""
    """Its name among the engine's projects; empty for one of the run's own."""
    within: float = 120.0
    """Seconds from the start until every service is ready."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Values for the variables of the file, over those of the environment."""

    @property
    def wanted(self) -> tuple[str, ...]:
        return self.services

    @property
    def summary(self) -> Path:
        return self.file

    def about(self, root: Path) -> str:
        which = f" with {', '.join(self.services)}" if self.services else ""
        profiles = f", profiles {', '.join(self.profiles)}" if self.profiles else ""
        project = f" as project {self.project}" if self.project else ""
        return f"brings up {os.path.relpath(self.file, root)}{which}{profiles}{project}"

    def data(self, root: Path) -> dict[str, Any]:
        return {
            "file": os.path.relpath(self.file, root),
            "services": [entry.id for entry in self.entries],
            "profiles": list(self.profiles),
            "project": self.project,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedStack(Group[ServiceEntry]):
    """Containers that are up already, found by their labels; they are never stopped. Its entries are the
    services that the plan names."""

    key = "containers"
    together = True
    there_before = True
    acts = frozenset(Act)
    has_images = True
    compared = ("labels", "within")
    lenient = ("allow_faults",)
    labels: tuple[str, ...]
    """`name` or `name=value`; a container has all of them."""
    within: float = 30.0
    """Seconds until each of them is ready."""
    allow_faults: bool = False

    @property
    def summary(self) -> str:
        return ", ".join(self.labels)

    def about(self, root: Path) -> str:
        faults = "; faults allowed" if self.allow_faults else ""
        return f"looks at what is up with {', '.join(self.labels)}{faults}"

    def data(self, root: Path) -> dict[str, Any]:
        return {
            "labels": list(self.labels),
            "services": [entry.id for entry in self.entries],
            "allow_faults": self.allow_faults,
        }

    def refusal(self, id: str, act: Act) -> tuple[str, str] | None:
        if self.allow_faults:
            return None
        return (
            f"{id!r} was there before this run, and nothing is done to it without leave",
            "write allow_faults: true under target.containers, and run with --confirm",
        )
