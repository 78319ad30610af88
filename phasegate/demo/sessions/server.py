"""The store as a process: `python -m phasegate.demo.sessions.server --port 9000 --database FILE`.

SQLite in a file, one writer, asked over HTTP: `POST /<method>` with a JSON list of its arguments.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from phasegate.demo.answers import handlers
from phasegate.demo.failures import broken, invalid, missing
from phasegate.demo.serving import add_flags, process
from phasegate.demo.sessions.calls import CALLS
from phasegate.demo.sessions.database import Database
from phasegate.demo.sessions.store import Store


def build(database: Database) -> Starlette:
    async def health(_: Request) -> JSONResponse:
        # A query, so that a file that is gone or locked is seen.
        try:
            _page, functions = await database.call(Store.functions, None, 1, 1)
        except sqlite3.Error as error:
            raise broken("database_broken", str(error)) from None
        return JSONResponse({"status": "ok", "functions": functions})

    async def call(request: Request) -> Response:
        found = CALLS.get(request.path_params["method"])
        if found is None:
            raise missing("not_found", f"known methods: {', '.join(CALLS)}")
        try:
            arguments = found.arguments.validate_json(await request.body())
        except ValidationError as error:
            raise invalid(f"the arguments do not fit: {error.errors()[0]['msg']}") from None
        try:
            answer = await database.call(found.method, *arguments)
        except sqlite3.Error as error:
            raise broken("database_broken", str(error)) from None
        return Response(found.result.dump_json(answer), media_type="application/json")

    return Starlette(
        routes=[Route("/health", health), Route("/{method}", call, methods=["POST"])],
        exception_handlers=handlers(),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after an orderly end, 1 when it cannot start, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m phasegate.demo.sessions.server", description=__doc__, allow_abbrev=False
    )
    add_flags(parser)
    parser.add_argument("--database", type=Path, required=True, help="SQLite file, made when it is not there")
    options = parser.parse_args(argv)

    def make(stack: contextlib.ExitStack) -> Starlette:
        database = Database(options.database, options.fault)
        stack.callback(database.close)
        return build(database)

    return process("database", options, make)


if __name__ == "__main__":
    sys.exit(main())
