"""What an engine tells of containers as it happens: a start, an end, bad health, and that it goes itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.targets.containers.engine.bridge import Bridge, close_stream
from phasegate.targets.containers.engine.client import Engine
from phasegate.targets.containers.engine.facts import ONE_OFF, SERVICE

_HEARD = ("start", "die", "health_status")
_UNHEALTHY = "health_status: unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A container started, ended, or turned unhealthy."""

    container: str
    service: str
    at: float
    """Seconds since 1970, by the clock of the engine."""
    ended: bool
    exit_code: int | None = None
    unhealthy: bool = False


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
        self._silence: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Everything that happens after this is heard. Errors: EngineError."""
        filters = {"type": "container", "label": list(self._labels), "event": list(_HEARD)}
        self._stream = await self._engine.call(self._engine.api.events, filters=filters, decode=True)
        self._open = True
        bridge = Bridge(lambda: map(_event_of, self._stream), self._on_told, name="engine-events")
        self._silence = asyncio.create_task(self._until_silent(bridge.start()))

    def close(self) -> None:
        self._open = False
        if self._stream is not None:
            close_stream(self._stream)
        if self._silence is not None:
            self._silence.cancel()

    async def _until_silent(self, bridge: Bridge[Happened | None]) -> None:
        await bridge.ended.wait()
        close_stream(self._stream)
        if self._open:
            self._open = False
            self._on_silence()

    def _on_told(self, happened: Happened | None) -> None:
        if self._open and happened is not None:
            self._on_event(happened)


def _event_of(told: Mapping[str, Any]) -> Happened | None:
    actor = told.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    action = told.get("Action")
    if action not in ("start", "die", _UNHEALTHY) or attributes.get(ONE_OFF, "False").lower() == "true":
        return None
    code = attributes.get("exitCode", "")
    return Happened(
        container=actor.get("ID", ""),
        service=attributes.get(SERVICE, attributes.get("name", "")),
        at=(told.get("timeNano") or 0) / 1e9,
        ended=action == "die",
        unhealthy=action == _UNHEALTHY,
        exit_code=int(code) if code.isdigit() else None,
    )
