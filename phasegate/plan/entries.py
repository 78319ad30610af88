"""The target as asked: its entries, the stacks they may belong to, and the commands around them.

Text that refers to what is known only at run time stays in template form until `bind` puts the values in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from phasegate.errors import ObservationError, Position
from phasegate.substitution import UnknownNameError, finish, names_in, put_in


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCommand:
    """A command of `setup` or `teardown`, in template form until bound."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path
    limit: float
    """Seconds."""
    inside: str = ""
    """The service in whose container it runs; empty for this machine."""
    at: Position | None = None

    def bind(self, values: Mapping[str, str]) -> PlanCommand:
        """Put target addresses in. Errors: ObservationError for an address that is not known."""
        return replace(self, argv=tuple(_texts(self.argv, values)), env=_text_values(self.env, values))


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
class Tls:
    """Absolute paths."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def as_mapping(self) -> dict[str, str]:
        named = {"ca": self.ca, "cert": self.cert, "key": self.key}
        return {name: str(path) for name, path in named.items() if path is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEntry:
    """A program of the target that phasegate starts; its texts are in template form until bound."""

    id: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path
    ready: Ready
    headers: tuple[tuple[str, str], ...] = ()
    tls: Tls = Tls()
    protected: bool = False
    missing_secrets: tuple[str, ...] = ()
    """Secrets it uses that are not set: it cannot be started."""
    at: Position | None = None

    def bind(self, values: Mapping[str, str]) -> ProcessEntry:
        """Put in `self.port`, `self.url` and the addresses of the other entries; `ready.url` stays.

        Errors: ObservationError for an address that is not known.
        """
        return replace(
            self,
            command=tuple(_texts(self.command, values)),
            env=_text_values(self.env, values),
            headers=tuple((name, text) for name, text in _text_values(dict(self.headers), values).items()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEntry:
    """A service that is already there."""

    id: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    tls: Tls = Tls()
    protected: bool = False
    missing_secrets: tuple[str, ...] = ()
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntry:
    """A service that runs in containers; checks call it by its id, its name in the stack."""

    id: str
    port: int | None = None
    """The port in its container that `url`, `host` and `port` speak of; None: the first that has an address
    when it is up."""
    tls: Tls = Tls()
    scheme: str = "http"
    headers: tuple[tuple[str, str], ...] = ()
    protected: bool = False
    missing_secrets: tuple[str, ...] = ()
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeStack:
    """A stack that phasegate brings up and takes down with Compose."""

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
    entries: tuple[ServiceEntry, ...] = ()
    """Every service of the file, named in the plan or not."""
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedStack:
    """Containers that are up already, found by their labels; they are never stopped."""

    labels: tuple[str, ...]
    """`name` or `name=value`; a container has all of them."""
    within: float = 30.0
    """Seconds until each of them is ready."""
    allow_faults: bool = False
    entries: tuple[ServiceEntry, ...] = ()
    """The services that the plan names."""
    at: Position | None = None


Entry = ProcessEntry | ExternalEntry | ServiceEntry


def stand_in(entry: Entry) -> str:
    """The URL of an entry before it is up: what is started for the run is called by its id."""
    match entry:
        case ExternalEntry():
            # Where it is may be known to the run only.
            return entry.url if "${" not in entry.url else f"http://{entry.id}"
        case ServiceEntry():
            return f"{entry.scheme}://{entry.id}"
        case ProcessEntry():
            return f"http://{entry.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The stack under test."""

    default: str | None = None
    """The entry that a URL which begins with `/` is on."""
    processes: tuple[ProcessEntry, ...] = ()
    external: tuple[ExternalEntry, ...] = ()
    compose: ComposeStack | None = None
    containers: AttachedStack | None = None
    setup: tuple[PlanCommand, ...] = ()
    """Run once every entry is ready."""
    teardown: tuple[PlanCommand, ...] = ()
    """Always run, before the processes are taken down."""
    exit_codes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Services that end by themselves, and the exit codes with which checks say that they are right to."""

    def __iter__(self) -> Iterator[Entry]:
        yield from self.processes
        yield from self.external
        yield from self.services

    def without_lacking(self) -> Target:
        """What can be brought up: without processes and addresses that lack a secret."""
        return replace(
            self,
            processes=tuple(entry for entry in self.processes if not entry.missing_secrets),
            external=tuple(entry for entry in self.external if not entry.missing_secrets),
        )

    @property
    def services(self) -> tuple[ServiceEntry, ...]:
        """Entries that run in containers."""
        stacks = (self.compose, self.containers)
        return tuple(entry for stack in stacks if stack is not None for entry in stack.entries)


def named_entries(tree: Any) -> set[str]:
    """The entries of the target whose addresses texts in template form refer to."""
    return {name.split(".")[1] for name in names_in(tree) if name.startswith("target.")}


def _texts(templates: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    try:
        return [str(finish(put_in(template, values))) for template in templates]
    except UnknownNameError as unknown:
        raise ObservationError(f"${{{unknown.name}}} is not known") from None


def _text_values(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    return dict(zip(templates, _texts(tuple(templates.values()), values), strict=True))
