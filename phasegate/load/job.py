"""What a worker is told to do, and the lines it is told it in.

Coordinator and worker exchange JSON objects, one a line, each with a `type`:

    worker       hello {protocol}
    coordinator  job {...}            see `Job`
    worker       ready                or error {message}
    coordinator  start {at}           when the load begins, the same for all workers: nanoseconds of the
                                      machine's monotonic clock, `perf_counter_ns`
    worker       progress {...}       every `tick` seconds: what came in since the line before, see `Tally`
    coordinator  stop {patient}       at any time: send nothing more and report; patient: when all that is out
                                      has been answered or has had its time
    worker       result {...}         see `Report`; then it ends

A worker whose input ends without `stop` has lost its coordinator and ends at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phasegate.http.messages.content import MAX_BODY
from phasegate.load.journeys.journey import Journeys
from phasegate.load.message import WorkerMessage

PROTOCOL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(WorkerMessage):
    """The whole load, and which part of it is this worker's: request, or connection, k is done by worker
    k modulo `workers`."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    statuses: tuple[int, ...] = tuple(range(200, 300))
    """Those of a good answer."""
    wanted: tuple[str, ...] = ("2xx",)
    """The same as they are written."""
    expect: Mapping[str, Any] | None = None
    """As the plan has it, when it looks at more than the status: headers, body, latency."""
    timeout: float = 30.0
    max_body: int = MAX_BODY
    """Bytes of a body that an expectation or capture looks at."""
    open: bool = False
    """True: the level of the profile is a rate; False: it is a number of connections."""
    points: tuple[tuple[float, float], ...]
    """See `Profile`."""
    connections: int
    """The most that are open at once, over all workers."""
    worker: int = 0
    workers: int = 1
    unix: str | None = None
    """The path of a Unix socket to connect to in place of the URL's host and port."""
    http2: bool = False
    streams: int = 1
    """In HTTP/2: the most requests at once over each connection."""
    tls: Mapping[str, str] = field(default_factory=dict)
    """`ca`, `cert`, `key`: absolute paths."""
    tick: float = 1.0
    """Seconds between two progress lines."""
    journeys: Journeys | None = None
    """What is done in place of the one request; `url` then says where only."""
