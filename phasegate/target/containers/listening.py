"""What an engine tells of containers as it happens: that one started, that one ended, that the engine went."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phasegate.target.containers.engine import Engine
from phasegate.target.containers.facts import ONE_OFF, SERVICE

_HEARD = ("start", "die")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A container started or ended."""

    container: str
    service: str
    ended: bool
    exit_code: int | None = None


class Listening:
    """Hears what happens to the containers that carry some labels, from `begin` to `close`."""

    def __init__(
        self,
        engine: Engine,
        labels: Sequence[str],
        *,
        on_event: Callable[[Happened], None],
        on_silence: Callable[[], None],
    ) -> None:
        """`on_silence` hears that the engine ended the stream, which it does only when it goes."""
        self._engine = engine
        self._labels = tuple(labels)
        self._on_event = on_event
        self._on_silence = on_silence
        self._stream: Any = None
        self._open = False

    async def begin(self) -> None:
        """Everything that happens after this is heard. Errors: EngineError."""
        filters = {"type": "container", "label": list(self._labels), "event": list(_HEARD)}
        self._stream = await self._engine.call(self._engine.api.events, filters=filters, decode=True)
        self._open = True
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop,), name="engine-events", daemon=True).start()

    def close(self) -> None:
        self._open = False
        with contextlib.suppress(Exception):
            self._stream.close()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(Exception):
            for told in self._stream:
                happened = _happened(told)
                if happened is not None:
                    loop.call_soon_threadsafe(self._heard, happened)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._silent)

    def _heard(self, happened: Happened) -> None:
        if self._open:
            self._on_event(happened)

    def _silent(self) -> None:
        if self._open:
            self._open = False
            self._on_silence()


def _happened(told: Mapping[str, Any]) -> Happened | None:
    actor = told.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if told.get("Action") not in _HEARD or attributes.get(ONE_OFF, "False").lower() == "true":
        return None
    code = attributes.get("exitCode", "")
    return Happened(
        container=actor.get("ID", ""),
        service=attributes.get(SERVICE, attributes.get("name", "")),
        ended=told["Action"] == "die",
        exit_code=int(code) if code.isdigit() else None,
    )
