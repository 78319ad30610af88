"""`target.processes`: programs that are started for the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from phasegate.base.facts import Code, fact
from phasegate.base.fields import Closed, Text
from phasegate.base.patterns import compile_pattern
from phasegate.base.substitution import finish, names_in
from phasegate.base.tree import TreePath
from phasegate.http.written import Headers
from phasegate.plan.reading.context import Context, tls_of, with_files
from phasegate.plan.reading.reachable import check_entry
from phasegate.plan.targets.kind import KindById
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import Argv, Span, TlsWritten
from phasegate.targets.deployment import Deployment, Site
from phasegate.targets.processes.entries import ProcessEntry, Programs, Ready


class ReadyWritten(Closed):
    """When a process counts as up: one of `url`, `tcp` and `log`."""

    url: str | None = None
    """A path or URL that must answer with status 2xx: `/health`."""
    tcp: bool = False
    """Whether it is up when its port takes connections."""
    log: str | None = None
    """A regular expression that a line of its output must match."""
    within: Span = 30.0
    """The longest wait for it."""

    @model_validator(mode="after")
    def _one_sign(self) -> ReadyWritten:
        signs = (self.url is not None) + self.tcp + (self.log is not None)
        if signs != 1:
            raise ValueError("say how it shows that it is up, by one of 'url', 'tcp: true' and 'log'")
        if self.url is not None and not self.url.startswith(("/", "http://", "https://", "${")):
            raise ValueError(f"{self.url!r} is not an address; begin with '/', http:// or https://")
        if self.log is not None:
            compile_pattern(self.log)
        return self


class ProcessWritten(Closed):
    """A program that is started for the run."""

    command: Argv
    """The program and its arguments, as a list; `${self.port}` is a free port: `[python, -m, shop, --port,
    "${self.port}"]`."""
    env: dict[str, Text] = Field(default_factory=dict)
    """Variables that are added to its environment, by name."""
    cwd: Text = ""
    """The folder that it starts in, relative to the plan's root, which it is unless given."""
    ready: ReadyWritten
    """How it shows that it is up: one of `url`, `tcp: true` and `log`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent with each request to this entry, by name: `{Authorization: "Bearer
    ${env.TOKEN}"}`."""
    tls: TlsWritten = TlsWritten()
    """Files for TLS with this entry: `ca`, `cert` and `key`."""
    protected: bool = False
    """Whether `--confirm ID` is needed before load is put on this entry or a fault is done to it."""


def _knows_port(entry: ProcessEntry) -> bool:
    """Whether a process learns on which port it is asked."""
    names = {name for text in (*entry.command, *entry.env.values()) for name in names_in(text)}
    return not names.isdisjoint(("self.port", "self.url"))


def _made_by(tree: Any) -> Callable[[str], bool]:
    """Whether a process makes a file: its command names it, or a folder that it is in."""
    command = tree.get("command") if isinstance(tree, Mapping) else None
    written = command if isinstance(command, list) else ()
    words = {finish(word) for word in written if isinstance(word, str)}
    return lambda name: any(str(path) in words for path in (Path(name), *Path(name).parents[:-1]))


class Processes(KindById[Programs, ProcessEntry, Site, Deployment]):
    group = Programs
    about = "Programs that phasegate starts for the run and stops at its end, by id."
    Written = ProcessWritten

    def read_entry(self, context: Context, path: TreePath, id: str, tree: Any) -> ProcessEntry | None:
        wrong = context.unknown(path, tree, "target", "self")
        missing = context.missing_in(tree)
        tree = context.with_secrets(tree)
        tree = with_files(context, path, ProcessWritten, tree, made=_made_by(tree))
        written = validate(
            ProcessWritten, tree, context.place(path, f"target {id!r}"), context.findings, silent=wrong
        )
        if written is None:
            context.leave_unread(path, f"target {id!r}", tree)
            return None
        ready = written.ready
        return ProcessEntry(
            id=id,
            command=written.command,
            env=written.env,
            cwd=context.folder((*path, "cwd"), written.cwd),
            ready=Ready(
                url=ready.url,
                tcp=ready.tcp,
                log=None if ready.log is None else finish(ready.log),
                within=ready.within,
            ),
            headers=tuple(written.headers.items()),
            tls=tls_of(written.tls),
            protected=written.protected,
            missing_secrets=missing,
            at=context.document.key_at(path),
        )

    def check(self, context: Context, group: Programs) -> None:
        for entry in group.entries:
            path = ("target", self.key, entry.id, "ready", "url")
            check_entry(context, context.document, path, entry.ready.url or "/")
            if (entry.ready.url or "").startswith("http") and not _knows_port(entry):
                help = "pass ${self.port} or ${self.url} to it, or declare what is up elsewhere as external"
                context.findings.add(
                    context.document,
                    (*path[:3], "command"),
                    fact(Code.PORT_UNKNOWN, entry=entry.id),
                    help=help,
                    warning=True,
                )

    def why_unsampled(self, id: str) -> tuple[str, str] | None:
        return None

    async def deploy(self, group: Programs, site: Site) -> Deployment:
        from phasegate.targets.kinds.processes.started import Started

        return Started(group, site)
