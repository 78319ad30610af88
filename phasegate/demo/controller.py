"""The service as a process: `python -m phasegate.demo.controller --port 8080`."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import uvicorn

from phasegate.demo import VERSION
from phasegate.demo.api import FAULTS, Service, build
from phasegate.demo.runtimes import Runtimes
from phasegate.demo.sessions.database import Database
from phasegate.demo.sessions.schema import SchemaError
from phasegate.demo.validation import MAX_TTL, SHORTEST

GRACE = 2
"""Seconds that open requests get to finish when the service is told to stop."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after an orderly end, 1 when it cannot start, 2 for wrong usage."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(_listen(options.host, options.port))
            folder = stack.enter_context(_scratch_folder())
            database = Database(options.database or folder / "controller.sqlite3")
        except (OSError, SchemaError, sqlite3.Error) as error:
            sys.stderr.write(f"controller: cannot start: {error}\n")
            return 1
        stack.callback(database.close)
        service = Service(
            database=database,
            runtimes=Runtimes(folder),
            fault=options.fault,
            session_ttl=options.session_ttl,
            script_limit=options.script_timeout,
        )
        _serve(service, listener)
    return 0


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"controller {VERSION} ready on http://{shown}:{port}\n")
            sys.stdout.flush()


def _serve(service: Service, listener: socket.socket) -> None:
    config = uvicorn.Config(
        build(service),
        lifespan="off",
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        backlog=2048,
        timeout_graceful_shutdown=GRACE,
    )
    # After its own orderly end uvicorn raises the signal again, which `_leave` turns into SystemExit.
    with contextlib.suppress(SystemExit):
        _Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="phasegate-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m phasegate.demo.controller",
        description="A small service that runs Node.js, Python and Rust functions.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=_port, required=True, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--fault",
        choices=FAULTS,
        default="",
        help="an incident to have; app-data: initialize and functions answer 500 while /health stays green",
    )
    parser.add_argument("--database", type=Path, help="SQLite file; default: one that is removed at the end")
    parser.add_argument(
        "--session-ttl", type=_seconds, default=3600.0, metavar="SECONDS", help="default 3600"
    )
    parser.add_argument(
        "--script-timeout", type=_seconds, default=10.0, metavar="SECONDS", help="default 10, also the most"
    )
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text} is not a port; ports are 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not SHORTEST <= number <= MAX_TTL:
        raise argparse.ArgumentTypeError(
            f"{text} is not a number of seconds from {SHORTEST:g} to {MAX_TTL:g}"
        )
    return number


if __name__ == "__main__":
    sys.exit(main())
