"""What a check kind may reach: the outside world as protocols, and the plain data they exchange.

Kinds get a `World` and nothing else, so each can be tested against scripted parts, and each observation can
be redacted, bounded and stopped in one place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.model.containers import Container, ContainerUsage, Image, ImageFile, LogPiece
from phasegate.model.events import CLOCK_STEP
from phasegate.model.measures import Measure
from phasegate.model.observation import Case


class Cause(StrEnum):
    """Why a request got no usable answer."""

    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    TLS = "tls"
    DNS = "dns"
    PROTOCOL = "protocol"
    SHORT_BODY = "short_body"
    TOO_LARGE = "too_large"
    REDIRECTS = "redirects"
    REDIRECT = "redirect"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    method: str
    url: str
    """Absolute."""
    headers: tuple[tuple[str, str], ...] = ()
    """Text that goes out as UTF-8; lone surrogates are bytes that are none (`surrogateescape`)."""
    body: bytes | None = None
    timeout: float = 30.0
    """Seconds for the whole exchange, redirects and body included."""
    follow: bool = False
    keep: int | None = 4 << 20
    """Bytes of the answer's body that somebody looks at, its content codings undone; more is a failure.
    None: nobody looks at it, so any size and coding is fine, and only its beginning is kept, for people."""
    entry: str = ""
    """The target entry it belongs to, whose headers and certificates go with it; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    status: int
    headers: tuple[tuple[str, str], ...]
    """In order of arrival; repeated names stay repeated. For the text of a value see `header_text`."""
    body: bytes
    """Its content codings undone."""
    elapsed: float
    """Seconds from sending to the last byte of the body."""
    url: str
    """The one that answered, after redirects."""
    http_version: str = "HTTP/1.1"
    raw: tuple[tuple[bytes, bytes], ...] = ()
    """The header lines as they came."""
    unreadable: Message = ""
    """Why `body` is nothing to look at; empty where it is."""
    sent_again: bool = False
    """Whether the request had met the end of its connection before and went over another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFailure:
    """No usable answer came; `message` has the address and the system's own words."""

    cause: Cause
    message: Message
    elapsed: float
    late: bool = False
    """The time was over while phasegate itself stood still: the answer may have been there in time."""


class HttpClient(Protocol):
    """Requests over connections that nobody else uses."""

    @property
    def room(self) -> bool:
        """Whether a request would be sent at once, as far as the bound over the whole run goes."""

    async def send(self, request: HttpRequest) -> HttpReply | HttpFailure:
        """One exchange; without `room` it waits for a place, which is phasegate's time and not part of
        `elapsed`. Never raises for what the target does.

        Errors: ObservationError where this machine cannot open a connection."""


class HttpClients(Protocol):
    """Makes clients that share what a whole run shares: places, addresses of names, certificates."""

    def client(self) -> AbstractAsyncContextManager[HttpClient]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of the run."""
    own: bool = False
    """Whether it is a part of phasegate, which gets nothing of that environment that may be a secret."""
    limit: float | None = None
    """Seconds until it is ended."""
    keep: int = 1 << 20
    """Bytes of each output stream that are kept: the first and the last half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    exit_code: int | None
    """None when a signal ended it or it could not be started."""
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    stdout_left_out: int = 0
    """Bytes in its middle that were not kept; `left_out_note` stands in their place."""
    stderr_left_out: int = 0
    duration: float = 0.0
    timed_out: bool = False
    stopped: bool = False
    """True when phasegate ended it because it was asked to stop."""
    error: Message = ""
    """Why it could not be started: not found, not executable."""

    @property
    def ending(self) -> Message:
        """How it ended, in a few words."""
        if self.exit_code is None:
            return self.error or fact(Code.BY_SIGNAL, signal=self.signal)
        return self.error or fact(Code.BY_EXIT_CODE, exit_code=self.exit_code)

    @property
    def last_words(self) -> str:
        """The last line of its standard error, or of its standard output where there is no error."""
        lines = (self.stderr or self.stdout).decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


class Running(Protocol):
    """A process that is spoken to line by line."""

    @property
    def pid(self) -> int: ...

    async def write_line(self, line: str) -> None: ...

    async def read_line(self) -> str | None:
        """The next line of standard output without its end; None at the end."""

    async def wait(self) -> Completed: ...

    def interrupt(self) -> None:
        """Ask the whole process group to end (SIGTERM; SIGKILL follows when the context is left)."""


class Processes(Protocol):
    """Every program runs in a process group of its own, none outlives its context."""

    async def run(self, command: Command, *, on_line: Callable[[str, str], None] | None = None) -> Completed:
        """Run to the end; `on_line(stream, line)` sees each line of `stdout` and `stderr` as it comes."""

    def open(
        self, command: Command, *, on_error_line: Callable[[str], None] | None = None
    ) -> AbstractAsyncContextManager[Running]:
        """Start it and speak to it; `on_error_line` sees each line of its standard error as it comes, all
        of them before `wait` returns. A line without an end in 1 MiB comes in pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a request goes."""

    url: str
    """Absolute."""
    entry: str = ""
    """The target entry that the address is of; empty for none."""


class Addresses(Protocol):
    """Where the target is."""

    def url(self, path_or_url: str) -> str:
        """An absolute URL; one that begins with `/` is on the default entry.

        Errors: ObservationError when there is no such entry or it is down."""

    def destination(
        self,
        written: str,
        values: Mapping[str, Any] | None = None,
        sources: Mapping[str, Destination] | None = None,
    ) -> Destination:
        """Where an address in template form leads. It is of the entry that it names (`${target.<id>.url}`);
        of the default one when it begins with `/`; else of the one that it fits. Names in its path that have
        no value stay.

        `values`: what else stands for names. `sources`: by name, where a captured value came from: on that
        entry's host and port it is that entry's.
        Errors: ObservationError for what is not an address or has no value; AmbiguousEntryError."""

    def following(self, url: str, source: Destination) -> Destination:
        """Where a URL leads that came from `source`, by a redirect or in an answer: it keeps the entry on its
        host and port, and is elsewhere of the one that it fits. Errors: AmbiguousEntryError."""

    def headers(self, entry: str) -> tuple[tuple[str, str], ...]:
        """Headers that an entry asks for, by its id; none for an empty one."""

    def declares(self, url: str) -> bool:
        """Whether the host and port of a URL belong to the target: load is sent nowhere else."""

    def tls(self, entry: str) -> Mapping[str, str]:
        """`ca`, `cert`, `key`: absolute paths of an entry, by its id; empty without."""

    def values(self) -> Mapping[str, str]:
        """`target.<id>.url`, `.host`, `.port` for every entry."""

    def environment(self) -> Mapping[str, str]:
        """`PHASEGATE_TARGET_<ID>_URL` for every entry and `PHASEGATE_TARGET_URL` for the default one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """How a container that was started for it took the wish to stop."""

    before: Message = ""
    """Why there was nothing to stop: it could not be started, or ended by itself first; empty otherwise."""
    exit_code: int | None = None
    seconds: float = 0.0
    """From the signal to its end."""
    killed: bool = False
    """Whether it had to be killed."""


class Containers(Protocol):
    """The containers of the target, and the engine they run on.

    Errors, for all of it: ObservationError when there is no engine, it has gone, or the target has no
    containers."""

    @property
    def services(self) -> tuple[str, ...]:
        """The services that the target is to have; empty where nobody says."""

    async def all(self) -> tuple[Container, ...]:
        """Every container of the target, ended ones included, by service and number."""

    def lines(self, container: Container) -> AsyncIterator[LogPiece]:
        """What its engine has kept of what a container has printed so far, standard output and error."""

    def seen_lines(self, service: str) -> AsyncIterator[LogPiece]:
        """What the run itself has kept of what a service printed, read as it was written; redacted."""

    async def memory_kills(self, containers: Sequence[Container]) -> Mapping[str, int]:
        """How many processes the kernel has killed for lack of memory in each running container, by id; left
        out where nobody can say."""

    async def usage(self, containers: Sequence[Container]) -> Mapping[str, ContainerUsage]:
        """What running containers have used so far, by id; one that has ended meanwhile is left out."""

    def inside(self, service: str) -> Processes:
        """Programs in the container of a service, in its own environment; `Path()` is the folder that it
        starts in, other folders are inside it too."""

    async def image(self, reference: str) -> Image:
        """Errors: ObservationError when there is no such image."""

    async def files(self, image: Image) -> tuple[ImageFile, ...]:
        """Every file and folder of an image; nothing of it is started."""

    async def content(self, image: Image, path: str) -> bytes | None:
        """A file of an image, at most 1 MiB of it; None when there is no such file."""

    async def stop_of(self, image: Image, *, after: float, within: float) -> Stopped:
        """Start an image without network, ask it to stop after some seconds, and see."""


class EvidenceFolder(Protocol):
    """The folder of one attempt below the run's `evidence/`."""

    @property
    def path(self) -> Path:
        """Absolute; programs may write here (`${out}`)."""

    def write(self, name: str, content: str | bytes) -> str:
        """Keep content under a name made safe and unique; redacted first.

        Shape: the path below the run's folder, for `Case.evidence` and `Observation.evidence`."""

    def adopt(self, path: Path) -> str:
        """Take in a file that a program wrote: copied when outside the folder, redacted, bounded."""


class Clock(Protocol):
    """Whatever lasts is measured by `now`, or is a difference of `utc`; `wall` may jump at any time."""

    @property
    def started(self) -> datetime:
        """When the run began, by its own time."""

    def now(self) -> float:
        """Seconds on a monotonic clock with a resolution below a microsecond."""

    def utc(self) -> datetime:
        """The time of the run: it counts on from the calendar at the start, and never jumps."""

    def wall(self) -> datetime:
        """The calendar clock of this machine as it stands, to hold against what others have dated."""

    async def sleep(self, seconds: float) -> None: ...


def sure_wall(clock: Clock) -> datetime | None:
    """The calendar clock; None where it moved during the run, so that what is dated has no sure age."""
    wall = clock.wall()
    return None if abs((wall - clock.utc()).total_seconds()) >= CLOCK_STEP else wall


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What was seen so far."""

    done: float | None = None
    text: str = ""
    cases: tuple[Case, ...] = ()
    """Cases that finished since the last report."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    """Measures so far; empty when not worth computing yet."""
    pending: int = 0
    """At most so many requests are under way, which `measures` do not count yet."""


class Enough(Fact):
    """Why to stop where what was asked is decided: nothing new is begun, and what is under way is awaited."""

    __slots__ = ()


class World(Protocol):
    @property
    def clock(self) -> Clock: ...

    @property
    def http(self) -> HttpClient: ...

    @property
    def processes(self) -> Processes: ...

    @property
    def target(self) -> Addresses: ...

    @property
    def containers(self) -> Containers: ...

    @property
    def evidence(self) -> EvidenceFolder: ...

    @property
    def root(self) -> Path:
        """The folder that relative paths of the plan start at."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment phasegate was started with."""

    @property
    def seed(self) -> int: ...

    @property
    def earlier(self) -> tuple[Case, ...]:
        """The cases of the attempt before: those that passed are carried over, the others run again."""

    @property
    def cases(self) -> tuple[str, ...]:
        """Cases selected with `--case`; empty for all."""

    @property
    def accompanies(self) -> bool:
        """True for a `during` check: it goes on until `progress` says stop."""

    @property
    def watched(self) -> bool:
        """True where somebody judges meanwhile by the measures that `progress` is given."""

    async def progress(self, progress: Progress) -> Message | None:
        """Report, and learn why to stop, or None to go on."""

    def keep_secret(self, value: str) -> None:
        """Redact a value from everything written from now on."""


def left_out_note(size: int) -> bytes:
    """What stands in an output where bytes were not kept."""
    return f"\n[{size:,} bytes left out]\n".encode()


def header(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """The first value of a header, whatever its case."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)
