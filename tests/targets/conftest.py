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
from phasegate.plan.asked.entries import Group, PlanCommand, Target
from phasegate.record.evidence import EvidenceStore
from phasegate.record.redaction import Redactor
from phasegate.targets.containers.reach import TargetContainers
from phasegate.targets.deployment import Site
from phasegate.targets.processes.entries import ProcessEntry, Programs, Ready
from phasegate.targets.processes.local import LocalProcesses
from phasegate.targets.processes.members import MARK, find_marked, kill_marked, new_mark
from phasegate.targets.processes.ports import Ports
from phasegate.targets.processes.resources import Resources, Sampler
from phasegate.targets.stack import TargetStack

SERVER = """
    import http.server, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()
            self.wfile.write(b"ok")
        def log_message(self, *args):
            pass
    server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print("listening with hunter2-hunter2", flush=True)
    server.serve_forever()
"""
"""Answers 200 on /health; its port is the first argument."""


@dataclass
class Bench:
    """A stack under test: what it is given, and what it told."""

    root: Path
    mark: str = field(default_factory=new_mark)
    changes: list[tuple[str, TargetRecord]] = field(default_factory=list)
    problems: list[PhasegateError] = field(default_factory=list)
    sampled: list[Resources] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = EvidenceStore(self.root / "run", Redactor(["hunter2-hunter2"]))

    def process(
        self, id: str, code: str, *arguments: str, ready: Ready | None = None, **more: Any
    ) -> ProcessEntry:
        return ProcessEntry(
            id=id,
            command=("python", "-c", textwrap.dedent(code), *(arguments or ("${self.port}",))),
            cwd=self.root,
            ready=ready or Ready(url="/health", within=20),
            **more,
        )

    def command(self, code: str, *arguments: str, limit: float = 20) -> PlanCommand:
        return PlanCommand(
            argv=("python", "-c", textwrap.dedent(code), *arguments), cwd=self.root, limit=limit
        )

    def stack(
        self,
        *processes: ProcessEntry,
        others: tuple[Group[Any], ...] = (),
        grace: float = 5.0,
        ports: Any = None,
        **target: Any,
    ) -> TargetStack:
        groups = (*((Programs(entries=processes),) if processes else ()), *others)
        default = processes[0].id if processes else None
        return TargetStack(
            Target(groups=groups, **{"default": default} | target),
            Site(
                processes=LocalProcesses({**os.environ, MARK: self.mark}),
                containers=TargetContainers({}),
                sampler=Sampler(self.sampled.append, lambda: datetime.now(UTC)),
                logs=self.store.log,
                on_change=lambda state, record: self.changes.append((state, record)),
                on_problem=self.problems.append,
                mark=self.mark,
                grace=grace,
                ports=ports or Ports(),
            ),
        )

    def states(self) -> list[str]:
        return [f"{record.id} {state}" for state, record in self.changes]

    def log(self, name: str) -> str:
        return (self.store.path / "target" / f"{name}.log").read_text()

    def left(self) -> tuple[int, ...]:
        return find_marked(self.mark)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    left = bench.left()
    kill_marked(bench.mark)
    bench.store.inventory()
    assert not left
