"""A kind of target that phasegate does not have: HTTP servers in threads of its own process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import TargetError
from phasegate.base.fields import Closed, Text
from phasegate.base.tree import TreePath
from phasegate.http.addresses import Address
from phasegate.model.faults import Act, PlanFault
from phasegate.model.result import TargetRecord
from phasegate.plan.asked.entries import Entry, Group
from phasegate.plan.reading.context import Context
from phasegate.plan.targets.kind import KindById
from phasegate.plan.text.validation import validate
from phasegate.targets.deployment import Deployment, Site


class ThreadWritten(Closed):
    answers: Text
    protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadEntry(Entry):
    compared = ("answers",)
    answers: str

    @property
    def about(self) -> str:
        return f"answers {self.answers}"

    @property
    def summary(self) -> str:
        return f"a thread that answers {self.answers}"

    def record(self) -> TargetRecord:
        return TargetRecord(id=self.id, kind="thread")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadGroup(Group[ThreadEntry]):
    key = "threads"
    acts = frozenset({Act.STOP})


class Threads(KindById[ThreadGroup, ThreadEntry, Site, Deployment]):
    group = ThreadGroup
    Written = ThreadWritten
    about = "Threads of this process."

    def read_entry(self, context: Context, path: TreePath, id: str, tree: Any) -> ThreadEntry | None:
        tree, wrong = context.settled(path, tree)
        place = context.place(path, f"target {id!r}")
        written = validate(ThreadWritten, tree, place, context.findings, silent=wrong)
        if written is None:
            return None
        at = context.document.key_at(path)
        return ThreadEntry(id=id, answers=written.answers, protected=written.protected, at=at)

    async def deploy(self, group: ThreadGroup, site: Site) -> Deployment:
        return Serving(group, site)


class Serving(Deployment):
    def __init__(self, group: ThreadGroup, site: Site) -> None:
        super().__init__()
        self._group = group
        self._site = site
        self._servers: dict[str, ThreadingHTTPServer] = {}
        self._ports: dict[str, int] = {}

    @property
    def addresses(self) -> Sequence[Address]:
        return [Address(id=id, url=f"http://127.0.0.1:{port}") for id, port in self._ports.items()]

    async def up(self, others: Sequence[Address], out: object) -> None:
        for entry in self._group.entries:
            if entry.answers == "nothing":
                raise TargetError(f"target {entry.id!r}: it has nothing to answer")
            self._ports[entry.id] = self._site.ports.take()
            self._serve(entry)
            self._tell("ready", entry)

    async def act(self, fault: PlanFault, instance: str = "") -> None:
        self._end(fault.target)

    async def undo(self, fault: PlanFault, instance: str = "") -> str:
        self._serve(next(entry for entry in self._group.entries if entry.id == fault.target))
        return "it is another thread"

    async def close(self) -> None:
        for entry in self._group.entries:
            if entry.id in self._servers:
                self._end(entry.id)
                self._tell("stopped", entry)

    def _tell(self, state: str, entry: ThreadEntry) -> None:
        self._site.on_change(state, entry.record())

    def _serve(self, entry: ThreadEntry) -> None:
        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(entry.answers.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self._ports[entry.id]), Answers)
        server.block_on_close = False  # a client may keep its connection
        self._servers[entry.id] = server
        threading.Thread(
            target=server.serve_forever, args=(0.02,), name=f"serves {entry.id}", daemon=True
        ).start()

    def _end(self, id: str) -> None:
        server = self._servers.pop(id)
        server.shutdown()
        server.server_close()
