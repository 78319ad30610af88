"""Whether every request of a high rate arrives, by the server's own count: nginx on one core, a worker on the
other."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import dataclass

from phasegate.load.job import Job
from phasegate.load.pace.pacing import Profile
from tests.benchmarks.tools.builtin import work
from tests.benchmarks.tools.measure import CannotRunError, nginx, table

RATE = 40_000
SECONDS = 10.0
ROUNDS = 3
CONNECTIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    due: int
    arrived: int
    """As the server counted."""
    in_time: int
    """Answered well before the end of the load, as the engine counted."""
    dropped: int


def arrivals(url: str, rate: int = RATE, seconds: float = SECONDS) -> Arrived:
    """Drive the load at a server that counts. Errors: CannotRunError."""
    profile = Profile.ramped(float(rate), seconds)
    before = _counted(url)
    worked = work(Job(url=url, open=True, points=profile.points, connections=CONNECTIONS, timeout=2.0))
    # The second look is itself a request.
    arrived = _counted(url) - before - 1
    return Arrived(
        due=profile.total,
        arrived=arrived,
        in_time=worked.report.good_in_window,
        dropped=worked.tally.dropped,
    )


def benchmark() -> None:
    rows = [("round", "due", "arrived", "share", "answered in time", "dropped")]
    with nginx() as url:
        for number in range(ROUNDS):
            one = arrivals(url)
            rows.append(
                (
                    str(number + 1),
                    f"{one.due:,}",
                    f"{one.arrived:,}",
                    f"{one.arrived / one.due:.3%}",
                    f"{one.in_time / one.due:.3%}",
                    f"{one.dropped:,}",
                )
            )
    print(table(f"load, arrivals: {RATE:,}/s for {SECONDS:.0f} s, counted by nginx", rows))


def _counted(url: str) -> int:
    """How many requests nginx has taken so far, this one included: the third number of its third line.

    Errors: CannotRunError when it has no `stub_status`.
    """
    with urllib.request.urlopen(url.rpartition("/")[0] + "/counted", timeout=5) as answer:
        text = answer.read().decode()
    numbers = re.search(r"^\s*\d+\s+\d+\s+(\d+)\s*$", text, re.MULTILINE)
    if numbers is None:
        raise CannotRunError("this nginx does not count requests (module stub_status)")
    return int(numbers[1])


if __name__ == "__main__":
    benchmark()
