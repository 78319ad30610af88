"""What it costs to keep secrets out of an output of 10 MB, beside an output of a run without secrets."""

from __future__ import annotations

import time
from random import Random

from phasegate.record.redaction import Redactor
from tests.benchmarks.tools.measure import ROUNDS, table

_SIZE = 10_000_000
_CHUNK = 64 << 10
_SECRETS = (
    "Zk9tQ4vXr2LmP8sWbN6yH3cD0",
    "Zk9tQ4vXr2LmP8sWbN6yH3cD1",
    "correct-horse-battery",
    "p4ssw0rd!",
    "postgres://user:secretpw@host/db",
)
_WORDS = [
    "the",
    "request",
    "GET",
    "/api/v1/users/42/orders?page=3&size=20",
    "from",
    "10.0.0.7",
    "took",
    "12ms",
    "status=200",
    "level=INFO",
    "done",
    "session",
    "handler",
    "com.example.service.OrderController",
    "worker-3",
]
_JSON = (
    '{"level":"info","msg":"handled \\"GET /x\\"\\n","path":"C:\\\\temp","url":"/a%20b?x=1&amp;y",'
    '"id":"5f2c9d7e-1111-4222-8333-944455556666"}\n'
)


def benchmark() -> None:
    rows = [("output of 10 MB", "no secret", "5 secrets", "times")]
    for name, data in _outputs().items():
        without, with_secrets = [], []
        for _ in range(ROUNDS):
            without.append(_seconds(Redactor(), data))
            with_secrets.append(_seconds(Redactor(_SECRETS), data))
        one, other = (sorted(times)[ROUNDS // 2] for times in (without, with_secrets))
        rows.append((name, f"{one:.2f} s", f"{other:.2f} s", f"{other / one:.1f}"))
    print(table("redaction: processor time, goal: at most 2 times", rows))


def _outputs() -> dict[str, bytes]:
    random = Random(1)
    log = "".join(
        f"2026-01-02T03:04:{number % 60:02d}.{number % 1000:03d}Z {' '.join(random.choices(_WORDS, k=12))}\n"
        for number in range(20_000)
    )
    prose = "".join(f"line {number} of the output says that all is well\n" for number in range(20_000))
    return {
        name: (text.encode() * (_SIZE // len(text) + 1))[:_SIZE]
        for name, text in (("words", prose), ("a log", log), ("JSON with escapes", _JSON))
    }


def _seconds(redactor: Redactor, data: bytes) -> float:
    begun = time.process_time()
    stream = redactor.stream()
    for at in range(0, len(data), _CHUNK):
        stream.feed(data[at : at + _CHUNK])
    stream.flush()
    return time.process_time() - begun
