"""The store on a thread of its own, so that SQLite never holds up the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from phasegate.demo.faults import SCHEMA_DRIFT
from phasegate.demo.sessions.store import LoggedRequest, Store

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Database:
    """One thread, one connection: calls are done in the order in which they were made."""

    def __init__(self, path: Path, fault: str = "") -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._waiting: list[LoggedRequest] = []
        self._flush_due = False
        try:
            self._store = self._thread.submit(Store, path).result()
            if fault == SCHEMA_DRIFT:
                self._thread.submit(self._store.drift).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def call(self, method: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method of the store: `await database.call(Store.session, request_id)`."""
        return await asyncio.wrap_future(self._thread.submit(method, self._store, *args, **kwargs))

    def log(self, request: LoggedRequest) -> None:
        """Note a request and return at once; requests that pile up are written in one transaction."""
        self._waiting.append(request)
        if not self._flush_due:
            self._flush_due = True
            self._thread.submit(self._flush).add_done_callback(_report)

    def close(self) -> None:
        """Write what is waiting and close; blocks until that is done."""
        self._thread.submit(self._store.close).result()
        self._thread.shutdown()

    def _flush(self) -> None:
        # Cleared before the list is taken: a request noted in between is written by the next flush.
        self._flush_due = False
        batch, self._waiting = self._waiting, []
        if batch:
            self._store.log(batch)


def _report(flush: Future[None]) -> None:
    error = flush.exception()
    if error is not None:
        _log.error("request log not written: %s", error)
