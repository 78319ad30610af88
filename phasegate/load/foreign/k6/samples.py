"""The process behind k6: reads its samples as CSV from a pipe, and says once a second what they come to.

    python -m phasegate.load.foreign.k6.samples PIPE '{"checkout_time": "trend"}'

k6 writes nine lines for a request. Those of one request follow each other, and all but the first two columns
repeat from request to request, so that each different rest of a line is taken apart only once.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any
from urllib.parse import urlsplit

from phasegate.base.errors import MessageError, message_of
from phasegate.base.facts import Code, Message, encode, fact
from phasegate.load.counting.tally import CAUSES, OTHER, causes_to_json, histogram_to_json
from phasegate.model.blocks import Filling

PARTS = 200
"""How many different requests are kept apart; scripts may make up a name for each."""
REST = "other requests"
HOSTS = 50
_CHUNK = 1 << 20
_SECOND = 1_000_000_000
_BEHIND = 3
"""Seconds that a bin stays open: virtual users hand in their samples out of order."""
_OUT_OF_ORDER = 10 * _SECOND
"""Nanoseconds by which a sample may be older than another that was handed in before."""
_KNOWN = 8_192
"""Different rests of lines that are remembered."""
_COLUMNS = ("error", "expected_response", "method", "name", "status", "url")


class _Part:
    """The requests of one name in one second."""

    __slots__ = ("causes", "latency", "service")

    def __init__(self) -> None:
        self.latency = Filling()
        self.service = Filling()
        self.causes: dict[Message, int] = {}

    def to_json(self) -> dict[str, Any]:
        return {
            "latency": histogram_to_json(self.latency.histogram()),
            "service": histogram_to_json(self.service.histogram()),
            "causes": causes_to_json(self.causes),
        }


class Reducer:
    """Samples in, one line of figures for each second out."""

    def __init__(
        self,
        write: Callable[[dict[str, Any]], None],
        metrics: dict[str, str],
        clock: Callable[[], int] = perf_counter_ns,
    ) -> None:
        """`clock` never jumps, as that does by which k6 dates its samples; made before k6 starts."""
        self._write = write
        self._columns: dict[str, int] = {}
        self._names: set[str] = set()
        self._requests: dict[bytes, tuple[str, Message]] = {}
        self._start: int | None = None
        self._open: dict[int, dict[str, _Part]] = {}
        self._dropped: dict[int, int] = {}
        self._emitted = -1
        self._newest = 0
        self._pending: tuple[int, int, tuple[str, Message]] | None = None
        self._failing = False
        self._episodes = 0
        self._clock = clock
        self._opened = clock()
        self._shift = 0
        self._latest: int | None = None
        self._first: int | None = None
        self._last: int | None = None
        self._metrics = {name: _METRICS[kind]() for name, kind in metrics.items()}
        self.iterations = 0
        self.checks = [0, 0]
        self.seen: set[bytes] = set()
        self.hosts: set[str] = set()
        self._rest = b""
        self._handlers: dict[bytes, Callable[[bytes], None]] = {
            b"metric_name": self._header,
            b"http_req_duration": self._duration,
            b"http_req_blocked": self._settle_before,
            b"dropped_iterations": self._drop,
            b"iterations": self._iteration,
            b"checks": self._check,
            **{name.encode(): metric.add for name, metric in self._metrics.items()},
        }

    def feed(self, chunk: bytes) -> None:
        """Errors: ValueError when a line is not what k6 writes."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        handlers, seen = self._handlers, self.seen
        for line in lines:
            name, _, rest = line.partition(b",")
            handler = handlers.get(name)
            if handler is not None:
                handler(rest)
            if name not in seen:
                seen.add(name)
        self._emit(self._newest - _BEHIND)

    def finish(self) -> None:
        self._settle(0)
        self._emit(max([self._newest, *self._open, *self._dropped], default=0))
        self._write(
            {
                "type": "result",
                "iterations": self.iterations,
                "checks": self.checks,
                "metrics": {name: metric.to_json() for name, metric in self._metrics.items()},
                "seen": sorted(name.decode(errors="replace") for name in self.seen - {b"metric_name"}),
                "hosts": sorted(self.hosts),
            }
        )

    def _header(self, rest: bytes) -> None:
        names = rest.decode().rstrip("\r").split(",")
        self._columns = {name: index - 2 for index, name in enumerate(names)}
        missing = [name for name in _COLUMNS if name not in self._columns]
        if missing:
            raise MessageError(fact(Code.TAGS_LEFT_OUT, names=tuple(missing)))
        # Counted from the columns after the time and the value.
        self._columns = {name: index for name, index in self._columns.items() if index >= 0}

    def _duration(self, rest: bytes) -> None:
        if self._pending is not None:
            self._settle(0)
        stamp, value, tail = rest.split(b",", 2)
        request = self._requests.get(tail)
        if request is None:
            request = self._take_apart(tail)
        self._pending = int(stamp), round(float(value) * 1e6), request

    def _settle_before(self, rest: bytes) -> None:
        if self._pending is not None:
            self._settle(round(float(rest.split(b",", 2)[1]) * 1e6))

    def _settle(self, blocked: int) -> None:
        """Count the request whose duration came last, now that it is known how long it was held up before."""
        if self._pending is None:
            return
        (stamp, took, (name, cause)), self._pending = self._pending, None
        if self._start is None:
            self._start = stamp - took - blocked
        end = self._in_order(stamp)
        begun = end - took - blocked
        self._first = begun if self._first is None else min(begun, self._first)
        self._last = end if self._last is None else max(end, self._last)
        part = self._part(self._bin(end), name)
        if cause:
            kept = cause if cause in part.causes or len(part.causes) < CAUSES else OTHER
            part.causes[kept] = part.causes.get(kept, 0) + 1
            self._episodes += not self._failing
            self._failing = True
        else:
            part.service.add(took)
            part.latency.add(took + blocked)
            self._failing = False

    def _in_order(self, stamp: int) -> int:
        """The moment of a sample; where the calendar clock was set, it counts on from the newest before.

        No sample can be further from the first than the time since k6 was waited for.
        """
        if self._start is None:
            self._start = stamp
        moment, latest = stamp + self._shift, self._start + self._clock() - self._opened
        newest = self._start if self._latest is None else self._latest
        if moment > latest or moment < newest - _OUT_OF_ORDER:
            moment, self._shift = newest, newest - stamp
        self._latest = max(moment, newest)
        return moment

    def _bin(self, moment: int) -> int:
        assert self._start is not None
        index = max((moment - self._start) // _SECOND, self._emitted + 1)
        self._newest = max(index, self._newest)
        return index

    def _part(self, index: int, name: str) -> _Part:
        if name not in self._names:
            if len(self._names) < PARTS:
                self._names.add(name)
            else:
                name = REST
        parts = self._open.setdefault(index, {})
        found = parts.get(name)
        if found is None:
            found = parts[name] = _Part()
        return found

    def _take_apart(self, tail: bytes) -> tuple[str, Message]:
        """The part a request belongs to, and why it failed; empty when it went well."""
        text = tail.decode("utf-8", "replace")
        cells = next(csv.reader([text])) if '"' in text else text.split(",")
        at = self._columns
        method, name, url = cells[at["method"]], cells[at["name"]], cells[at["url"]]
        split = urlsplit(url)
        if split.netloc and len(self.hosts) < HOSTS:
            self.hosts.add(f"{split.scheme}://{split.netloc}")
        if name == url and split.netloc:
            name = split.path or "/"
        expected, error, status = cells[at["expected_response"]], cells[at["error"]], cells[at["status"]]
        # Without an expectation (`setResponseCallback(null)`) only the lack of an answer is a failure.
        good = expected == "true" or (not expected and not error and status not in ("", "0"))
        cause: Message = "" if good else error or fact(Code.HTTP_STATUS, status=status)
        if len(self._requests) >= _KNOWN:
            self._requests.clear()
        self._requests[tail] = request = (f"{method} {name}".strip(), cause)
        return request

    def _drop(self, rest: bytes) -> None:
        stamp, value, _ = rest.split(b",", 2)
        index = self._bin(self._in_order(int(stamp)))
        self._dropped[index] = self._dropped.get(index, 0) + round(float(value))

    def _iteration(self, rest: bytes) -> None:
        self.iterations += round(float(rest.split(b",", 2)[1]))

    def _check(self, rest: bytes) -> None:
        self.checks[float(rest.split(b",", 2)[1]) == 0] += 1

    def _emit(self, until: int) -> None:
        """Say what came in, second by second, up to a bin."""
        for index in sorted({*self._open, *self._dropped}):
            if index > until:
                break
            parts = self._open.pop(index, {})
            dropped = self._dropped.pop(index, 0)
            self._emitted = max(index, self._emitted)
            self._write(
                {
                    "type": "samples",
                    "at": float(index + 1),
                    "parts": {name: part.to_json() for name, part in parts.items()},
                    "dropped": dropped,
                    "episodes": self._episodes,
                    "first": self._since(self._first),
                    "last": self._since(self._last),
                }
            )
            self._episodes = 0

    def _since(self, moment: int | None) -> float | None:
        return None if moment is None or self._start is None else (moment - self._start) / _SECOND


class _Trend:
    """Durations; k6 keeps them in milliseconds."""

    def __init__(self) -> None:
        self._meter = Filling()
        self._negative = 0

    def add(self, rest: bytes) -> None:
        value = round(float(rest.split(b",", 2)[1]) * 1e6)
        if value < 0:
            self._negative += 1
        else:
            self._meter.add(value)

    def to_json(self) -> dict[str, Any]:
        return {"histogram": histogram_to_json(self._meter.histogram()), "negative": self._negative}


class _Values:
    """Everything else: how many, how many of them not 0, their sum, the last."""

    def __init__(self) -> None:
        self._n = self._true = 0
        self._sum = 0.0
        self._last: float | None = None

    def add(self, rest: bytes) -> None:
        value = float(rest.split(b",", 2)[1])
        self._n += 1
        self._true += value != 0
        self._sum += value
        self._last = value

    def to_json(self) -> dict[str, Any]:
        return {"n": self._n, "true": self._true, "sum": self._sum, "last": self._last}


_METRICS: dict[str, Callable[[], _Trend | _Values]] = {
    "trend": _Trend,
    "rate": _Values,
    "counter": _Values,
    "gauge": _Values,
}


def _chunks(pipe: str) -> Iterator[bytes]:
    descriptor = os.open(pipe, os.O_RDONLY)
    _write({"type": "opened"})
    try:
        while chunk := os.read(descriptor, _CHUNK):
            yield chunk
    finally:
        os.close(descriptor)


def _write(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(pipe: str, metrics: str) -> None:
    reducer = Reducer(_write, json.loads(metrics))
    try:
        for chunk in _chunks(pipe):
            reducer.feed(chunk)
    except ValueError as error:
        why = fact(Code.SAMPLES_UNREADABLE, why=message_of(error))
        _write({"type": "error", "message": encode(why)})
        return
    reducer.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
