"""JSON that a server answers a check with, within limits, and the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact
from phasegate.base.units import Quantity, parse_quantity
from phasegate.http.messages.json_text import read_json
from phasegate.world import HttpFailure, HttpReply, HttpRequest, World

KEPT = 16 << 20
"""Bytes of an answer that are read."""
SHOWN = 200
"""Characters of an answer that is not what it should be."""
COUNTED = 10**13
"""Values that a histogram may count: with more, what floats say of its bounds is not exact."""


async def ask_json(
    world: World,
    url: str,
    *,
    headers: Mapping[str, str],
    timeout: float,
    method: str = "GET",
    body: bytes | None = None,
) -> Any:
    """What a server answers. Errors: ObservationError where it gives no JSON with status 2xx."""
    there = world.target.destination(url)
    reply = await world.http.send(
        HttpRequest(
            method=method,
            url=there.url,
            entry=there.entry,
            headers=tuple(headers.items()),
            body=body,
            timeout=timeout,
            keep=KEPT,
        )
    )
    if isinstance(reply, HttpFailure):
        raise ObservationError(reply.message)
    if not 200 <= reply.status < 300:
        raise ObservationError(
            fact(Code.ANSWER_STATUS, url=there.url, status=reply.status, text=_start(reply))
        )
    try:
        return read_json(reply.body.decode())
    except ValueError:
        raise ObservationError(fact(Code.ANSWER_NO_JSON, url=there.url, text=_start(reply))) from None


def _start(reply: HttpReply) -> str:
    return " ".join(reply.body[: SHOWN * 4].decode(errors="replace").split())[:SHOWN]


def unit_of(text: str) -> Quantity:
    """One of a unit, `ms` or `%`; nothing counts. Errors: ValueError."""
    return parse_quantity(f"1{text}")
