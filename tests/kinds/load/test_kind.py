"""The load kind: what a plan may say, and what is observed, with real workers and a scripted server."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phasegate.base.errors import ObservationError
from phasegate.base.facts import decode
from phasegate.kinds import KINDS
from phasegate.kinds.load.kind import Load
from phasegate.kinds.load.params import LoadParams
from phasegate.load.upload import UPLOAD_LIMIT
from phasegate.model.measures import MeasureType, Share
from phasegate.model.observation import Observation
from phasegate.render.sentences import sentence
from phasegate.world import Progress
from tests.load.http2_server import answer as http2_answer
from tests.load.http2_server import http2_scripted
from tests.load.late import HeldUp
from tests.load.server import Reply, answer, scripted, unused_port
from tests.load.world import LoadWorld, OneAddress
from tests.observed import distribution, number, share
from tests.telling import causes_told, raises

pytestmark = [pytest.mark.paced, pytest.mark.slow]

UP = {"duration": "2s", "rate": "100/s"}
CLOSED = {"duration": "2s", "connections": 8}


def params(**written: Any) -> LoadParams:
    return LoadParams.model_validate({"url": "/health", **written})


async def observe(
    base: str, *, world: dict[str, Any] | None = None, **written: Any
) -> tuple[Observation, LoadWorld]:
    around = LoadWorld(target=OneAddress(base, extra=(("X-Tenant", "a"),)), **(world or {}))
    return await Load().observe(params(**written), around), around


async def test_body_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "upload.bin").write_bytes(bytes(range(256)) * 300)
    body = {"file": tmp_path / "upload.bin"}
    async with scripted() as server:
        observation, _ = await observe(server.url, rate="20/s", duration="200ms", method="PUT", body=body)
        assert all(request.endswith(b"\r\n\r\n" + bytes(range(256)) * 300) for request in server.requests)
    assert share(observation, "success_rate").passed == 4


async def test_body_larger_than_a_worker_keeps_is_not_sent(tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(UPLOAD_LIMIT + 1)
    with raises(ObservationError, match="at most 33,554,432 are read"):
        await observe("http://127.0.0.1:1", rate="20/s", body={"file": tmp_path / "large.bin"})


async def test_load_goes_through_a_unix_socket(tmp_path: Path) -> None:
    async with scripted(path=tmp_path / "app.sock") as server:
        observation, _ = await observe(
            "http://app.test", rate="20/s", duration="200ms", unix=str(tmp_path / "app.sock")
        )
        assert {b"\r\nHost: app.test\r\n" in request for request in server.requests} == {True}
    assert share(observation, "success_rate").passed == 4


# what a plan is told


def test_example_is_in_the_registry_and_its_defaults_name_measures() -> None:
    kind = KINDS["load"]
    for written in ({**kind.example}, {"url": "/", "connections": 3}):
        parsed = kind.Params.model_validate(written)
        assert {default.split()[0] for default in kind.defaults(parsed)} <= set(kind.measures(parsed))


def test_open_model_is_judged_on_its_rate_too() -> None:
    assert Load().defaults(params(rate="5/s")) == ("success_rate >= 99%", "achieved_rate >= 95%")
    assert Load().defaults(params(connections=5)) == ("success_rate >= 99%",)
    assert Load().measures(params(rate="5/s"))["achieved_rate"].type is MeasureType.CENSUS
    assert "dropped" not in Load().measures(params(connections=5))


def test_plan_is_told_what_a_load_can_show() -> None:
    assert Load().samples(params(rate="200/s", duration="10s", ramp="2s")) == 1_800
    assert Load().samples(params(connections=5)) is None
    assert Load().duration(params(connections=5, duration="1m")) == 60.0
    assert Load().targets(params(connections=5)) == ("/health",)
    assert Load.exclusive


def test_summary_says_what_is_sent() -> None:
    assert (
        sentence(Load().summary(params(rate="200/s", ramp="1s"))) == "GET /health, 200/s for 10 s, ramp 1 s"
    )
    assert (
        sentence(Load().summary(params(connections=1, method="post")))
        == "POST /health, 1 connection for 10 s"
    )


def test_stages_make_the_load() -> None:
    rates = params(stages=[UP, {"duration": "0s", "rate": "10/s"}, {"duration": "3s", "rate": "10/s"}])
    assert (Load().samples(rates), Load().duration(rates), rates.most_connections) == (130, 5.0, 200)
    assert "dropped" in Load().measures(rates)
    assert sentence(Load().summary(rates)) == "GET /health, 3 stages up to 100/s for 5 s"
    closed = params(stages=[CLOSED])
    assert (Load().samples(closed), closed.most_connections, closed.is_open) == (None, 8, False)
    assert sentence(Load().summary(closed)) == "GET /health, 1 stage up to 8 connections for 2 s"
    assert params(stages=[UP], connections=7).most_connections == 7


# what is observed


async def test_load_of_which_a_worker_began_late_measures_nothing_and_says_which() -> None:
    held_up = {"processes": HeldUp({1: 1.2})}
    async with scripted() as server:
        observation, _ = await observe(server.url, world=held_up, rate="50/s", duration="1s", workers=2)
    assert observation.measures == {}
    (why,) = map(sentence, set(observation.absent.values()))
    assert re.fullmatch(r"load worker 2 of 2 began \d\.\d+ s late, so the load was not what .*", why)
    assert set(observation.absent) == {("", name) for name in Load().measures(params(rate="50/s"))}
    assert sentence(observation.notes[0]).startswith(f"{why}; 50 requests")


@pytest.mark.parametrize("model", [{"rate": "100/s"}, {"rate": "100/s", "workers": 2}, {"connections": 3}])
@pytest.mark.parametrize("timeout", ["500ms", "30s"])
async def test_time_in_which_a_worker_was_held_up_is_held_against_nobody(
    model: dict[str, Any], timeout: str
) -> None:
    held_up = {"processes": HeldUp({0: 1.5}, after=0.7)}
    async with scripted() as server:
        observed, _ = await observe(server.url, world=held_up, duration="4s", timeout=timeout, **model)
    rate, latency = share(observed, "success_rate"), distribution(observed, "latency")
    assert rate.passed == rate.total > 0
    assert latency.failed == 0
    assert latency.good.maximum < 1.0, "what came of the 1.5 s is not a part of it"
    assert latency.unused >= 1
    assert ("", "throughput") in observed.absent
    assert any("held up" in note for note in map(sentence, observed.notes))
    if "rate" in model:
        achieved = share(observed, "achieved_rate")
        assert achieved.passed == achieved.total == 400 - achieved.unused
        assert achieved.unused >= 10
        assert len(server.requests) == achieved.passed


async def test_target_that_fails_beside_a_worker_that_was_held_up_has_failed() -> None:
    held_up = {"processes": HeldUp({0: 1.0}, after=0.5)}
    async with scripted(lambda number: Reply(answer(500 if number % 2 else 200))) as server:
        observed, _ = await observe(server.url, world=held_up, duration="4s", rate="100/s")
    rate = share(observed, "success_rate")
    assert rate.unused <= 200
    assert rate.failed >= 50


async def test_wrong_answers_that_come_while_a_worker_is_held_up_are_the_targets() -> None:
    held_up = {"processes": HeldUp({0: 0.6}, after=0.3)}
    async with scripted(Reply(pieces=(answer(500),))) as server:
        observed, _ = await observe(server.url, world=held_up, duration="1s", rate="100/s")
        answered = len(server.requests)
    assert share(observed, "success_rate").failed == answered


async def test_what_was_due_while_a_worker_was_held_up_at_its_start_is_held_against_nobody() -> None:
    held_up = {"processes": HeldUp({0: 0.6}, after=0.03)}
    async with scripted() as server:
        observed, _ = await observe(server.url, world=held_up, duration="1s", rate="100/s")
    rate, latency = share(observed, "success_rate"), distribution(observed, "latency")
    assert rate.passed == rate.total > 0
    assert latency.unused >= 10
    assert latency.good.maximum < 0.4, "what came of the 0.6 s is not a part of it"


async def test_open_load_on_a_good_target() -> None:
    async with scripted() as server:
        # Long enough that a machine which holds it up for a moment leaves most pieces of the time filled.
        observed, world = await observe(server.url, rate="200/s", duration="3s", workers=2)
        assert len(server.requests) == 600
        assert b"\r\nX-Tenant: a\r\n" in server.requests[0]
    assert set(observed.measures) == set(Load().measures(params(rate="1/s")))
    assert replace(share(observed, "success_rate"), span=None, blocks=()) == Share(
        passed=600, total=600, sample=True, episodes=0
    )
    blocks = share(observed, "success_rate").blocks
    assert sum(requests for requests, _ in blocks) == 600
    assert 30 <= len(blocks) <= 64
    assert share(observed, "achieved_rate") == Share(passed=600, total=600, sample=False)
    assert number(observed, "requests") == 600
    assert number(observed, "dropped") == 0
    assert number(observed, "throughput") == pytest.approx(200, rel=0.05)
    assert distribution(observed, "latency").n == 600
    assert (observed.causes, observed.evidence, observed.error) == ({}, (), None)
    assert [line.name for line in observed.timeline][:2] == ["rate", "errors"]
    assert world.evidence.files == {}


async def test_closed_load_sends_json_and_checks_answers() -> None:
    async with scripted() as server:
        observed, _ = await observe(
            server.url,
            connections=2,
            duration="500ms",
            method="post",
            json={"a": "ü"},
            expect={"status": 200, "json": {"$.status": "ok"}},
        )
        request = server.requests[0]
        assert number(observed, "requests") == len(server.requests)
    assert request.startswith(b"POST /health ")
    assert b"\r\nContent-Type: application/json\r\n" in request
    assert request.endswith('{"a": "ü"}'.encode())
    assert "achieved_rate" not in observed.measures
    assert distribution(observed, "latency") == distribution(observed, "service_time")


async def test_refusing_target_is_observed_as_failing_and_never_fast() -> None:
    base = f"http://127.0.0.1:{unused_port()}"
    observed, world = await observe(base, rate="100/s", duration="500ms")
    assert share(observed, "success_rate").passed == 0
    assert share(observed, "success_rate").total == 50
    assert distribution(observed, "latency").quantile(0.01) == (math.inf, math.inf)
    assert causes_told(observed) == {f"connection refused: {base.removeprefix('http://')}": 50}
    assert len(observed.evidence) == 5
    assert "(no answer)" in world.evidence.files["failed-request-1.txt"]


async def test_failing_answers_are_kept_as_evidence() -> None:
    async with scripted(Reply(pieces=(answer(503, b"<b>overloaded</b>"),))) as server:
        observed, world = await observe(server.url, rate="50/s", duration="200ms")
    assert causes_told(observed) == {"expected status 2xx, got 503": 10}
    text = world.evidence.files["failed-request-1.txt"]
    assert decode(json.loads(text.partition("\n")[0])) in observed.causes
    assert "GET /health HTTP/1.1" in text
    assert "<b>overloaded</b>" in text


async def test_dropped_requests_rank_above_every_latency_but_are_no_failures_of_the_target() -> None:
    async with scripted(Reply(delay=0.1)) as server:
        # Six times what an answer takes: a crowded machine may hold up one of two connections for a while.
        observed, _ = await observe(server.url, rate="200/s", connections=2, duration="1s", timeout="600ms")
    rate = share(observed, "achieved_rate")
    assert rate.total == 200
    assert rate.passed < 100
    assert number(observed, "dropped") == 200 - rate.passed
    assert share(observed, "success_rate").failed == 0
    assert distribution(observed, "latency").failed == 200 - rate.passed
    assert distribution(observed, "service_time").failed == 0
    assert distribution(observed, "latency").quantile(0.95) == (math.inf, math.inf)


async def test_early_stop_is_noted() -> None:
    def stop(progress: Progress) -> str | None:
        return "Ctrl-C" if (progress.done or 0) > 0 else None

    async with scripted() as server:
        observed, _ = await observe(server.url, world={"answers": stop}, rate="100/s", duration="30s")
        assert share(observed, "achieved_rate").total == len(server.requests)
    assert any(
        note.startswith("stopped after ") and "Ctrl-C" in note for note in map(sentence, observed.notes)
    )


@pytest.mark.parametrize("model", [{"rate": "100/s"}, {"connections": 2}])
async def test_load_that_only_does_damage_is_aborted_and_cannot_be_met(model: dict[str, Any]) -> None:
    bad = Reply(pieces=(answer(503),), delay=0.005)
    abort = {"success_rate": "< 50%", "for": "1s"}
    async with scripted(lambda n: Reply(delay=0.005) if n < 20 else bad) as server:
        observed, _ = await observe(server.url, **model, duration="60s", abort_on=abort)
        sent = len(server.requests)
    rate = share(observed, "success_rate")
    assert (rate.passed, rate.total) == (20, sent), "what was seen stays what was seen"
    assert (number(observed, "completed") or 1) < 0.5
    if "rate" in model:
        achieved = share(observed, "achieved_rate")
        assert (achieved.passed, achieved.total) == (sent, 6_000), "all of it was due"
    (note,) = (note for note in map(sentence, observed.notes) if note.startswith("aborted after "))
    assert note.endswith("over 1 s, and abort_on says success_rate < 50%")


def test_load_that_may_be_aborted_is_judged_on_its_completion() -> None:
    guarded = params(connections=2, abort_on={"latency.p95": "> 2s"})
    assert Load().defaults(guarded) == ("success_rate >= 99%", "completed == 100%")
    assert "completed" in Load().measures(guarded)


async def test_load_that_does_no_damage_is_completed() -> None:
    async with scripted() as server:
        abort = {"success_rate": "< 50%", "latency.p99": "> 10s", "for": "1s"}
        observed, _ = await observe(server.url, rate="50/s", duration="1500ms", abort_on=abort)
    assert number(observed, "completed") == 1.0
    assert share(observed, "achieved_rate").total == 75


async def test_seconds_without_an_answer_are_noted() -> None:
    dead = Reply(pieces=(), end="reset")
    async with scripted(lambda n: Reply() if n < 25 else dead) as server:
        observed, _ = await observe(server.url, rate="50/s", duration="3s")
    assert any(
        note.startswith("no good answer came in 2 s of 3 s") for note in map(sentence, observed.notes)
    ), observed


async def test_host_that_is_not_on_the_target_gets_no_load() -> None:
    async with scripted() as server:
        with raises(ObservationError, match="is not on the target"):
            await observe("http://127.0.0.1:1/", url=server.url, rate="10/s")
        assert not server.requests


# HTTP/2


async def test_load_over_http2_is_measured_like_any_other() -> None:
    async with http2_scripted(lambda n: http2_answer(500, b"oops") if n == 7 else http2_answer()) as server:
        observation, world = await observe(
            server.url,
            rate="100/s",
            duration="400ms",
            protocol="http/2",
            streams=4,
            expect={"json": {"$.status": "ok"}},
        )
        assert len(server.requests) == 40
        fields = dict(server.requests[0])
        assert fields[b"x-tenant"] == b"a"
    assert replace(share(observation, "success_rate"), span=None, blocks=()) == Share(
        passed=39, total=40, sample=True, episodes=1
    )
    assert distribution(observation, "latency").good.n == 39
    (evidence,) = world.evidence.files.values()
    assert ":method: GET\n:scheme: http\n" in evidence
    assert "HTTP/2 500\n" in evidence


async def test_workers_share_a_load_over_http2() -> None:
    async with http2_scripted() as server:
        observation, _ = await observe(
            server.url, connections=4, duration="300ms", protocol="http/2", streams=3, workers=2
        )
        assert share(observation, "success_rate").passed == len(server.requests) > 20
        assert len(server.sessions) == 4


async def test_header_of_the_target_that_http2_does_not_have_is_an_error() -> None:
    target = OneAddress("http://127.0.0.1:1", extra=(("Transfer-Encoding", "chunked"),))
    with raises(ObservationError, match="HTTP/2 has no header 'Transfer-Encoding'"):
        await Load().observe(params(**UP, protocol="http/2"), LoadWorld(target=target))


def test_summary_says_http2_and_its_streams() -> None:
    over = {"protocol": "http/2", "streams": 10}
    assert (
        sentence(Load().summary(params(**CLOSED, **over)))
        == "GET /health over HTTP/2, 8 connections x 10 streams for 2 s"
    )
    assert (
        sentence(Load().summary(params(**UP, **over)))
        == "GET /health over HTTP/2, 100/s, 10 streams a connection for 2 s"
    )
