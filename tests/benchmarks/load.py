"""The load engine beside its peers, one core for the client and one for nginx."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks import rates
from tests.benchmarks.tools import machine, peers
from tests.benchmarks.tools.builtin import CONNECTIONS, builtin
from tests.benchmarks.tools.contest import Contender, side_by_side
from tests.benchmarks.tools.measure import SECONDS, CannotRunError, certificate, nginx

CLOSED = (
    Contender("builtin", builtin),
    Contender("wrk", peers.wrk, 0.9),
    Contender("ab -k", peers.ab),
    Contender("hey", peers.hey, 2.2),
    Contender("vegeta", peers.vegeta),
    Contender("autocannon", peers.autocannon),
    Contender("k6", peers.k6, 8),
    Contender("Locust FastHttpUser", peers.locust, 12),
)
FLOWS = (
    Contender("builtin", peers.builtin_flow),
    Contender("k6", peers.k6_flow, 3),
)


def benchmark() -> None:
    """Every table; one that cannot be run keeps no other from it.

    Errors: CannotRunError, at the end, naming how many.
    """
    print(machine.tools(), end="\n\n", flush=True)
    with nginx() as url:
        failed = sum(not _shown(partial(table, url)) for table in TABLES)
    failed += sum(not _shown(table) for table in OTHER_TABLES)
    if failed:
        raise CannotRunError(f"{failed} of {len(TABLES) + len(OTHER_TABLES)} tables, see above")


def _shown(table: Callable[[], str]) -> bool:
    try:
        print(table(), end="\n\n", flush=True)
    except CannotRunError as reason:
        print(f"Could not be run: {reason}.", end="\n\n", flush=True)
        return False
    return True


def closed_model(url: str) -> str:
    title = (
        f"load, closed model: requests/s over {CONNECTIONS} connections, {SECONDS} s a round\n"
        "(builtin checks each status and records each latency)"
    )
    return side_by_side(title, CLOSED, url)


def flows(url: str) -> str:
    title = (
        f"load, flows of three requests with JSON expectations: flows/s over {CONNECTIONS} connections\n"
        "(builtin is a whole `phasegate run` on the client's core)"
    )
    return side_by_side(title, FLOWS, url)


def over_tls() -> str:
    with tempfile.TemporaryDirectory() as folder, nginx(certificate(Path(folder))) as url:
        tls = {"ca": str(Path(folder) / "server.crt")}
        contenders = (
            Contender("builtin", lambda at: builtin(at, tls=tls)),
            Contender("wrk", peers.wrk, 0.7),
        )
        title = "load over TLS, closed model: requests/s (builtin verifies the certificate, wrk does not)"
        return side_by_side(title, contenders, url)


TABLES: tuple[Callable[[str], str], ...] = (
    closed_model,
    flows,
    rates.highest_held,
    rates.builtin_at_rates,
    rates.k6_at_rates,
)
"""Each takes the URL of nginx as it stands and gives a text to print. Errors: CannotRunError."""
OTHER_TABLES: tuple[Callable[[], str], ...] = (over_tls,)
"""The same, but each starts the server that it needs."""
