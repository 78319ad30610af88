"""The endpoints: what each URL answers."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phasegate.demo import VERSION, validation
from phasegate.demo.answers import handlers
from phasegate.demo.failures import broken, missing
from phasegate.demo.faults import APP_DATA, LEAKY_ERRORS
from phasegate.demo.metrics import Counted, Metrics
from phasegate.demo.runtimes import Job, Runtimes
from phasegate.demo.sessions.database import Database
from phasegate.demo.sessions.store import LoggedRequest, Session, Store, StoredResult

if TYPE_CHECKING:
    from phasegate.demo.remote import RemoteDatabase, RemoteRuntimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the endpoints work with; times are seconds."""

    database: Database | RemoteDatabase
    runtimes: Runtimes | RemoteRuntimes
    fault: str
    session_ttl: float
    script_limit: float

    async def health(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "version": VERSION})

    async def test(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "message": "the controller answers"})

    async def initialize(self, request: Request) -> JSONResponse:
        self._need_application_data()
        asked = await validation.opening(request, self.session_ttl)
        function = await self.database.call(Store.function, asked.title)
        if function is None:
            raise missing("function_not_found", f"no function is called {asked.title!r}")
        now = time.time()
        session = Session(
            request_id=uuid.uuid4().hex,
            title=function.title,
            language=function.language,
            context=asked.context,
            script=asked.script,
            created_at=now,
            expires_at=now + asked.ttl,
        )
        await self.database.call(Store.open_session, session)
        answer = {"request_id": session.request_id, "status": "initialized"}
        return JSONResponse(answer | {"expires_at": _timestamp(session.expires_at)})

    async def execute(self, request: Request) -> JSONResponse:
        session = await self._session(request.path_params["request_id"])
        asked = await validation.call(request, self.script_limit)
        params_hash = hashlib.sha256(asked.params.encode()).hexdigest()
        stored = await self.database.call(Store.recall, session.request_id, params_hash)
        cached = stored is not None
        if stored is None:
            stored = await self._run(session, asked)
            await self.database.call(Store.remember, session.request_id, params_hash, stored, time.time())
        return JSONResponse(
            {
                "request_id": session.request_id,
                "result": json.loads(stored.result),
                "cached": cached,
                "execution_time": stored.execution_time,
            }
        )

    async def session(self, request: Request) -> JSONResponse:
        session = await self._session(request.path_params["request_id"])
        return JSONResponse(
            {
                "request_id": session.request_id,
                "status": "active",
                "title": session.title,
                "language": session.language,
                "created_at": _timestamp(session.created_at),
                "expires_at": _timestamp(session.expires_at),
                "executions": session.executions,
            }
        )

    async def functions(self, request: Request) -> JSONResponse:
        self._need_application_data()
        asked = validation.page(request.query_params)
        found, total = await self.database.call(Store.functions, asked.language, asked.page, asked.per_page)
        rows = [asdict(function) for function in found]
        paging = {"page": asked.page, "per_page": asked.per_page, "total": total}
        return JSONResponse({"functions": rows, **paging, "pages": -(-total // asked.per_page)})

    async def schema(self, _: Request) -> JSONResponse:
        report = await self.database.call(Store.schema)
        return JSONResponse(
            {
                "consistent": not report.problems,
                "problems": list(report.problems),
                "version": report.version,
                "expected": list(report.expected),
                "applied": list(report.applied),
                "integrity_check": report.integrity,
                "foreign_key_violations": report.foreign_key_violations,
                "tables": {name: list(columns) for name, columns in report.tables.items()},
            }
        )

    async def _session(self, request_id: str) -> Session:
        session = await self.database.call(Store.session, request_id)
        if session is None:
            raise missing("session_not_found", "no session has this request_id")
        if session.expires_at <= time.time():
            raise missing("session_expired", f"the session expired at {_timestamp(session.expires_at)}")
        return session

    async def _run(self, session: Session, asked: validation.Call) -> StoredResult:
        request = f'{{"context": {session.context}, "params": {asked.params}}}'
        job = Job(language=session.language, script=session.script, request=request, limit=asked.limit)
        outcome = await self.runtimes.run(job)
        return StoredResult(result=json.dumps(outcome.result), execution_time=outcome.seconds)

    def _need_application_data(self) -> None:
        if self.fault == APP_DATA:
            message = "Requested application data is not configured correctly"
            raise broken("application_data_not_configured", message)


def build(service: Service) -> Starlette:
    """The ASGI application; every answer but that of `/metrics` is JSON, errors too."""
    metrics = Metrics()
    return Starlette(
        routes=[
            Route("/health", service.health),
            Route("/test", service.test),
            Route("/metrics", metrics.serve),
            Route("/api/v1/initialize", service.initialize, methods=["POST"]),
            Route("/api/v1/execute/{request_id}", service.execute, methods=["POST"]),
            Route("/api/v1/sessions/{request_id}", service.session),
            Route("/api/v1/functions", service.functions),
            Route("/api/v1/schema", service.schema),
        ],
        middleware=[
            Middleware(Counted, metrics=metrics),
            Middleware(_RequestLog, database=service.database),
        ],
        exception_handlers=handlers(leaky=service.fault == LEAKY_ERRORS),
    )


class _RequestLog:
    """Notes every request to the API in the database; /health and /test never touch it."""

    def __init__(self, app: ASGIApp, database: Database | RemoteDatabase) -> None:
        self._app = app
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        status = 500
        started, at = time.perf_counter(), time.time()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            duration = time.perf_counter() - started
            path = scope["path"][:500].encode("utf-8", "replace").decode()
            self._database.log(
                LoggedRequest(at=at, method=scope["method"], path=path, status=status, duration=duration)
            )


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
