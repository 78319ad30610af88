"""Health checks against servers that answer, fail, stall and refuse."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.health import Health, HealthParams
from phasegate.model.measures import Distribution, Share
from phasegate.model.observation import Observation
from phasegate.render.sentences import sentence
from tests.servers import Received, Server, response, serving, unused_port
from tests.telling import causes_told, raises
from tests.worlds import StaticAddresses, TestWorld, world_at


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def world(server: Server, tmp_path: Path) -> AsyncIterator[TestWorld]:
    async with world_at(server.url(), tmp_path) as made:
        yield made


async def observe(world: TestWorld, **written: Any) -> Observation:
    return await Health().observe(HealthParams.model_validate(written), world)


def success_rate(observation: Observation) -> Share:
    share = observation.measures["success_rate"]
    assert isinstance(share, Share)
    return share


def latency(observation: Observation) -> Distribution:
    distribution = observation.measures["latency"]
    assert isinstance(distribution, Distribution)
    return distribution


def unused(observation: Observation) -> int:
    """Moments that a busy machine let pass, whether others took their place or not."""
    share = success_rate(observation)
    return share.unused + share.replaced


@pytest.mark.parametrize("every", [{}, {"every": "100ms"}])
async def test_timeout_while_phasegate_stands_still_is_no_failure(
    world: TestWorld, every: dict[str, str]
) -> None:
    observation = await observe(world, url="/freeze?s=1", probes=3, timeout="500ms", **every)
    share = success_rate(observation)
    assert (share.passed, share.total) == (3, 3)
    assert share.replaced >= 1
    assert any("not sent in time: phasegate was late" in sentence(note) for note in observation.notes)


async def test_one_probe_by_default(world: TestWorld, server: Server) -> None:
    observation = await observe(world, url="/health", expect={"status": 200, "json": {"$.status": "ok"}})
    share = success_rate(observation)
    assert (share.passed, share.total, share.sample) == (1, 1, True)
    assert 0 < latency(observation).good.maximum < 5
    assert len(server.requests) == 1
    assert observation.error is None


async def test_the_request_is_the_one_that_was_written(world: TestWorld, server: Server) -> None:
    await observe(world, url="/echo", method="post", headers={"X-Count": 3}, body="hello")
    came = server.requests[0]
    assert (came.method, came.headers["x-count"], came.body) == ("POST", "3", b"hello")


async def test_every_probe_counts_and_failures_are_named_with_evidence(world: TestWorld) -> None:
    observation = await observe(world, url="/share?every=20", probes=100)
    share = success_rate(observation)
    assert (share.passed, share.total, share.episodes) == (95, 100, 5)
    assert share.span is not None
    assert share.span > 0
    assert causes_told(observation) == {"expected status 2xx, got 500": 5}
    [path] = observation.evidence
    text = world.evidence_text(path)
    assert "GET http://127.0.0.1" in text
    assert '"status": "down"' in text


async def test_failed_probes_rank_above_every_latency(world: TestWorld) -> None:
    observation = await observe(world, url="/share?every=10", probes=50)
    assert latency(observation).failed == 5
    assert latency(observation).quantile(0.95) == (math.inf, math.inf)
    assert latency(observation).quantile(0.5) != (math.inf, math.inf)


async def test_a_service_that_refuses_was_observed(world: TestWorld) -> None:
    port = unused_port()
    observation = await observe(world, url=f"http://127.0.0.1:{port}/health", probes=5)
    assert observation.error is None
    assert success_rate(observation).value == 0
    assert latency(observation).quantile(0.01) == (math.inf, math.inf)
    assert causes_told(observation) == {f"127.0.0.1:{port}: connection refused": 5}


@pytest.mark.parametrize("path", ["/stall", "/reset", "/garbage", "/redirect-loop", "/endless", "/slow-body"])
async def test_misbehaviour_fails_the_probe_in_one_line(world: TestWorld, path: str) -> None:
    observation = await observe(world, url=path, timeout="200ms", follow=True)
    assert success_rate(observation).value == 0
    [cause] = observation.causes
    assert "\n" not in sentence(cause)
    assert len(observation.evidence) == 1


async def test_a_wrong_answer_is_a_failure_that_says_expected_and_actual(world: TestWorld) -> None:
    observation = await observe(world, url="/health", expect={"json": {"$.version": "9.9.9"}})
    assert causes_told(observation) == {'expected $.version to equal "9.9.9", got "0.2.0"': 1}


async def test_slow_answers_share_one_cause(world: TestWorld) -> None:
    observation = await observe(world, url="/slow?ms=5", probes=3, expect={"latency": "< 1ms"})
    assert causes_told(observation) == {"expected latency less than 1ms": 3}


async def test_redirects_are_no_success_unless_followed(world: TestWorld) -> None:
    assert success_rate(await observe(world, url="/redirect")).value == 0
    assert success_rate(await observe(world, url="/redirect", follow=True)).value == 1


async def test_probes_on_a_schedule_keep_their_distance(world: TestWorld) -> None:
    observation = await observe(world, url="/health", probes=10, every="20ms")
    share = success_rate(observation)
    assert share.passed == share.total == 10
    assert share.span is not None
    assert 0.02 <= share.span < 5


async def test_a_stalled_target_does_not_stop_the_schedule(world: TestWorld, server: Server) -> None:
    observation = await observe(world, url="/stall", probes=40, every="5ms", timeout="150ms", in_flight=3)
    share = success_rate(observation)
    assert (share.passed, share.total, share.episodes) == (0, 40, 1)
    assert len(server.requests) < 40
    assert any("earlier probes were still waiting" in sentence(cause) for cause in observation.causes)
    assert sum(observation.causes.values()) == share.total


async def test_moments_held_up_by_a_stall_are_pending_until_it_is_over(world: TestWorld) -> None:
    """They fail together with the probe that holds them up, so who decides meanwhile has to know of them."""
    await observe(world, url="/stall", probes=60, every="10ms", timeout="600ms", in_flight=3)
    assert max(report.pending for report in world.reports) > 3


async def test_probes_planned_closer_than_they_are_answered_are_sent_all_the_same(world: TestWorld) -> None:
    """Moments held up by slow answers rank above every latency: a stall cannot hide."""
    observation = await observe(world, url="/slow?ms=50", probes=20, every="2ms", in_flight=3)
    share, latency = success_rate(observation), observation.measures["latency"]
    assert (share.passed, share.total) == (20, 20)
    assert isinstance(latency, Distribution)
    assert latency.good.n == 20
    assert latency.failed > 20
    assert any("rank above every latency" in sentence(note) for note in observation.notes)


async def test_beside_other_checks_it_goes_on_until_told_to_stop(server: Server, tmp_path: Path) -> None:
    async with world_at(server.url(), tmp_path, accompanies=True, stop_after=0.5) as world:
        observation = await observe(world, url="/health", every="10ms")
    share = success_rate(observation)
    assert share.passed == share.total > 0
    assert world.reports
    assert "probes" in world.reports[-1].text


async def test_outages_beside_other_checks_are_episodes(tmp_path: Path) -> None:
    """Probes 1 to 10, 21 to 30 and 41 to 50 fail."""
    enough = asyncio.Event()

    async def now_and_then(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
        count = server.count("probes")
        out.write(response({}, 503 if (count - 1) % 20 < 10 else 200))
        if count > 60:
            enough.set()

    async with (
        serving({"/x": now_and_then}) as server,
        world_at(server.url(), tmp_path, accompanies=True) as world,
    ):
        probing = asyncio.create_task(observe(world, url="/x", every="5ms"))
        await enough.wait()
        world.stop("everything else has ended")
        share = success_rate(await probing)
    assert (share.episodes or 0) >= 3
    assert share.failed >= 30


async def test_a_long_check_has_a_timeline(world: TestWorld) -> None:
    observation = await observe(world, url="/health", probes=22, every="100ms")
    assert [series.name for series in observation.timeline] == ["latency p95", "failures"]
    assert all(len(series.points) >= 3 for series in observation.timeline)


async def test_asked_to_stop_it_says_how_far_it_came(server: Server, tmp_path: Path) -> None:
    async with world_at(server.url(), tmp_path, stop_after=0.0, stop_because="interrupted") as world:
        observation = await observe(world, url="/slow?ms=30", probes=1000)
    assert 0 < success_rate(observation).total < 1000
    assert any("of 1,000 probes: interrupted" in sentence(note) for note in observation.notes)


async def test_without_a_target_a_path_cannot_be_observed(tmp_path: Path) -> None:
    async with world_at("", tmp_path, target=StaticAddresses()) as world:
        with raises(ObservationError, match="needs a default entry"):
            await observe(world, url="/health")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": "health"}, "neither a path"),
        ({"url": "/x", "probes": 0}, "greater than or equal to 1"),
        ({"url": "/x", "every": "0s"}, "greater than or equal to 0.001"),
        ({"url": "/x", "every": 5}, "has no unit"),
        ({"url": "/x", "expect": {"json": {"a": 1}}}, "not a JSONPath"),
        ({"url": "/x", "prob": 1}, "Extra inputs"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HealthParams.model_validate(wrong)


def test_it_says_what_it_does_and_how_much_it_can_see() -> None:
    params = HealthParams.model_validate({"url": "/health", "probes": 100, "every": "4ms"})
    assert sentence(Health().summary(params)) == "GET /health, 100 probes, every 4 ms"
    assert Health().samples(params) == 100
    assert Health().samples(HealthParams.model_validate({"url": "/x", "every": "1s"})) is None
    assert Health().defaults(params) == ("success_rate == 100%",)
