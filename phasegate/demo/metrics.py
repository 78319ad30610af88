"""What the service counts of itself, in the text format of Prometheus at `/metrics`.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phasegate.demo import VERSION

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds; the last bucket is without end."""
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts of requests by endpoint, method and status, and how long they took."""

    def __init__(self) -> None:
        self._started = time.time()
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._seconds: dict[str, float] = defaultdict(float)

    def count(self, handler: str, method: str, status: int, seconds: float) -> None:
        self._requests[handler, method, status] += 1
        self._buckets[handler][bisect_left(BUCKETS, seconds)] += 1
        self._seconds[handler] += seconds

    async def serve(self, _: Request) -> Response:
        return Response(self.text(), media_type=_TYPE)

    def text(self) -> str:
        lines = [
            "# HELP demo_info The version that runs.",
            "# TYPE demo_info gauge",
            f'demo_info{{version="{VERSION}"}} 1',
            "# HELP process_start_time_seconds When it was started, in seconds since 1970.",
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {self._started:.3f}",
            "# HELP http_requests_total Requests by endpoint, method and status.",
            "# TYPE http_requests_total counter",
        ]
        for (handler, method, status), n in sorted(self._requests.items()):
            lines.append(f'http_requests_total{{handler="{handler}",method="{method}",code="{status}"}} {n}')
        lines.append("# HELP http_request_duration_seconds From the request to the end of its answer.")
        lines.append("# TYPE http_request_duration_seconds histogram")
        for handler, buckets in sorted(self._buckets.items()):
            lines += self._histogram(handler, buckets)
        return "\n".join([*lines, ""])

    def _histogram(self, handler: str, buckets: list[int]) -> list[str]:
        name, label = "http_request_duration_seconds", f'handler="{handler}"'
        lines, so_far = [], 0
        for edge, n in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
            so_far += n
            lines.append(f'{name}_bucket{{{label},le="{edge}"}} {so_far}')
        lines.append(f"{name}_sum{{{label}}} {self._seconds[handler]:.6f}")
        lines.append(f"{name}_count{{{label}}} {so_far}")
        return lines


class Counted:
    """Counts every request but those for the counts."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/metrics":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            # The endpoint and not the path, which anybody can make up without end.
            endpoint = scope.get("endpoint")
            handler = getattr(endpoint, "__name__", "none")
            method = scope["method"] if endpoint is not None else "OTHER"
            self._metrics.count(handler, method, status, time.perf_counter() - started)
