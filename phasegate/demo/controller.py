"""The service as a process: `python -m phasegate.demo.controller --port 8080`.

Alone it runs scripts and keeps sessions itself; in a stack it asks `phasegate.demo.runtime` and
`phasegate.demo.sessions.server` to.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from phasegate.demo.api import Service, build
from phasegate.demo.runtimes import LANGUAGES, Runtimes
from phasegate.demo.serving import add_flags, an_address, process, scratch_folder
from phasegate.demo.sessions.database import Database
from phasegate.demo.validation import MAX_TTL, SHORTEST

if TYPE_CHECKING:
    from phasegate.demo.remote import RemoteDatabase, RemoteRuntimes

DATABASE = "controller.sqlite3"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after an orderly end, 1 when it cannot start, 2 for wrong usage."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.tls and options.state is None:
        parser.error("--tls needs --state, where its certificate goes")

    def make(stack: contextlib.ExitStack) -> Starlette:
        folder = stack.enter_context(scratch_folder())
        database = _database(options, folder)
        stack.callback(database.close)
        service = Service(
            database=database,
            runtimes=_runtimes(options, folder),
            fault=options.fault,
            session_ttl=options.session_ttl,
            script_limit=options.script_timeout,
        )
        return build(service)

    try:
        _make_anew(options.state)
    except OSError as error:
        sys.stderr.write(f"controller: cannot start: {error}\n")
        return 1
    return process("controller", options, make, state=options.state, tls=options.tls)


def _make_anew(state: Path | None) -> None:
    """Have the folder, without the database of an earlier start."""
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            (state / f"{DATABASE}{suffix}").unlink(missing_ok=True)


def _database(options: argparse.Namespace, folder: Path) -> Database | RemoteDatabase:
    if not options.store:
        return Database(options.database or (options.state or folder) / DATABASE, options.fault)
    from phasegate.demo.remote import RemoteDatabase

    return RemoteDatabase(options.store)


def _runtimes(options: argparse.Namespace, folder: Path) -> Runtimes | RemoteRuntimes:
    if not options.runtime:
        return Runtimes(folder)
    from phasegate.demo.remote import RemoteRuntimes  # the HTTP client takes longer to import than all else

    return RemoteRuntimes(dict(options.runtime))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m phasegate.demo.controller",
        description="A small service that runs Node.js, Python and Rust functions.",
        allow_abbrev=False,
    )
    add_flags(parser)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--database", type=Path, help="SQLite file; default: one that is removed at the end")
    kept.add_argument(
        "--store", type=an_address, metavar="URL", help="a phasegate.demo.sessions.server to keep sessions in"
    )
    kept.add_argument(
        "--state", type=Path, metavar="DIR", help="a folder for its database, log and certificate, made anew"
    )
    parser.add_argument("--tls", action="store_true", help="speak HTTPS, with a certificate made at start")
    parser.add_argument(
        "--runtime",
        type=_runtime,
        action="append",
        metavar="LANGUAGE=URL",
        help="a phasegate.demo.runtime that runs scripts of a language; with one, the others are missing",
    )
    parser.add_argument(
        "--session-ttl", type=_seconds, default=3600.0, metavar="SECONDS", help="default 3600"
    )
    parser.add_argument(
        "--script-timeout", type=_seconds, default=10.0, metavar="SECONDS", help="default 10, also the most"
    )
    return parser


def _runtime(text: str) -> tuple[str, str]:
    language, _, url = text.partition("=")
    if language not in LANGUAGES:
        raise argparse.ArgumentTypeError(f"{text}: expected one of {', '.join(LANGUAGES)}, = and a URL")
    return language, an_address(url)


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
