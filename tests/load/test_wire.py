"""Everything that goes wrong on the wire at once: each failure under its own name, counted exactly."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any

import pytest

from phasegate.load.engine import generate
from phasegate.load.job import Job
from phasegate.load.pace.pacing import Profile
from tests.load.apart import apart
from tests.load.journeys.test_following import to
from tests.load.pace.test_driver import closed, drive, open_
from tests.load.server import Reply, Rule, Script, answer, scripted
from tests.load.world import LoadWorld, OneAddress
from tests.telling import causes_told

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_ANSWER = "timeout: no answer in 1 s"
NO_END = "timeout: the answer did not end in 1 s"
EARLY = "protocol error: closed in the middle of the head of the answer"
SHORT = "short body: closed before the answer was complete"
GARBAGE = "protocol error: garbage"
BROKEN = (
    Reply(pieces=(b"HTTP/1.1 103 Early Hints\r\n\r\n", answer()), gap=0.005),
    Reply(pieces=(CHUNKED, b"1\r\nx\r\n", b"0\r\n\r\n"), gap=0.005),
    Reply(pieces=(answer(200, gzip.compress(b"x"), "Content-Encoding: gzip"),)),
    Reply(pieces=(b"HTTP/1.1 200 OK\r\n\r\nuntil", b" the end"), gap=0.005, end="close"),
    Reply(name="expected status 2xx, got 404", pieces=(answer(404, b"{}"),)),
    Reply(name="expected status 2xx, got 302", pieces=(answer(302, b"", "Location: /health"),)),
    Reply(name="connection reset: closed without an answer", pieces=(), end="close"),
    Reply(name="connection reset: reset without an answer", pieces=(), end="reset"),
    Reply(name=SHORT, pieces=(answer()[:-3],), end="close"),
    Reply(name=SHORT, pieces=(CHUNKED, b"5\r\nhel"), gap=0.005, end="close"),
    Reply(name=EARLY, pieces=(b"HTTP/1.1 200 OK\r\nContent-",), end="close"),
    Reply(name=GARBAGE, pieces=(b"SSH-2.0-OpenSSH_9.2\r\n",), end="close"),
)
ENDLESS = (
    Reply(name=NO_ANSWER, delay=60.0),
    Reply(name=NO_END, pieces=(CHUNKED, *[b"1\r\nx\r\n"] * 1_000), gap=0.1),
)
REFUSED = Reply(name="expected status 2xx, got 503", pieces=(answer(503, b"busy"),))
MIXED = Script(
    rules=(
        Rule(share=0.05, replies=(REFUSED,)),
        # Only at first: what a late worker sends after the end has not had its time when the load is over.
        Rule(numbers=range(2, 120, 8), replies=ENDLESS),
        Rule(numbers=range(3, 1_000_000, 4), replies=BROKEN),
    )
)


@pytest.mark.parametrize("open_model", [True, False])
async def test_every_failure_is_counted_exactly_under_its_name(open_model: bool) -> None:
    profile = Profile.ramped(300.0, 1.5) if open_model else Profile.ramped(60.0, 1.5)
    async with apart(MIXED) as server:
        # POST is never sent again, as GET may be on a connection that was idle.
        job = Job(
            url=server.url,
            method="POST",
            open=open_model,
            points=profile.points,
            timeout=1.0,
            connections=150,
        )
        outcome = await generate(job, LoadWorld(target=OneAddress(server.url)))
    expected = server.truth.replies
    assert len(expected) == 11, "every reply was given"
    assert outcome.tally.good == expected.pop("")
    causes = causes_told(outcome.tally)
    garbled = {cause for cause in causes if cause.startswith("protocol error: ")} - {EARLY}
    causes = {GARBAGE if cause in garbled else cause: count for cause, count in causes.items()}
    assert len(garbled) == 1, "in the words of the parser"
    assert causes == dict(expected)
    if open_model:
        assert expected[REFUSED.name] == profile.total // 20
        assert outcome.report.sent == profile.total == len(server.truth.served)


@pytest.mark.parametrize("make", [closed, open_])
async def test_redirect_loop_is_so_many_redirects_and_no_success(make: Any) -> None:
    async with scripted(Reply(pieces=(answer(301, b"", "Location: /health"),))) as server:
        run = await drive(make(server.url, duration=0.3))
        assert causes_told(run.tally) == {"expected status 2xx, got 301": len(server.requests)}
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
