"""Counts, inside Locust, every request into histograms, and hands them to phasegate once a second.

Given to Locust as a locustfile before the user's own, so that the master sends it to workers on other
machines too. It therefore imports nothing but Locust, whose `time.sleep` lets the users go on. Workers report
to the master, which writes one JSON line for each report into the file that PHASEGATE_LOCUST names.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from pathlib import Path
from typing import Any

import locust
from locust.runners import MasterRunner, WorkerRunner

EVENTS: Any = locust.events
MESSAGE = "phasegate"
PARTS = 200
REST = "other requests"
CAUSES = 50
OTHER = {"code": "other_failures"}
"""As phasegate encodes what it says; what else causes are is the text of exceptions."""
LATE = 5.0
"""Seconds the master waits for the last report of each worker."""
_ADDRESS = re.compile(r"0x[0-9a-f]+")


def _bucket(nanoseconds: int) -> int:
    """As `phasegate.model.histogram.bucket_of`."""
    shift = nanoseconds.bit_length() - 8
    return (shift << 7) + (nanoseconds >> shift) if shift > 0 else nanoseconds


class Part:
    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.minimum = self.maximum = -1
        self.total = 0
        self.causes: dict[str | None, int] = {}
        """By text; None for those beyond so many different ones."""

    def add(self, nanoseconds: int) -> None:
        bucket = _bucket(nanoseconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total += nanoseconds
        self.maximum = max(self.maximum, nanoseconds)
        self.minimum = nanoseconds if self.minimum < 0 else min(self.minimum, nanoseconds)

    def to_json(self) -> dict[str, Any]:
        flat = [number for pair in self.counts.items() for number in pair]
        latency = [max(self.minimum, 0), max(self.maximum, 0), self.total, flat]
        return {"latency": latency, "service": None, "causes": _pairs(self.causes)}


class Probe:
    """What one process of Locust saw since its last report."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.names: set[str] = set()
        self.parts: dict[str, Part] = {}
        self.exceptions: dict[str | None, int] = {}
        self.first: float | None = None
        self.last: float | None = None
        self.episodes = 0
        self.failing = False
        self.unfinished = False
        self.final = False

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        exception: BaseException | str | None = None,
        **_: Any,
    ) -> None:
        took = max(float(response_time or 0.0), 0.0) / 1000
        now = time.perf_counter() - self.began
        self.first = now - took if self.first is None else min(self.first, now - took)
        self.last = now
        part = self._part(f"{request_type} {name}".strip())
        if exception is None:
            self.failing = False
            part.add(round(took * 1e9))
            return
        self.episodes += not self.failing
        self.failing = True
        _count(part.causes, _said(exception))

    def on_user_error(self, exception: BaseException, **_: Any) -> None:
        _count(self.exceptions, _said(exception))

    def _part(self, name: str) -> Part:
        if name not in self.names:
            if len(self.names) < PARTS:
                self.names.add(name)
            else:
                name = REST
        return self.parts.setdefault(name, Part())

    def take(self) -> dict[str, Any]:
        parts, self.parts = self.parts, {}
        exceptions, self.exceptions = self.exceptions, {}
        episodes, self.episodes = self.episodes, 0
        return {
            "type": "samples",
            "at": time.perf_counter() - self.began,
            "parts": {name: part.to_json() for name, part in parts.items()},
            "exceptions": _pairs(exceptions),
            "episodes": episodes,
            "first": self.first,
            "last": self.last,
            "unfinished": self.unfinished,
            "final": self.final,
        }


class Unfinished(logging.Handler):
    """Locust says only in its log that users had to be killed."""

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self.probe = probe

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Not all users finished"):
            self.probe.unfinished = True


def _count(causes: dict[str | None, int], cause: str) -> None:
    kept = cause if cause in causes or len(causes) < CAUSES else None
    causes[kept] = causes.get(kept, 0) + 1


def _pairs(causes: dict[str | None, int]) -> list[Any]:
    return [[OTHER if cause is None else cause, count] for cause, count in causes.items()]


def _said(exception: BaseException | str) -> str:
    """One line, without addresses in memory, which would make each failure a cause of its own."""
    text = " ".join(_ADDRESS.sub("0x...", str(exception)).split())
    kind = "" if isinstance(exception, str) else type(exception).__name__
    return f"{kind}: {text}"[:200] if text and kind else (text or kind)[:200]


def _observe(runner: Any) -> None:
    """In a process with users: count, and report once a second."""
    probe = Probe()
    EVENTS.request.add_listener(probe.on_request)
    EVENTS.user_error.add_listener(probe.on_user_error)
    logging.getLogger("locust.runners").addHandler(Unfinished(probe))

    def report() -> None:
        runner.send_message(MESSAGE, probe.take())

    def ticking() -> None:
        while not probe.final:
            time.sleep(1.0 - (time.perf_counter() - probe.began) % 1.0)
            if not probe.final:
                report()

    def on_start(**_: Any) -> None:
        probe.began = time.perf_counter()
        runner.greenlet.spawn(ticking)

    def on_stop(**_: Any) -> None:
        if not probe.final:
            probe.final = True
            report()

    EVENTS.test_start.add_listener(on_start)
    EVENTS.test_stop.add_listener(on_stop)


class Collector:
    """In the process that phasegate reads from: the master, or the only one."""

    def __init__(self, environment: Any, runner: Any, path: str) -> None:
        self.environment = environment
        self.file = Path(path)
        self.probes: dict[str, int] = {}
        self.final: set[int] = set()
        runner.register_message(MESSAGE, self.on_message)
        EVENTS.quit.add_listener(self.on_quit)

    def on_message(self, msg: Any, **_: Any) -> None:
        probe = self.probes.setdefault(msg.node_id, len(self.probes))
        if msg.data["final"]:
            self.final.add(probe)
        self.write({**msg.data, "probe": probe})

    def on_quit(self, exit_code: int, **_: Any) -> None:
        self.write(
            {
                "type": "result",
                "exit_code": exit_code,
                "set_by_script": self.environment.process_exit_code is not None,
                "probes": len(self.probes),
                "final": len(self.final),
            }
        )

    def write(self, message: dict[str, Any]) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(message) + "\n")

    def wait(self) -> None:
        """For the last reports of the workers: Locust itself waits half a second."""
        until = time.perf_counter() + LATE
        while len(self.final) < len(self.probes) and time.perf_counter() < until:
            time.sleep(0.05)


def _wait_before_quitting(runner: Any, collector: Collector) -> None:
    """Users are stopped, and what they saw is awaited, before the workers are sent away."""
    quit = runner.quit

    def stop_wait_quit() -> None:
        runner.stop()
        collector.wait()
        quit()

    runner.quit = stop_wait_quit


def on_init(environment: Any, runner: Any, **_: Any) -> None:
    # Timers count from when the loop last looked at its clock, and Locust has been starting since: without
    # this, users would run for a second less than they are asked to.
    time.sleep(0.001)
    if not isinstance(runner, WorkerRunner):
        collector = Collector(environment, runner, os.environ["PHASEGATE_LOCUST"])
        if isinstance(runner, MasterRunner):
            _wait_before_quitting(runner, collector)
    if not isinstance(runner, MasterRunner):
        _observe(runner)


EVENTS.init.add_listener(on_init)
