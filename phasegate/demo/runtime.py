"""One language's runtime as a process: `python -m phasegate.demo.runtime --language rust --port 9000`.

`POST /run` takes a job and answers its outcome; `GET /health` asks the language's program for its version.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from phasegate.demo.answers import handlers
from phasegate.demo.failures import ApiError, invalid
from phasegate.demo.runtimes import LANGUAGES, Job, Runtimes, program
from phasegate.demo.serving import add_flags, process, scratch_folder

VERSION_LIMIT = 5.0
ASKED_AGAIN = 1.0
"""Seconds for which a version that was told is told again: a probe must not use up what scripts run on."""


def build(language: str, runtimes: Runtimes) -> Starlette:
    asking = asyncio.Lock()
    told, at = "", -ASKED_AGAIN

    async def health(_: Request) -> JSONResponse:
        nonlocal told, at
        async with asking:
            if time.monotonic() - at > ASKED_AGAIN:
                told, at = await _version(language), time.monotonic()
        return JSONResponse({"status": "ok", "language": language, "version": told})

    async def run(request: Request) -> JSONResponse:
        job = _job(language, await request.body())
        outcome = await runtimes.run(job)
        return JSONResponse({"result": outcome.result, "seconds": outcome.seconds})

    return Starlette(
        routes=[Route("/health", health), Route("/run", run, methods=["POST"])],
        exception_handlers=handlers(),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after an orderly end, 1 when it cannot start, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m phasegate.demo.runtime", description=__doc__, allow_abbrev=False
    )
    add_flags(parser)
    parser.add_argument("--language", choices=LANGUAGES, required=True)
    options = parser.parse_args(argv)

    def make(stack: contextlib.ExitStack) -> Starlette:
        return build(options.language, Runtimes(stack.enter_context(scratch_folder())))

    return process(options.language, options, make)


def _job(language: str, body: bytes) -> Job:
    try:
        job = Job(**json.loads(body))
    except (ValueError, TypeError) as error:
        raise invalid(f"the body is not a job: {error}") from None
    if job.language != language:
        raise invalid(f"this runtime runs {language}, not {job.language}")
    return job


async def _version(language: str) -> str:
    """Errors: ApiError 500 when the program is missing, 503 when it does not even tell its version."""
    path = program(language)
    process = await asyncio.create_subprocess_exec(
        path, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(VERSION_LIMIT):
            told, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise ApiError(503, "runtime_stuck", f"{path} --version took {VERSION_LIMIT:g} s") from None
    if process.returncode:
        raise ApiError(503, "runtime_broken", f"{path} --version ended with {process.returncode}")
    return told.decode("utf-8", "replace").strip()[:200]


if __name__ == "__main__":
    sys.exit(main())
