"""What every process of the demo shares: one listening socket, one server, an orderly end, small flags."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette

from phasegate.demo import VERSION
from phasegate.demo.sessions.schema import SchemaError

GRACE = 2
"""Seconds that open requests get to finish when a service is told to stop."""


def process(name: str, options: argparse.Namespace, make: Callable[[contextlib.ExitStack], Starlette]) -> int:
    """Serve what is made until SIGTERM or SIGINT, and answer with the exit code: 1 when it cannot start."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(_listen(options.host, options.port))
            app = make(stack)
        except (OSError, SchemaError, sqlite3.Error) as error:
            sys.stderr.write(f"{name}: cannot start: {error}\n")
            return 1
        _serve(name, app, listener)
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="phasegate-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(name: str, app: Starlette, listener: socket.socket) -> None:
    """Serve until told to stop; one line on standard output says when the service is ready."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        loop="auto",  # uvloop, where there is one
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        backlog=2048,
        timeout_graceful_shutdown=GRACE,
    )
    # After its own orderly end uvicorn raises the signal again, which `_leave` turns into SystemExit.
    with contextlib.suppress(SystemExit):
        _Server(name, config).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, name: str, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._name = name

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"{self._name} {VERSION} ready on http://{shown}:{port}\n")
            sys.stdout.flush()


def add_address(parser: argparse.ArgumentParser) -> None:
    """The flags `--host` and `--port`."""
    parser.add_argument("--port", type=_port, required=True, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")


def an_address(text: str) -> str:
    """A flag's type. Errors: argparse.ArgumentTypeError."""
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address like http://host:9000")
    return text.rstrip("/")


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text} is not a port; ports are 0 to 65535")
    return int(text)
