"""The controller's side of a stack: runtimes and sessions that other processes keep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx

from phasegate.demo.failures import ApiError
from phasegate.demo.runtimes import COMPILE_LIMIT, Job, Outcome
from phasegate.demo.sessions.calls import CALLS
from phasegate.demo.sessions.store import LoggedRequest, Store

P = ParamSpec("P")
T = TypeVar("T")

CONNECT = 2.0
"""Seconds until a process that does not even accept is given up."""
STORE_LIMIT = 10.0
OVERHEAD = 5.0
"""Seconds that a runtime gets beyond what the script and its compiler may take."""


class RemoteRuntimes:
    """See `Runtimes`; one address for each language."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._client = _client()

    async def run(self, job: Job) -> Outcome:
        """Errors: ApiError, also 503 `runtime_unavailable` when nobody answers for the language."""
        address = self._addresses.get(job.language)
        if address is None:
            raise ApiError(500, "runtime_missing", f"this stack has no {job.language} runtime")
        limit = job.limit + COMPILE_LIMIT + OVERHEAD
        try:
            answer = await self._client.post(f"{address}/run", json=asdict(job), timeout=_timeout(limit))
        except httpx.HTTPError as error:
            raise _unavailable("runtime", job.language, error) from None
        told = _answer_of(answer, "runtime")
        return Outcome(result=told["result"], seconds=told["seconds"])


class RemoteDatabase:
    """See `Database`; the store runs in a process of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = _client()
        self._waiting: list[LoggedRequest] = []
        self._flushing: asyncio.Task[None] | None = None

    async def call(self, method: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Errors: ApiError 503 `database_unavailable` when nobody answers."""
        call = CALLS[method.__name__]
        try:
            answer = await self._client.post(
                f"{self._address}/{method.__name__}",
                content=call.arguments.dump_json(args),
                headers={"Content-Type": "application/json"},
                timeout=_timeout(STORE_LIMIT),
            )
        except httpx.HTTPError as error:
            raise _unavailable("database", "session", error) from None
        _answer_of(answer, "database")
        found: T = call.result.validate_json(answer.content)
        return found

    def log(self, request: LoggedRequest) -> None:
        """Note a request and return at once; what cannot be written is lost, as logs may be."""
        self._waiting.append(request)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    def close(self) -> None:
        """Nothing is kept here."""

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self.call(Store.log, tuple(batch))
        except ApiError:
            self._waiting.clear()
        finally:
            self._flushing = None


def _client() -> httpx.AsyncClient:
    # The others are reached directly: a proxy of the environment would answer for them.
    return httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_keepalive_connections=50))


def _timeout(limit: float) -> httpx.Timeout:
    return httpx.Timeout(limit, connect=CONNECT)


def _answer_of(answer: httpx.Response, whose: str) -> Any:
    try:
        told = answer.json()
    except ValueError:
        raise ApiError(
            502, f"{whose}_broken", f"the {whose} answered {answer.status_code}, no JSON"
        ) from None
    if answer.status_code != 200:
        error = told["error"]
        raise ApiError(answer.status_code, error["code"], error["message"])
    return told


def _unavailable(whose: str, which: str, error: httpx.HTTPError) -> ApiError:
    reason = str(error) or type(error).__name__
    return ApiError(503, f"{whose}_unavailable", f"the {which} {whose} does not answer: {reason}")
