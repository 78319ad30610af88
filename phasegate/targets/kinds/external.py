"""`target.external`: services that are there already, to which nothing is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from phasegate.base.dataclass import dataclass
from phasegate.base.fields import Closed
from phasegate.base.tree import TreePath, replace_at
from phasegate.http.addresses import Address
from phasegate.http.written import Headers
from phasegate.model.faults import Act
from phasegate.model.result import TargetRecord
from phasegate.plan.asked.entries import Entry, Group
from phasegate.plan.reading.context import Context, tls_of, with_files
from phasegate.plan.targets.kind import KindById
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import TlsWritten
from phasegate.targets.deployment import Deployment, Site

NOT_SET = "http://not-set.invalid"
"""Stands for an address that is a secret and not set; nothing is asked there."""


class ExternalWritten(Closed):
    """A service that is already there."""

    url: str
    """Where it is, http:// or https://, with host and port: `https://staging.example`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent with each request to this entry, by name: `{Authorization: "Bearer
    ${env.TOKEN}"}`."""
    tls: TlsWritten = TlsWritten()
    """Files for TLS with this entry: `ca`, `cert` and `key`."""
    protected: bool = False
    """Whether `--confirm ID` is needed before load is put on this entry or a fault is done to it."""

    @field_validator("url")
    @classmethod
    def _is_absolute(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is not an absolute URL; begin with http:// or https:// and a host")
        try:
            parts = urlsplit(url)
            named = parts.hostname is not None and parts.port != 0
        except ValueError as error:
            raise ValueError(f"{url!r} is not a URL: {error}") from None
        if not named or re.search(r"\s", url):
            raise ValueError(f"{url!r} is not a URL; write http:// or https://, a host, and a port if needed")
        return url


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEntry(Entry):
    """A service that is already there."""

    compared = ("url",)
    url: str

    @property
    def stand_in(self) -> str:
        # Where it is may be known to the run only.
        return self.url if "${" not in self.url else f"http://{self.id}"

    @property
    def about(self) -> str:
        return f"is at {self.url}"

    @property
    def summary(self) -> str:
        return self.url

    def record(self) -> TargetRecord:
        return TargetRecord(id=self.id, kind="external", url=self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalServices(Group[ExternalEntry]):
    """All entries under `external`."""

    key = "external"
    located = True
    there_before = True

    def refusal(self, id: str, act: Act) -> tuple[str, str] | None:
        message = f"{id!r} is external, and nothing is done to what this run has not started"
        return message, "name a process or a service of the target"


class External(KindById[ExternalServices, ExternalEntry, Site, Deployment]):
    group = ExternalServices
    about = "Services that are there already, by id. They are asked, never started or stopped."
    Written = ExternalWritten

    def read_entry(self, context: Context, path: TreePath, id: str, tree: Any) -> ExternalEntry | None:
        missing = context.missing_in(tree)
        tree, wrong = context.settled(path, tree)
        tree = with_files(context, path, ExternalWritten, tree)
        url = tree.get("url") if isinstance(tree, Mapping) else None
        withheld = context.values.withholds(url)
        if withheld or context.missing_in(url):
            tree = replace_at(tree, ("url",), NOT_SET)
        written = validate(
            ExternalWritten, tree, context.place(path, f"target {id!r}"), context.findings, silent=wrong
        )
        if written is None:
            context.leave_unread(path, f"target {id!r}", tree)
            return None
        return ExternalEntry(
            id=id,
            url=str(url) if withheld else written.url,
            headers=tuple(written.headers.items()),
            tls=tls_of(written.tls),
            protected=written.protected,
            missing_secrets=missing,
            at=context.document.key_at(path),
        )

    def why_unsampled(self, id: str) -> tuple[str, str] | None:
        help = "entries under target.processes are sampled; measure an external one through its answers"
        return "is external, and what it uses is not seen from here", help

    async def deploy(self, group: ExternalServices, site: Site) -> Deployment:
        return Deployment(
            Address(id=one.id, url=one.url.rstrip("/"), headers=one.headers, tls=one.tls.as_mapping())
            for one in group.entries
        )
