"""What the workers of a load are told: the request, or the journeys, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from phasegate.base.errors import ObservationError, message_of
from phasegate.base.facts import Code, fact
from phasegate.base.scalars import json_text
from phasegate.http.expectations.expectation import Expect
from phasegate.kinds.load.params import LoadParams
from phasegate.load.job import Job
from phasegate.load.journeys.journey import Journeys
from phasegate.load.upload import BodyFile
from phasegate.wire.request import request_bytes, request_fields
from phasegate.world import Destination, World

_REPORTS = 40
"""Reports of a worker over the time of a load, unless that makes them rarer than one a second."""
_SHORTEST_TICK = 0.025


def request_job(params: LoadParams, world: World) -> Job:
    """The same request again and again.

    Errors: ObservationError when the URL cannot be resolved or is not on the target, and for what cannot be
    sent.
    """
    there = world.target.destination(params.url or "/")
    if not world.target.declares(there.url):
        raise ObservationError(fact(Code.NOT_ON_TARGET, url=there.url), help=fact(Code.ONLY_TO_TARGET))
    try:
        body, headers = _body(params)
    except (OSError, ValueError) as error:
        raise ObservationError(fact(Code.BODY_NOT_SENT, why=message_of(error))) from error
    named = {name.lower() for name, _ in headers}
    headers += tuple(pair for pair in world.target.headers(there.entry) if pair[0].lower() not in named)
    expect = params.expect or Expect()
    statuses = expect.compile().status
    job = replace(
        _job(params, there, world),
        method=params.method.upper(),
        headers=headers,
        body=body,
        statuses=tuple(sorted(statuses.allowed)),
        wanted=statuses.written,
        expect=_beyond_status(expect),
        http2=params.is_http2,
        streams=params.streams or 1,
    )
    try:
        request_text(job)
    except ValueError as error:
        raise ObservationError(message_of(error)) from error
    return job


def journeys_job(params: LoadParams, journeys: Journeys, world: World) -> Job:
    return replace(
        _job(params, Destination(url=journeys.origin, entry=journeys.entry), world), journeys=journeys
    )


def request_text(job: Job) -> bytes:
    """What is sent, as people read it. Errors: ValueError for what cannot be sent."""
    given = (job.method, job.url, job.headers, job.body)
    if not job.http2:
        return request_bytes(*given)
    head = b"".join(b"%s: %s\r\n" % field for field in request_fields(*given))
    return head + b"\r\n" + (job.body or b"")


def _job(params: LoadParams, there: Destination, world: World) -> Job:
    """How much is sent, from where, and how it is told of."""
    return Job(
        url=there.url,
        timeout=params.timeout,
        max_body=params.max_body,
        open=params.is_open,
        points=params.profile.points,
        connections=params.most_connections,
        workers=params.workers,
        unix=params.unix,
        tls=world.target.tls(there.entry),
        tick=_tick(params),
    )


def _tick(params: LoadParams) -> float:
    """Seconds between two reports of a worker: often enough to see whether failures come together."""
    wanted = params.at_least if params.until else params.profile.duration
    return min(max(wanted / _REPORTS, _SHORTEST_TICK), 1.0)


def _body(params: LoadParams) -> tuple[bytes | None, tuple[tuple[str, str], ...]]:
    """The body, and the plan's headers with the content type that goes with it.

    Errors: OSError, ValueError for a file that cannot be sent.
    """
    headers = tuple(params.headers.items())
    if "json_" not in params.model_fields_set:
        if isinstance(params.body, BodyFile):
            return params.body.read(), headers
        return None if params.body is None else params.body.encode(), headers
    if not any(name.lower() == "content-type" for name in params.headers):
        headers += (("Content-Type", "application/json"),)
    return json_text(params.json_).encode(), headers


def _beyond_status(expect: Expect) -> Mapping[str, Any] | None:
    """What a worker has to compile; the status alone it checks in a table."""
    compiled = expect.compile()
    if not (compiled.reads_headers or compiled.reads_body or compiled.latency):
        return None
    return expect.model_dump(mode="json", by_alias=True, exclude_defaults=True)
