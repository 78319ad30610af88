from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from phasegate.base.errors import PhasegateError
from phasegate.model.result import TargetRecord
from phasegate.plan.asked.entries import Target
from phasegate.plan.asked.services import AttachedStack, ComposeStack
from phasegate.record.evidence import EvidenceStore
from phasegate.record.redaction import Redactor
from phasegate.targets.containers.reach import TargetContainers
from phasegate.targets.deployment import Site
from phasegate.targets.processes.entries import Programs
from phasegate.targets.processes.local import LocalProcesses
from phasegate.targets.processes.members import MARK, new_mark
from phasegate.targets.processes.resources import Sampler
from phasegate.targets.stack import TargetStack
from tests.engines import busybox

SERVE = (
    "trap 'exit 0' TERM; mkdir -p /www; echo ok > /www/health; httpd -p $$PORT -h /www;"
    " while :; do sleep 0.1; done"
)
"""A web server for a compose file: answers on /health at $PORT, and ends on SIGTERM."""
WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"
"""A program without a port."""


@dataclass
class Yard:
    """A stack of containers under test: what it is given, and what it told."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    changes: list[tuple[str, TargetRecord]] = field(default_factory=list)
    problems: list[PhasegateError] = field(default_factory=list)
    mark: str = field(default_factory=new_mark)

    def __post_init__(self) -> None:
        self.store = EvidenceStore(self.root / "run", Redactor(["hunter2-hunter2"]))
        self.containers = TargetContainers(self.environment)

    def file(self, text: str) -> Path:
        """A compose file; BUSYBOX in it is an image with busybox, SERVE and WAIT are programs for `sh -c`."""
        text = textwrap.dedent(text)
        if "BUSYBOX" in text:
            text = text.replace("BUSYBOX", busybox())
        for name, program in (("SERVE", SERVE), ("WAIT", WAIT)):
            text = text.replace(name, f'["sh", "-c", "{program}"]')
        path = self.root / "compose.yaml"
        path.write_text(text)
        return path

    def compose(self, text: str, **more: Any) -> ComposeStack:
        return ComposeStack(file=self.file(text), **{"within": 30.0} | more)

    def stack(
        self, compose: ComposeStack | None = None, attached: AttachedStack | None = None, **more: Any
    ) -> TargetStack:
        programs = Programs(entries=more.pop("processes", ()))
        groups = (programs if programs.entries else None, compose, attached)
        target = {key: more.pop(key) for key in ("setup", "teardown", "default") if key in more}
        return TargetStack(
            Target(groups=tuple(group for group in groups if group is not None), **target),
            self.site(**more),
        )

    def site(self, **more: Any) -> Site:
        return Site(
            processes=LocalProcesses({**self.environment, MARK: self.mark}),
            containers=self.containers,
            sampler=Sampler(lambda _: None, lambda: datetime.now(UTC)),
            logs=self.store.log,
            on_change=lambda state, record: self.changes.append((state, record)),
            on_problem=self.problems.append,
            mark=self.mark,
            run=f"t-{self.mark}",
            keep_file=self.store.keep_of_target,
            **more,
        )

    def states(self) -> list[str]:
        return [f"{record.id} {state}" for state, record in self.changes]

    def record(self, id: str) -> TargetRecord:
        return next(record for _, record in reversed(self.changes) if record.id == id)

    def log(self, name: str) -> str:
        return (self.store.path / "target" / f"{name}.log").read_text()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    yard.containers.close()
    yard.store.inventory()
