"""Everything that goes wrong on the wire at once: each failure under its own name, counted exactly."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.load.server import Reply, answer, scripted
from tests.load.test_driver import closed, drive, open_
from tests.load.test_following import to

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BEHAVIOURS = (
    ("", Reply()),
    ("", Reply(pieces=(b"HTTP/1.1 103 Early Hints\r\n\r\n", answer()), gap=0.005)),
    ("", Reply(pieces=(CHUNKED, b"1\r\nx\r\n", b"0\r\n\r\n"), gap=0.005)),
    ("expected status 2xx, got 302", Reply(pieces=(answer(302, b"", "Location: /health"),))),
    ("expected status 2xx, got 500", Reply(pieces=(answer(500, b"oops"),))),
    ("short body: closed before the answer was complete", Reply(pieces=(answer()[:-3],), end="close")),
    ("connection reset: closed without an answer", Reply(pieces=(), end="close")),
    ("connection reset: reset without an answer", Reply(pieces=(), end="reset")),
    (
        "protocol error: closed in the middle of the head of the answer",
        Reply(pieces=(b"HTTP/1.1 200 OK\r\nContent-",), end="close"),
    ),
)


@pytest.mark.parametrize("make", [closed, open_])
async def test_every_failure_is_counted_exactly_under_its_name(make: Any) -> None:
    async with scripted(lambda n: BEHAVIOURS[n % len(BEHAVIOURS)][1]) as server:
        run = await drive(make(server.url, duration=1.0))
        expected = Counter(BEHAVIOURS[n % len(BEHAVIOURS)][0] for n in range(len(server.requests)))
    assert run.tally.good == expected.pop("")
    assert run.tally.causes == dict(expected)


@pytest.mark.parametrize("make", [closed, open_])
async def test_redirect_loop_is_so_many_redirects_and_no_success(make: Any) -> None:
    async with scripted(Reply(pieces=(answer(301, b"", "Location: /health"),))) as server:
        run = await drive(make(server.url, duration=0.3))
        assert run.tally.causes == {"expected status 2xx, got 301": len(server.requests)}
    assert run.tally.good == 0


@pytest.mark.parametrize("make", [closed, open_])
@pytest.mark.parametrize("statuses", [(302,), (200,)])
async def test_redirects_are_counted_whether_or_not_they_are_good_answers(
    make: Any, statuses: tuple[int, ...]
) -> None:
    replies = (to("/health"), Reply(), Reply(pieces=(answer(304, b""),)))
    async with scripted(lambda n: replies[n % 3]) as server:
        run = await drive(make(server.url, duration=0.3, statuses=statuses))
        of_each = Counter(n % 3 for n in range(len(server.requests)))
    assert run.driver.recorder.redirects == of_each[0] > 5
    assert run.tally.good == of_each[0 if statuses == (302,) else 1]
    assert run.tally.requests == of_each.total()
