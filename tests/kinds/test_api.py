"""API suites against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from phasegate.kinds.api import Api, ApiParams
from phasegate.model.measures import Distribution, Number, Share
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.render.sentences import sentence
from phasegate.world import HttpClient, HttpFailure, HttpReply, HttpRequest
from tests.servers import Server, serving, unused_port
from tests.telling import causes_told
from tests.worlds import StaticAddresses, TestWorld, world_at


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def world(server: Server, tmp_path: Path) -> AsyncIterator[TestWorld]:
    async with world_at(server.url(), tmp_path) as made:
        yield made


def params(text: str) -> ApiParams:
    return ApiParams.model_validate({"suite": {"suite": 1} | yaml.safe_load(text), "timeout": "2s"})


async def observe(world: TestWorld, text: str) -> Observation:
    return await Api().observe(params(text), world)


def statuses(observation: Observation) -> dict[str, str]:
    return {case.id: case.status.value for case in observation.cases}


def case(observation: Observation, id: str) -> Case:
    return next(case for case in observation.cases if case.id == id)


def pass_rate(observation: Observation, part: str = "") -> Share:
    measures = observation.parts[part] if part else observation.measures
    share = measures["pass_rate"]
    assert isinstance(share, Share)
    return share


async def test_request_whose_time_was_over_while_phasegate_stood_still_is_no_failure(
    world: TestWorld,
) -> None:
    suite = "flows: [{id: f, requests: [{id: a, url: '/freeze?s=3', expect: {status: 200}}]}]"
    observation = await observe(world, suite)
    assert observation.error is not None
    assert "request 'a': " in sentence(observation.error)
    assert "phasegate itself was paused for " in sentence(observation.error)


SESSION = """
headers: {Accept: application/json}
setup:
  - {id: login, url: /login, expect: {status: 200}, capture: {token: {json: $.token, secret: true}, id: $.id}}
teardown:
  - {id: logout, url: "/echo?id=${id}", expect: {status: 200}}
flows:
  - id: token
    tags: [smoke]
    requests:
      - id: known
        url: /whoami
        headers: {Authorization: "Bearer ${token}"}
        expect: {status: 200, json: {$.user: ada}}
      - id: body
        method: POST
        url: /echo
        json: {id: "${id}", text: "number ${id} costs 5$$"}
        expect: {json: {$.body: '{"id": 7, "text": "number 7 costs 5$$"}'}}
  - id: stranger
    requests:
      - {id: unknown, url: /whoami, expect: {status: 401}}
"""


async def test_captures_of_setup_reach_every_flow_and_keep_their_types(world: TestWorld) -> None:
    observation = await observe(world, SESSION)
    assert set(statuses(observation).values()) == {"passed"}
    assert list(statuses(observation)) == [
        "setup/login",
        "token/known",
        "token/body",
        "stranger/unknown",
        "teardown/logout",
    ]
    assert pass_rate(observation).value == 1
    assert world.secrets == ["s3cr3t-token-value"]


async def test_measures_count_requests_and_parts_are_flows_requests_and_tags(world: TestWorld) -> None:
    observation = await observe(world, SESSION)
    counts = {
        name: measure.value for name, measure in observation.measures.items() if isinstance(measure, Number)
    }
    assert counts == {"passed": 5, "failed": 0, "skipped": 0, "total": 5}
    assert pass_rate(observation, "token").total == 2
    assert pass_rate(observation, "token/known").total == 1
    assert pass_rate(observation, "smoke").total == 2
    measured = observation.parts["token"]["latency"]
    assert isinstance(measured, Distribution)
    assert measured.good.n == 2
    assert observation.parts.keys() == Api().parts(params(SESSION))


FAILING = """
flows:
  - id: broken
    requests:
      - {id: fine, url: /ok, expect: {status: 200}}
      - {id: wrong, url: "/status?code=503", expect: {status: 200, json: {$.status: ok}}}
      - {id: after, url: /ok, expect: {status: 200}}
  - id: other
    requests:
      - {id: fine, url: /ok, expect: {status: 200}}
"""


async def test_a_failed_request_stops_its_flow_and_no_other(world: TestWorld, server: Server) -> None:
    observation = await observe(world, FAILING)
    assert statuses(observation) == {
        "broken/fine": "passed",
        "broken/wrong": "failed",
        "broken/after": "skipped",
        "other/fine": "passed",
    }
    assert sentence(case(observation, "broken/after").message) == "not sent: broken/wrong failed"
    assert len(server.requests) == 3
    share = pass_rate(observation)
    assert (share.passed, share.total, share.skipped) == (2, 4, 1)
    assert causes_told(observation) == {"expected status 200, got 503": 1}


async def test_a_failed_expectation_says_expected_and_actual_and_keeps_the_exchange(world: TestWorld) -> None:
    failed = case(await observe(world, FAILING), "broken/wrong")
    assert sentence(failed.message).splitlines() == [
        "expected status 200, got 503",
        'answer: {"error": {"code": 503, "message": "as asked"}}',
        'expected $.status to equal "ok", got nothing',
    ]
    [path] = failed.evidence
    text = world.evidence_text(path)
    assert "GET http://127.0.0.1" in text
    assert "503 after" in text
    assert '"message": "as asked"' in text
    assert case(await observe(world, FAILING), "broken/fine").evidence == ()


async def test_a_failed_request_ranks_above_every_latency(world: TestWorld) -> None:
    measured = (await observe(world, FAILING)).measures["latency"]
    assert isinstance(measured, Distribution)
    assert (measured.good.n, measured.failed) == (2, 1)


async def test_a_refused_connection_is_a_failed_case_not_an_error(tmp_path: Path) -> None:
    async with world_at(f"http://127.0.0.1:{unused_port()}", tmp_path) as world:
        observation = await observe(world, FAILING)
    assert observation.error is None
    assert sentence(case(observation, "broken/fine").message).endswith("connection refused")
    assert pass_rate(observation).passed == 0


async def test_a_failed_setup_skips_everything_but_teardown(world: TestWorld, server: Server) -> None:
    text = """
    setup:
      - {id: prepare, url: /ok, expect: {status: 200}, capture: {a: $.status}}
      - {id: login, url: "/status?code=500", expect: {status: 200}, capture: {b: $.b}}
    flows:
      - {id: f, requests: [{id: r, url: "/${b}", each: [1, 2], expect: {status: 200}}]}
    teardown:
      - {id: undo, url: "/echo?a=${a}", expect: {status: 200}}
      - {id: logout, url: "/echo?b=${b}", expect: {status: 200}}
    """
    observation = await observe(world, text)
    assert statuses(observation) == {
        "setup/prepare": "passed",
        "setup/login": "failed",
        "f/r[1]": "skipped",
        "f/r[2]": "skipped",
        "teardown/undo": "passed",
        "teardown/logout": "skipped",
    }
    assert sentence(case(observation, "f/r[1]").message) == "not sent: setup/login failed"
    assert sentence(case(observation, "teardown/logout").message) == "not sent: ${b} was never captured"


async def test_teardown_runs_when_the_check_is_cancelled(world: TestWorld, server: Server) -> None:
    text = """
    flows: [{id: f, requests: [{id: r, url: /stall, expect: {status: 200}}]}]
    teardown: [{id: undo, url: /ok, expect: {status: 200}}]
    """
    task = asyncio.create_task(observe(world, text))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [request.path for request in server.requests] == ["/stall", "/ok"]


async def test_every_row_is_a_case_and_a_failed_one_holds_back_no_other(world: TestWorld) -> None:
    text = """
    flows:
      - id: f
        requests:
          - id: r
            url: "/status?code=${each}"
            each: {good: 200, bad: 500, fine: 201}
            expect: {status: 2xx}
          - {id: next, url: /ok, expect: {status: 200}}
    """
    observation = await observe(world, text)
    assert statuses(observation) == {
        "f/r[good]": "passed",
        "f/r[bad]": "failed",
        "f/r[fine]": "passed",
        "f/next": "skipped",
    }
    assert pass_rate(observation, "f/r").total == 3


async def test_rows_come_from_files_and_columns_are_names(world: TestWorld, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("code,body\n200,a\n201,b\n")
    text = f"""
    flows:
      - id: f
        requests:
          - id: r
            url: "/status?code=${{code}}"
            each: {{csv: {tmp_path / "codes.csv"}}}
            expect: {{status: "${{code}}"}}
    """
    assert statuses(await observe(world, text)) == {"f/r[1]": "passed", "f/r[2]": "passed"}


async def test_no_rows_is_missing_evidence_and_no_pass(world: TestWorld) -> None:
    text = "flows: [{id: f, requests: [{id: r, url: /ok, each: [], expect: {status: 200}}]}]"
    observation = await observe(world, text)
    assert statuses(observation) == {"f/r": "skipped"}
    assert pass_rate(observation).skipped == 1


@pytest.mark.parametrize("text", ["{}", "flows: []", "flows: [{id: f}]"])
async def test_a_suite_without_requests_is_an_error(world: TestWorld, text: str) -> None:
    observation = await observe(world, text)
    assert observation.error is not None
    assert "no requests" in sentence(observation.error)


async def test_cookies_live_in_their_flow(world: TestWorld) -> None:
    text = """
    flows:
      - id: with
        requests:
          - {id: login, url: /login, expect: {status: 200}}
          - {id: me, url: /whoami, expect: {json: {$.user: ada}}}
      - id: without
        requests:
          - {id: wait, url: "/slow?ms=100", expect: {status: 200}}
          - {id: me, url: /whoami, expect: {status: 401}}
    """
    assert set(statuses(await observe(world, text)).values()) == {"passed"}


async def test_cookies_set_on_the_way_of_a_redirect_are_kept(world: TestWorld, server: Server) -> None:
    text = """
    flows:
      - id: f
        requests:
          - id: r
            url: "/redirect?to=/echo&cookie=yes"
            follow: true
            expect: {json: {$.headers.cookie: seen=yes}}
    """
    assert statuses(await observe(world, text)) == {"f/r": "passed"}


async def test_captures_by_header_and_regex(world: TestWorld) -> None:
    text = r"""
    flows:
      - id: f
        requests:
          - id: take
            url: /login
            expect: {status: 200}
            capture: {x: {header: X-Id}, y: {regex: '"id": (\d+)'}, all: {regex: "s3cr\\dt"}}
          - id: use
            url: "/echo?x=${x}&y=${y}&all=${all}"
            expect: {json: {$.query: {eq: {x: "42", y: "7", all: s3cr3t}}}}
    """
    assert set(statuses(await observe(world, text)).values()) == {"passed"}


@pytest.mark.parametrize(
    ("capture", "says"),
    [
        ("$.nothing", "there is no $.nothing in"),
        ("{header: X-None}", "the response has no header X-None"),
        ("{regex: nothing=(.*)}", "nothing matches"),
    ],
)
async def test_a_missing_capture_fails_the_case(world: TestWorld, capture: str, says: str) -> None:
    request = f"{{id: r, url: /ok, expect: {{status: 200}}, capture: {{v: {capture}}}}}"
    text = f"flows: [{{id: f, requests: [{request}]}}]"
    failed = case(await observe(world, text), "f/r")
    assert failed.status is CaseStatus.FAILED
    assert sentence(failed.message).startswith("cannot capture v: ")
    assert says in sentence(failed.message)


async def test_a_retried_request_keeps_its_tries_and_is_flaky(world: TestWorld) -> None:
    text = """
    flows:
      - id: f
        requests:
          - {id: r, url: "/flaky?n=2", retry: {attempts: 3, wait: 1ms}, expect: {status: 200}}
          - {id: never, url: "/status?code=500", retry: {attempts: 3, wait: 1ms}, expect: {status: 200}}
    """
    observation = await observe(world, text)
    passed = case(observation, "f/r")
    assert passed.flaky
    assert [sentence(attempt.message) for attempt in passed.earlier] == ["expected status 200, got 503"] * 2
    assert len(case(observation, "f/never").earlier) == 2


async def test_until_polls_and_is_not_flaky(world: TestWorld, server: Server) -> None:
    text = """
    flows:
      - id: f
        requests:
          - id: r
            url: "/flaky?n=3"
            until: {json: {$.status: ok}, within: 5s, every: 5ms}
            expect: {json: {$.status: {type: string}}}
            capture: {status: $.status}
    """
    polled = case(await observe(world, text), "f/r")
    assert (polled.status, polled.flaky) == (CaseStatus.PASSED, False)
    assert len(server.requests) == 4


@dataclass
class Crowded:
    """A client at which each request waits for a place first."""

    http: HttpClient
    room: bool = False

    async def send(self, request: HttpRequest) -> HttpReply | HttpFailure:
        await asyncio.sleep(0.6)
        return await self.http.send(request)


async def test_until_does_not_count_the_time_that_requests_wait_for_a_place(world: TestWorld) -> None:
    world.http = Crowded(world.http)
    text = """
    flows:
      - id: f
        requests:
          - {id: r, url: "/flaky?n=2", until: {json: {$.status: ok}, within: 1s, every: 5ms}}
    """
    assert statuses(await observe(world, text)) == {"f/r": "passed"}


async def test_until_gives_up_in_time_and_says_what_came_last(world: TestWorld) -> None:
    text = """
    flows:
      - id: f
        requests:
          - {id: r, url: /ok, until: {json: {$.status: done}, within: 100ms, every: 10ms}}
    """
    failed = case(await observe(world, text), "f/r")
    assert failed.status is CaseStatus.FAILED
    assert 'expected $.status to equal "done", got "ok"' in sentence(failed.message)
    assert "not so within 100 ms" in sentence(failed.message)


async def test_queries_forms_multipart_and_raw_bodies(
    world: TestWorld, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_text("from a file")
    text = f"""
    flows:
      - id: f
        requests:
          - {{id: query, url: "/echo?z=0", query: {{a: [1, 2], b: "x y&", c: true}}, expect: {{status: 200}}}}
          - {{id: form, method: POST, url: /echo, form: {{a: 1, b: "x&y"}}, expect: {{status: 200}}}}
          - id: multipart
            method: POST
            url: /echo
            multipart: {{plain: text, file: {{file: {tmp_path / "file.txt"}, content_type: text/plain}}}}
            expect: {{status: 200}}
          - id: raw
            method: POST
            url: /echo
            body: "plain $$1"
            headers: {{Content-Type: text/x}}
            expect: {{status: 200}}
          - {{id: nothing, method: POST, url: /echo, expect: {{status: 200}}}}
    """
    assert set(statuses(await observe(world, text)).values()) == {"passed"}
    query, form, multipart, raw, nothing = server.requests
    assert query.query == {"z": "0", "a": "2", "b": "x y&", "c": "true"}
    assert (form.body, form.headers["content-type"]) == (
        b"a=1&b=x%26y",
        "application/x-www-form-urlencoded",
    )
    assert b'name="file"; filename="file.txt"' in multipart.body
    assert b"from a file" in multipart.body
    assert multipart.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert (raw.body, raw.headers["content-type"]) == (b"plain $1", "text/x")
    assert nothing.headers["content-length"] == "0"


async def test_the_base_joins_paths_and_knows_target_addresses(server: Server, tmp_path: Path) -> None:
    target = StaticAddresses({"app": f"http://127.0.0.1:{unused_port()}", "other": server.url()})
    text = """
    base: ${target.other.url}/
    flows: [{id: f, requests: [{id: r, url: "/echo?port=${target.other.port}", expect: {status: 200}}]}]
    """
    async with world_at("", tmp_path, target=target) as world:
        assert statuses(await observe(world, text)) == {"f/r": "passed"}
    assert server.requests[0].query == {"port": str(server.port)}


async def test_selected_cases_run_the_flows_that_hold_them(server: Server, tmp_path: Path) -> None:
    for name, ids in (
        ("other", ["other/fine"]),
        ("broken/after", ["broken/fine", "broken/wrong", "broken/after"]),
    ):
        async with world_at(server.url(), tmp_path, cases=(name,)) as world:
            observation = await observe(world, FAILING)
        assert list(statuses(observation)) == ids
        assert any("1 of 2 flows selected" in sentence(note) for note in observation.notes)
    async with world_at(server.url(), tmp_path, cases=("nothing",)) as world:
        assert "nothing" in sentence((await observe(world, FAILING)).error or "")


RECOVERING = """
flows:
  - id: recovers
    requests:
      - {id: first, url: "/flaky?n=1", expect: {status: 200}}
      - {id: second, url: /ok, expect: {status: 200}}
  - id: good
    requests:
      - {id: fine, url: /items, expect: {status: 200}}
"""


async def test_a_retried_census_reruns_only_flows_that_did_not_pass(server: Server, tmp_path: Path) -> None:
    async with world_at(server.url(), tmp_path) as world:
        first = await observe(world, RECOVERING)
    assert statuses(first) == {
        "recovers/first": "failed",
        "recovers/second": "skipped",
        "good/fine": "passed",
    }
    async with world_at(server.url(), tmp_path, earlier=first.cases) as world:
        second = await observe(world, RECOVERING)
    assert set(statuses(second).values()) == {"passed"}
    assert pass_rate(second).total == pass_rate(first).total == 3
    assert case(second, "recovers/first").flaky
    assert [request.path for request in server.requests].count("/items") == 1
    assert len(second.notes) == 1


async def test_asked_to_stop_it_sends_nothing_more_but_teardown(server: Server, tmp_path: Path) -> None:
    text = """
    flows:
      - id: f
        requests:
          - {id: a, url: /ok, expect: {status: 200}}
          - {id: b, url: /ok, expect: {status: 200}}
    teardown: [{id: undo, url: /ok, expect: {status: 200}}]
    """
    async with world_at(server.url(), tmp_path, stop_because="interrupted") as world:
        observation = await observe(world, text)
    assert statuses(observation) == {"f/a": "passed", "f/b": "skipped", "teardown/undo": "passed"}
    assert sentence(case(observation, "f/b").message) == "not sent: interrupted"


async def test_cases_are_reported_as_they_finish(world: TestWorld) -> None:
    await observe(world, FAILING)
    reported = [case.id for report in world.reports for case in report.cases]
    assert sorted(reported) == ["broken/after", "broken/fine", "broken/wrong", "other/fine"]
    assert world.reports[-1].done == 1.0


async def test_flows_run_side_by_side(world: TestWorld, server: Server) -> None:
    flows = [
        {"id": f"f{n}", "requests": [{"id": "r", "url": "/slow?ms=100", "expect": {"status": 200}}]}
        for n in range(4)
    ]
    await observe(world, yaml.safe_dump({"flows": flows}))
    assert server.most_in_flight > 1


async def test_a_value_nobody_has_at_run_time_is_an_error(world: TestWorld) -> None:
    text = "flows: [{id: f, requests: [{id: r, url: '/${target.nobody.port}', expect: {status: 200}}]}]"
    observation = await observe(world, text)
    assert sentence(observation.error or "") == "request 'r': ${target.nobody.port} has no value"
    assert "f/r" not in statuses(observation)


async def test_an_expectation_that_makes_no_sense_with_a_captured_value_fails_the_case(
    world: TestWorld,
) -> None:
    text = """
    flows:
      - id: f
        requests:
          - {id: a, url: /ok, expect: {status: 200}, capture: {v: $.status}}
          - {id: b, url: /ok, expect: {json: {$.status: {length: "${v}"}}}}
    """
    failed = case(await observe(world, text), "f/b")
    assert failed.status is CaseStatus.FAILED
    assert "a length is a whole number" in sentence(failed.message)


class DeadAddress:
    """A client that fails in a way no server can."""

    room = True

    async def send(self, request: HttpRequest) -> HttpReply | HttpFailure:
        raise RuntimeError("a defect")


async def test_a_defect_is_not_hidden(world: TestWorld) -> None:
    world.http = DeadAddress()
    with pytest.raises(ExceptionGroup):
        await observe(world, FAILING)
