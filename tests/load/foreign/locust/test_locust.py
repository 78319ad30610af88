"""The Locust engine, with the real Locust: each request is counted inside it, in every process with users."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.load.engines import ENGINES, Locust, LocustParams
from phasegate.load.foreign.locust.locust import PLUGIN, Join
from phasegate.model.histogram import bucket_of
from phasegate.model.observation import CaseStatus
from phasegate.render.sentences import sentence
from phasegate.world import Progress
from tests.load.engines import cases, observed, processes_with, until, world_of
from tests.load.server import Reply, answer, scripted, unused_port
from tests.observed import distribution, number, share
from tests.telling import causes_told, raises

pytestmark = pytest.mark.paced

HEAD = """
import time
from locust import FastHttpUser, HttpUser, constant, events, task
"""
VISITOR = """
class Visitor(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def health(self):
        self.client.get("/health", name="health")
"""
SHORT: dict[str, Any] = {"users": 2, "duration": "1s", "timeout": "2s"}


@pytest.fixture
def locustfile(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        file = tmp_path / "visitors.py"
        file.write_text(HEAD + text)
        return file

    return write


async def test_every_request_is_counted_and_failures_have_their_cause(
    tmp_path: Path, locustfile: Any
) -> None:
    async with scripted(lambda n: Reply(pieces=(answer(503 if n % 5 == 0 else 200),))) as server:
        base = server.url.removesuffix("/health")
        world = world_of(base, tmp_path)
        observation = await observed("locust", world, locustfile=locustfile(VISITOR), **SHORT)
        sent = len(server.requests)
    assert observation.error is None
    success = share(observation, "success_rate")
    assert success.total == sent
    assert success.total - success.passed == (sent + 4) // 5
    assert success.sample
    assert distribution(observation, "latency").n == sent
    assert number(observation, "requests") == sent
    assert number(observation, "exceptions") == 0
    (cause,) = causes_told(observation)
    assert cause.startswith("GET health: ")
    assert "503" in cause
    part = observation.parts["GET health"]["success_rate"]
    assert part.total == sent  # type: ignore[union-attr]
    assert observation.timeline
    assert share(observation, "pass_rate").value == 1


async def test_latency_is_what_the_server_took_and_not_rounded(tmp_path: Path, locustfile: Any) -> None:
    async with scripted(Reply(delay=0.123)) as server:
        base = server.url.removesuffix("/health")
        world = world_of(base, tmp_path)
        observation = await observed("locust", world, locustfile=locustfile(VISITOR), **SHORT)
    good = distribution(observation, "latency").good
    assert good.minimum >= 0.122
    assert good.minimum_ns % 1_000_000  # Locust's own figures are whole milliseconds


async def test_workers_share_the_users_and_nothing_is_lost(tmp_path: Path, locustfile: Any) -> None:
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        observation = await observed(
            "locust", world_of(base, tmp_path), locustfile=locustfile(VISITOR), **SHORT, workers=2
        )
        sent = len(server.requests)
    assert observation.error is None
    assert share(observation, "success_rate").total == sent
    assert all(case.status is CaseStatus.PASSED for case in observation.cases)
    assert processes_with("locust") == []


async def test_an_exception_in_a_task_is_a_failed_case(tmp_path: Path, locustfile: Any) -> None:
    file = locustfile(
        "class Visitor(HttpUser):\n    wait_time = constant(0.2)\n\n    @task\n    def visit(self):\n"
        "        self.client.get('/health')\n        raise ValueError('no such thing')\n"
    )
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        observation = await observed("locust", world_of(base, tmp_path), locustfile=file, **SHORT)
    assert observation.error is None
    thrown = number(observation, "exceptions")
    assert thrown
    assert causes_told(observation) == {"exception: ValueError: no such thing": thrown}
    case = cases(observation)["script: every task ends without an exception"]
    assert case.status is CaseStatus.FAILED


async def test_an_exit_code_that_the_file_sets_is_a_case(tmp_path: Path, locustfile: Any) -> None:
    file = locustfile(
        VISITOR + "\n@events.quitting.add_listener\ndef judge(environment, **_):\n"
        "    environment.process_exit_code = 3\n"
    )
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        observation = await observed("locust", world_of(base, tmp_path), locustfile=file, **SHORT)
    case = cases(observation)["script: exit code"]
    assert (case.status, sentence(case.message)) == (CaseStatus.FAILED, "the file set the exit code 3")


async def test_users_who_had_to_be_killed_are_missing_evidence(tmp_path: Path, locustfile: Any) -> None:
    async with scripted(lambda n: Reply(delay=60 if n >= 2 else 0)) as server:
        base = server.url.removesuffix("/health")
        observation = await observed(
            "locust",
            world_of(base, tmp_path),
            locustfile=locustfile(VISITOR),
            **{**SHORT, "timeout": "1s"},
        )
    assert observation.error is None
    assert cases(observation)["script: every user ends in time"].status is CaseStatus.LOST
    assert share(observation, "pass_rate").skipped == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("class Visitor(FastHttpUser:\n", "SyntaxError"), ("x = 1\n", "defines no user class")],
)
async def test_a_file_that_does_not_run_is_no_observation(
    tmp_path: Path, locustfile: Any, text: str, message: str
) -> None:
    world = world_of("http://127.0.0.1:1", tmp_path)
    observation = await observed("locust", world, locustfile=locustfile(text), **SHORT)
    assert observation.error is not None
    assert message in sentence(observation.error)
    assert number(observation, "exceptions") is None
    assert share(observation, "pass_rate").passed == 0


async def test_a_target_that_is_not_there_has_been_observed(tmp_path: Path, locustfile: Any) -> None:
    world = world_of("http://127.0.0.1:1", tmp_path)
    observation = await observed("locust", world, locustfile=locustfile(VISITOR), **SHORT)
    assert observation.error is None
    success = share(observation, "success_rate")
    assert success.total > 0
    assert success.passed == 0
    assert any("refused" in cause.lower() for cause in causes_told(observation))


@pytest.mark.parametrize("workers", [1, 2])
async def test_it_stops_when_it_is_told_to_and_keeps_what_it_saw(
    tmp_path: Path, locustfile: Any, workers: int
) -> None:
    def stop(progress: Progress) -> str | None:
        return "seen enough" if "requests" in progress.text else None

    async with scripted() as server:
        base = server.url.removesuffix("/health")
        written = {**SHORT, "duration": "120s", "workers": workers}
        world = world_of(base, tmp_path, answers=stop)
        observation = await observed("locust", world, locustfile=locustfile(VISITOR), **written)
    assert observation.error is None
    assert "stopped early: seen enough" in map(sentence, observation.notes)
    assert share(observation, "success_rate").total > 0
    assert processes_with("locust") == []


async def test_cancellation_leaves_no_process(tmp_path: Path, locustfile: Any) -> None:
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        written = {**SHORT, "duration": "120s", "workers": 2}
        world = world_of(base, tmp_path)
        task = asyncio.create_task(observed("locust", world, locustfile=locustfile(VISITOR), **written))
        await until(lambda: server.requests)
        assert processes_with("locust")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert processes_with("locust") == []


async def test_workers_join_with_the_command_that_is_said(tmp_path: Path, locustfile: Any) -> None:
    """The other machine is this one: a worker that has neither the file nor phasegate, only the command."""
    join = {"workers": 1, "address": "127.0.0.1", "port": unused_port(), "within": "60s"}
    command = Join.model_validate(join).command.split()
    joined: list[asyncio.subprocess.Process] = []
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        world = world_of(base, tmp_path)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        task = asyncio.create_task(
            observed("locust", world, locustfile=locustfile(VISITOR), **SHORT, join=join)
        )
        await until(lambda: any("waiting for workers" in one.text for one in world.reports))
        assert any(" ".join(command) in one.text for one in world.reports)
        joined.append(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *command,
                cwd=elsewhere,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        )
        try:
            observation = await task
            sent = len(server.requests)
        finally:
            for process in joined:
                if process.returncode is None:
                    process.terminate()
                await process.wait()
    assert observation.error is None
    assert share(observation, "success_rate").total == sent
    assert "script: every worker reports" not in cases(observation)
    assert any(" ".join(command) in note for note in map(sentence, observation.notes))


async def test_workers_who_never_join_are_no_observation(tmp_path: Path, locustfile: Any) -> None:
    join = {"workers": 1, "address": "127.0.0.1", "port": unused_port(), "within": "1s"}
    world = world_of("http://127.0.0.1:1", tmp_path)
    observation = await observed("locust", world, locustfile=locustfile(VISITOR), **SHORT, join=join)
    assert observation.error is not None
    assert "waiting for workers" in sentence(observation.error)


async def test_a_host_that_is_not_the_targets_gets_no_load(tmp_path: Path, locustfile: Any) -> None:
    world = world_of("http://127.0.0.1:1", tmp_path)
    with raises(ObservationError, match="is not on the target"):
        await observed("locust", world, locustfile=locustfile(VISITOR), **SHORT, host="http://127.0.0.1:2")


def test_locust_that_is_not_there_is_named_with_the_command_that_installs_it() -> None:
    params = LocustParams.model_validate({"locustfile": "a.py", "users": 1, "python": "python"})
    (requirement,) = Locust().requirements(params)
    assert requirement.program == sys.executable
    assert requirement.arguments == ("-c", "import locust")
    assert requirement.install == f"{sys.executable} -m pip install locust"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"locustfile": "a.py"}, "Field required"),
        ({"locustfile": "a.py", "users": 1, "vus": 3}, "Extra inputs"),
        ({"locustfile": "a.py", "users": 1, "workers": 2}, "2 workers cannot share 1 users"),
        ({"locustfile": "a.py", "users": 1, "duration": "1500ms"}, "whole seconds"),
        ({"locustfile": "a.py", "users": 1, "spawn_rate": "0/s"}, "starts no user"),
        ({"locustfile": "a.py", "users": 1, "args": ["--users", "7"]}, "write users"),
        ({"locustfile": "a.py", "users": 1, "args": ["-t5s"]}, "write duration"),
        ({"locustfile": "a.py", "users": 1, "join": {"workers": 1}}, "address"),
    ],
)
def test_what_cannot_work_is_a_plan_error(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=None) as caught:
        ENGINES["locust"].Params.model_validate(written)
    assert message in str(caught.value)


@given(st.integers(0, 10**13))
def test_the_plugin_counts_into_the_same_buckets(nanoseconds: int) -> None:
    assert _plugin_bucket()(nanoseconds) == bucket_of(nanoseconds)


def _plugin_bucket() -> Any:
    """From its text: importing Locust would patch this process."""
    text = PLUGIN.read_text()
    start = text.index("def _bucket(")
    scope: dict[str, Any] = {}
    exec(text[start : text.index("\n\n\n", start)], scope)
    return scope["_bucket"]
