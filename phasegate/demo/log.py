"""What the services of the demo say of themselves: a line of JSON for each request and each trouble."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phasegate.demo.failures import OF_SCRIPTS

UNLOGGED = ("/health", "/test", "/metrics")
"""What probes ask all the time."""
REASON = "phasegate.demo.reason"
"""Where an answer that is an error leaves its code, in the scope of its request."""
_HEADER = b"x-request-id"
_LONGEST = 200
"""Bytes of an id that somebody sends along."""
_requests = logging.getLogger("phasegate.demo.requests")


def log_to(path: Path | None, service: str, least: int) -> None:
    """Have everything that is logged written as JSON to a file, or to standard output."""
    handler = logging.FileHandler(path, "w", "utf-8") if path else logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Lines(service))
    logging.basicConfig(handlers=[handler], level=least, force=True)


class _Lines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "message": record.getMessage(),
            **getattr(record, "request", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class Logged:
    """Logs each request but those of probes, and gives each answer the id by which its line is found."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLOGGED:
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()
        sent = next((value for name, value in scope["headers"] if name == _HEADER), b"")[:_LONGEST]
        id = sent or uuid.uuid4().hex.encode()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (_HEADER, id)]}
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            request = {
                "request_id": id.decode("utf-8", "replace"),
                "method": scope["method"],
                "path": scope["path"][:500],
                "status": status,
                "reason": scope.get(REASON, ""),
                "seconds": round(time.perf_counter() - started, 6),
            }
            _requests.log(_level(status, request["reason"]), "request", extra={"request": request})


def _level(status: int, reason: str) -> int:
    """What a script of a user does wrong is no error of the service."""
    if status < 500:
        return logging.INFO
    return logging.WARNING if reason in OF_SCRIPTS else logging.ERROR
