"""Locust as an engine: its own master and workers run the file, its requests are counted by our plugin."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Closed, Duration, FilePath, ProgramName, Rate, Text
from phasegate.base.interpreter import interpreter
from phasegate.base.marks import Arguments, Demand
from phasegate.base.units import format_seconds
from phasegate.load.counting.tally import causes_from_json, merge_causes
from phasegate.load.foreign.program import Foreign, beside, cancel_all, refuse_arguments
from phasegate.load.foreign.samples import Samples
from phasegate.load.foreign.script_cases import case, of_attempt, pass_rates
from phasegate.model.measures import MeasureSpec, Number
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.world import Command, Completed, World

PLUGIN = Path(__file__).parent / "locust_plugin" / "phasegate_locust.py"
_LOOPBACK = "127.0.0.1"
_ERROR = re.compile(r"/(ERROR|CRITICAL)/")
_WAIT = 60.0
"""Seconds the master waits for workers on this machine."""
_OWN_ARGUMENTS = {
    "-f": "write locustfile",
    "--locustfile": "write locustfile",
    "-u": "write users",
    "--users": "write users",
    "-r": "write spawn_rate",
    "--spawn-rate": "write spawn_rate",
    "-t": "write duration",
    "--run-time": "write duration",
    "-H": "write host",
    "--host": "write host",
    "-s": "write timeout",
    "--stop-timeout": "write timeout",
    "--processes": "write workers",
    "--master": "write workers or join",
    "--worker": "write workers or join",
    "--master-host": "write join",
    "--master-port": "write join",
    "--master-bind-host": "write join",
    "--master-bind-port": "write join",
    "--expect-workers": "write join",
    "--expect-workers-max-wait": "write join",
    "--headless": "it always is",
    "--autostart": "it always is headless",
    "--reset-stats": "phasegate takes the samples itself",
    "-L": "phasegate reads the log",
    "--loglevel": "phasegate reads the log",
    "--logfile": "phasegate reads the log",
    "--skip-log-setup": "phasegate reads the log",
}


class Join(Closed):
    """Workers on other machines: `join: {workers: 2, address: 10.0.0.5}`."""

    workers: Annotated[int, Field(ge=1, le=1_000)]
    """How many workers are waited for, beside those on this machine."""
    address: str = Field(pattern=r"^[A-Za-z0-9.:-]+$")
    """This machine's address, as the others see it; the master listens there and nowhere else."""
    port: Annotated[int, Field(ge=1, le=65_535)] = 5557
    """The port of the master."""
    within: Duration = 120.0
    """The longest wait for them."""

    @property
    def command(self) -> str:
        """What starts one of them."""
        return f"locust -f - --worker --master-host {self.address} --master-port {self.port}"


class LocustOptions(Closed):
    """What a plan says of a Locust run, beside what every kind takes."""

    locustfile: FilePath
    """The Locust file; users find the target in `host`."""
    users: Annotated[int, Field(ge=1), Demand.MORE]
    """How many users there are at the most, over all workers."""
    spawn_rate: Annotated[Rate, Demand.BY_KIND] | None = None
    """Users that start per second; all within a second unless given."""
    duration: Annotated[Duration, Demand.MORE] = 10.0
    """How long users run, in whole seconds; then they get up to `timeout` to end what they are at."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes on this machine that share the users."""
    join: Join | None = None
    """Workers on other machines: how many (`workers`), and this machine's `address` to reach the master."""
    host: str | None = None
    """What the users' paths are relative to; the target's default entry unless given."""
    python: ProgramName | None = None
    """The interpreter with Locust: a name on PATH, or a path looked for from the file's folder upwards. By
    default that of $VIRTUAL_ENV, then of a .venv found in the same way, then phasegate's own."""
    env: Mapping[str, Text] = Field(default_factory=dict)
    """Variables that are added to the environment, by name."""
    args: Annotated[tuple[Text, ...], Arguments()] = ()
    """Further arguments for Locust, such as --tags, and names of user classes."""

    @field_validator("args")
    @classmethod
    def _no_arguments_of_ours(cls, args: tuple[str, ...]) -> tuple[str, ...]:
        refuse_arguments("locust", args, _OWN_ARGUMENTS)
        return args

    @field_validator("duration")
    @classmethod
    def _whole_seconds(cls, duration: float) -> float:
        if duration < 1 or duration != int(duration):
            raise ValueError(f"{format_seconds(duration)}: Locust counts whole seconds")
        return duration

    @field_validator("spawn_rate")
    @classmethod
    def _spawns(cls, rate: float | None) -> float | None:
        if rate == 0:
            raise ValueError("a spawn rate of 0/s starts no user")
        return rate

    @model_validator(mode="after")
    def _check_workers(self) -> Self:
        if self.workers > self.users:
            raise ValueError(f"{self.workers} workers cannot share {self.users} users")
        return self

    @property
    def distributed(self) -> bool:
        return self.workers > 1 or self.join is not None

    @property
    def probes(self) -> int:
        """Processes that run users."""
        return self.workers + (self.join.workers if self.join is not None else 0)


MEASURES: Mapping[str, MeasureSpec] = beside(
    latency="from sending a request to the end of its answer: Locust knows no moment a request is due",
    service_time="from sending a request to the end of its answer",
)


async def observe(options: LocustOptions, timeout: float, world: World) -> Observation:
    """Run the file to its end, or until `world.progress` says stop; users get `timeout` seconds to end.

    Errors: ObservationError when the host is not on the target or the plugin's report cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="phasegate-") as folder:
        report = _Report(Path(folder) / "report.jsonl", options)
        commands = _Commands(options, timeout, report.file, world)
        async with AsyncExitStack() as stack:
            running = await stack.enter_async_context(world.processes.open(commands.main()))
            workers = [
                await stack.enter_async_context(world.processes.open(commands.worker()))
                for _ in range(options.workers if options.distributed else 0)
            ]
            draining = [asyncio.create_task(_drain(worker)) for worker in workers]
            stack.push_async_callback(cancel_all, draining)
            foreign = Foreign(running, world, duration=options.duration)
            completed = await foreign.run(report.text)
        report.take_in()
    return _observation(options, report, foreign, completed, world)


class _Report:
    """What the plugin has written so far."""

    def __init__(self, file: Path, options: LocustOptions) -> None:
        self.file = file
        self.samples = Samples(probes=options.probes, seconds=options.duration)
        self.exceptions: dict[Message, int] = {}
        self.unfinished = False
        self.result: Mapping[str, Any] = {}
        self.started = False
        self._options = options
        self._offset = 0

    def text(self) -> str:
        self.take_in()
        if not self.started and self._options.join is not None:
            return f"waiting for workers: {self._options.join.command}"
        return self.samples.text

    def take_in(self) -> None:
        """Errors: ObservationError."""
        try:
            with self.file.open("rb") as stream:
                stream.seek(self._offset)
                new = stream.read()
        except FileNotFoundError:
            return
        whole, newline, _ = new.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        try:
            for line in whole.splitlines():
                self._take_in(json.loads(line))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ObservationError(fact(Code.REPORT_UNREADABLE, why=str(error))) from error

    def _take_in(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "result":
            self.result = message
            return
        self.started = True
        self.samples.add(message["probe"] % self._options.probes, message)
        self.exceptions = merge_causes(self.exceptions, causes_from_json(message["exceptions"]))
        self.unfinished = self.unfinished or message["unfinished"]


class _Commands:
    def __init__(self, options: LocustOptions, timeout: float, report: Path, world: World) -> None:
        self._options = options
        self._python = interpreter(options.python, options.locustfile, world.environment)
        self._timeout = timeout
        self._host = _host(options, world)
        self._root = world.root
        self._env = {
            **world.target.environment(),
            **options.env,
            "PHASEGATE_LOCUST": str(report),
            "PYTHONUNBUFFERED": "1",
        }
        if "PATH" not in options.env:
            around = world.environment.get("PATH", os.defpath)
            self._env["PATH"] = os.pathsep.join([str(Path(self._python).parent), around])
        self._address = options.join.address if options.join is not None else _LOOPBACK
        self._port = options.join.port if options.join is not None else _free_port()

    def main(self) -> Command:
        """The master, or the only process."""
        options = self._options
        argv = [
            *self._start(),
            *("--headless", "--only-summary", "--host", self._host),
            *("--users", str(options.users), "--spawn-rate", f"{options.spawn_rate or options.users:g}"),
            *("--run-time", f"{int(options.duration)}s", "--stop-timeout", f"{self._timeout:g}"),
        ]
        if options.distributed:
            wait = options.join.within if options.join is not None else _WAIT
            argv += ["--master", "--master-bind-host", self._address, "--master-bind-port", str(self._port)]
            argv += ["--expect-workers", str(options.probes), "--expect-workers-max-wait", f"{wait:.0f}"]
        return self._command(argv)

    def worker(self) -> Command:
        at = ["--master-host", self._address, "--master-port", str(self._port)]
        return self._command([*self._start(), "--worker", *at])

    def _start(self) -> list[str]:
        # Ours first: what the user's file adds to `events` is then called after it.
        files = f"{PLUGIN},{self._options.locustfile}"
        return [self._python, "-m", "locust", "-f", files, "--loglevel", "INFO"]

    def _command(self, argv: list[str]) -> Command:
        return Command(argv=(*argv, *self._options.args), cwd=self._root, env=self._env)


def _host(options: LocustOptions, world: World) -> str:
    host = world.target.url(options.host or "/")
    if not world.target.declares(host):
        raise ObservationError(fact(Code.NOT_ON_TARGET, url=host), help=fact(Code.ONLY_TO_TARGET))
    return host.rstrip("/")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((_LOOPBACK, 0))
        return int(one.getsockname()[1])


async def _drain(worker: Any) -> None:
    while await worker.read_line() is not None:
        pass


def _observation(
    options: LocustOptions, report: _Report, foreign: Foreign, completed: Completed, world: World
) -> Observation:
    error = _why_not_observed(report, completed, stopped=foreign.stopped is not None)
    cases = of_attempt(_cases(options, report), world)
    whole, parts = pass_rates(cases, report.samples.by_part())
    exceptions: dict[Message, int] = {
        fact(Code.EXCEPTION, why=cause): count for cause, count in report.exceptions.items()
    }
    return Observation(
        measures={
            **report.samples.measures(),
            "exceptions": Number(value=sum(report.exceptions.values()) if report.started else None),
            **whole,
        },
        parts=parts,
        cases=cases,
        evidence=foreign.evidence(completed),
        notes=tuple(_notes(options, foreign)),
        causes={**report.samples.causes(), **exceptions},
        timeline=report.samples.timeline(),
        error=error,
    )


def _cases(options: LocustOptions, report: _Report) -> Iterator[Case]:
    name = "every task ends without an exception"
    if thrown := sum(report.exceptions.values()):
        first = next(iter(report.exceptions))
        yield case("script", name, CaseStatus.FAILED, fact(Code.DID_NOT, count=thrown, why=first))
    elif report.started:
        yield case("script", name, CaseStatus.PASSED)
    else:
        yield case("script", name, CaseStatus.LOST, fact(Code.NO_USER))
    if report.unfinished:
        yield case("script", "every user ends in time", CaseStatus.LOST, fact(Code.USERS_CUT_SHORT))
    if report.result.get("set_by_script"):
        code = report.result["exit_code"]
        status = CaseStatus.FAILED if code else CaseStatus.PASSED
        yield case(
            "script", "exit code", status, fact(Code.EXIT_CODE_SET, exit_code=str(code)) if code else ""
        )
    silent = options.probes - report.result.get("final", 0)
    if report.result and silent > 0:
        message = fact(Code.WORKERS_SILENT, count=silent, total=options.probes)
        yield case("script", "every worker reports", CaseStatus.LOST, message)


def _notes(options: LocustOptions, foreign: Foreign) -> Iterator[Message]:
    if foreign.stopped is not None:
        yield fact(Code.STOPPED_EARLY, why=foreign.stopped)
    if options.join is not None:
        yield fact(Code.WORKERS_TO_JOIN, count=options.join.workers, command=options.join.command)


def _why_not_observed(report: _Report, completed: Completed, *, stopped: bool) -> Message | None:
    if completed.error:
        return completed.error
    if stopped or (report.started and report.result):
        return None
    said = _last_words(completed.stderr.decode(errors="replace"))
    return fact(Code.ENGINE_ENDED, name="Locust", ending=completed.ending, why=said)


def _last_words(log: str) -> Message:
    """Why Locust gave up: the last error in its log, or else its last line."""
    if "load_locustfile_pytest" in log or "No User class found" in log:
        return fact(Code.NO_USER_CLASS)
    lines = log.strip().splitlines()
    errors = [line for line in lines if _ERROR.search(line)]
    return (errors or lines or [""])[-1][:300]
