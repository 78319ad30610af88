"""What every process of the demo shares: one listening socket, one server, an orderly end, small flags."""

from __future__ import annotations

import argparse
import contextlib
import logging
import shutil
import signal
import socket
import sqlite3
import ssl
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import LOGGING_CONFIG

from phasegate.demo import VERSION
from phasegate.demo.faults import FAULTS, LOST_LOGS, OF_SERVICE, OLD_TLS
from phasegate.demo.log import Logged, log_to
from phasegate.demo.sessions.schema import SchemaError

CERTIFICATE = "certificate.pem"
GRACE = 2
"""Seconds that open requests get to finish when a service is told to stop."""


SECURE_HEADERS = [
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
]
_HSTS = ("strict-transport-security", "max-age=31536000; includeSubDomains")


def process(
    name: str,
    options: argparse.Namespace,
    make: Callable[[contextlib.ExitStack], Starlette],
    *,
    state: Path | None = None,
    tls: bool = False,
) -> int:
    """Serve what is made until SIGTERM or SIGINT, and answer with the exit code: 1 when it cannot start.

    `state` is where a log and a certificate go; without it the log goes to standard output.
    """
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    with contextlib.ExitStack() as stack:
        try:
            if options.log:
                path = state / f"{name}.log" if state else None
                log_to(path, name, logging.WARNING if options.fault == LOST_LOGS else logging.INFO)
            # Before it listens, so that whoever reaches it finds its certificate.
            certificate = _certificate(state) if tls and state else None
            listener = stack.enter_context(_listen(options.host, options.port))
            app = make(stack)
        except (OSError, SchemaError, sqlite3.Error) as error:
            sys.stderr.write(f"{name}: cannot start: {error}\n")
            return 1
        _serve(name, app, listener, options, certificate)
    return 0


def _certificate(state: Path) -> Path:
    from phasegate.demo.certificate import write_certificate  # what it needs is slow to import

    path = state / CERTIFICATE
    write_certificate(path)
    return path


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


def _serve(
    name: str,
    app: Starlette,
    listener: socket.socket,
    options: argparse.Namespace,
    certificate: Path | None,
) -> None:
    """Serve until told to stop; one line on standard output says when the service is ready."""
    config = uvicorn.Config(
        Logged(app) if options.log else app,
        lifespan="off",
        loop="auto",  # uvloop, where there is one
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        headers=[*SECURE_HEADERS, *([_HSTS] if certificate else [])],
        server_header=False,
        ssl_certfile=certificate,
        backlog=2048,
        timeout_graceful_shutdown=GRACE,
        log_config=None if options.log else LOGGING_CONFIG,
    )
    config.load()
    if config.ssl is not None:
        _set_versions(config.ssl, old=options.fault == OLD_TLS)
    # After its own orderly end uvicorn raises the signal again, which `_leave` turns into SystemExit.
    with contextlib.suppress(SystemExit):
        _Server(name, config).run(sockets=[listener])


def _set_versions(context: ssl.SSLContext, *, old: bool) -> None:
    """TLS 1.2 and later; `old` takes what has been forbidden since RFC 8996."""
    if not old:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")


class _Server(uvicorn.Server):
    def __init__(self, name: str, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._name = name

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            scheme = "https" if self.config.is_ssl else "http"
            sys.stdout.write(f"{self._name} {VERSION} ready on {scheme}://{shown}:{port}\n")
            sys.stdout.flush()


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of every service: `--host`, `--port`, `--log` and `--fault`."""
    parser.add_argument("--port", type=_port, required=True, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--log", action="store_true", help="write a line of JSON for each request but those of probes"
    )
    of_service = "; ".join(f"{name}: {what}" for name, what in OF_SERVICE.items())
    parser.add_argument(
        "--fault",
        choices=FAULTS,
        default="",
        help=f"a mistake to have. {of_service}. The others are mistakes in files, and change no service",
    )


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
