"""Journeys under load: flows of suites, mixes and data, with real workers and a scripted service."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError, PlanError
from phasegate.http.addresses import Address, TargetAddresses
from phasegate.http.client import Network
from phasegate.kinds import KINDS
from phasegate.kinds.load.kind import Load
from phasegate.kinds.load.params import LoadParams
from phasegate.model.measures import Distribution, Share
from phasegate.model.observation import Observation
from phasegate.plan.loader import load
from phasegate.render.sentences import sentence
from tests.load.server import Reply, Scripted, answer, scripted
from tests.load.sessions import FLOW, SUITE, path_of, sessions
from tests.load.world import LoadWorld, OneAddress
from tests.observed import number
from tests.telling import causes_told, raises

pytestmark = [pytest.mark.paced, pytest.mark.slow]


def params(**written: Any) -> LoadParams:
    return LoadParams.model_validate({"duration": "500ms", "timeout": "20s", **written})


async def observe(server: Scripted, **written: Any) -> tuple[Observation, LoadWorld]:
    around = LoadWorld(target=OneAddress(f"http://127.0.0.1:{server.port}"))
    return await Load().observe(params(**written), around), around


def share(measures: Any) -> tuple[int, int]:
    assert "success_rate" in measures, "a worker was late"
    measure = measures["success_rate"]
    assert isinstance(measure, Share)
    return measure.passed, measure.total


def flow(*requests: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"suite": 1, "flows": [{"id": "one", "requests": list(requests)}], **more}


# journeys


@pytest.mark.parametrize("model", [{"rate": "100/s", "connections": 20, "workers": 2}, {"connections": 3}])
async def test_one_arrival_is_one_journey_with_captures_cookies_and_headers(model: dict[str, Any]) -> None:
    async with sessions() as server:
        observed, _ = await observe(server, flow=SUITE, **model)
        paths = [path_of(request) for request in server.requests]
        assert all(b"\r\nX-Common: yes\r\n" in request for request in server.requests)
        connections = server.connections
    begun = paths.count("/sessions")
    assert share(observed.measures) == (begun, begun), observed.causes
    assert number(observed, "journeys") == begun
    assert number(observed, "requests") == len(paths) == 3 * begun
    assert set(observed.parts) == {"open", "execute", "read"}
    assert all(share(part) == (begun, begun) for part in observed.parts.values())
    if "rate" in model:
        assert begun == 50
    assert connections <= 20, "connections are kept between journeys"


async def test_journey_takes_as_long_as_its_requests_and_parts_as_long_as_theirs() -> None:
    async with sessions(other=lambda path, _: None, delay=0.02) as server:
        observed, _ = await observe(server, flow=SUITE, rate="20/s")
    whole = observed.measures["latency"]
    part = observed.parts["read"]["latency"]
    assert isinstance(whole, Distribution)
    assert isinstance(part, Distribution)
    assert whole.good.minimum_ns >= 3 * 20_000_000
    assert part.good.minimum_ns >= 20_000_000
    assert part.good.minimum_ns < whole.good.minimum_ns


async def test_failed_request_ends_its_journey_and_is_named() -> None:
    def other(path: str, number: int) -> Reply | None:
        return Reply(pieces=(answer(200, b'{"result": 41}'),)) if path.endswith("/run") else None

    async with sessions(other=other) as server:
        observed, world = await observe(server, flow=SUITE, rate="40/s")
        paths = [path_of(request) for request in server.requests]
    assert share(observed.measures) == (0, 20)
    assert not any(path.count("/") == 2 for path in paths), "nothing was read"
    assert share(observed.parts["open"]) == (20, 20)
    assert share(observed.parts["execute"]) == (0, 20)
    assert share(observed.parts["read"]) == (0, 0)
    assert all(
        cause.startswith("execute: expected $.result to equal 42, got 41") for cause in causes_told(observed)
    )
    text = world.evidence.files["failed-request-1.txt"]
    assert "POST /sessions/s" in text
    assert '{"result": 41}' in text


async def test_journey_goes_on_over_a_new_connection_where_the_target_closes_each() -> None:
    for model in ({"rate": "40/s"}, {"connections": 2}):
        async with sessions("Connection: close", end="close") as server:
            observed, _ = await observe(server, flow=SUITE, **model)
            passed, total = share(observed.measures)
            assert passed == total > 2, observed.causes
            assert 3 * total == len(server.requests) <= server.connections


@pytest.mark.parametrize("fields", [b"Server: x", b"Content-Length: 5000", b"Transfer-Encoding: chunked"])
async def test_head_within_a_journey_keeps_the_connection_with_and_without_a_length(fields: bytes) -> None:
    head = Reply(pieces=(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n",))
    asked = {"method": "HEAD", "url": "/there", "expect": {"status": 200}}
    suite = flow(
        {"id": "a", **asked}, {"id": "b", "url": "/", "expect": {"status": 200}}, {"id": "c", **asked}
    )
    async with sessions(other=lambda path, _: head if path == "/there" else None) as server:
        observed, _ = await observe(server, flow=suite, connections=2)
        assert server.connections == 2
        passed, total = share(observed.measures)
        assert 3 * total == len(server.requests) > 30
    assert passed == total, observed.causes


async def test_head_that_announces_the_end_of_its_connection_is_followed_over_another() -> None:
    head = Reply(pieces=(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",), end="close")
    suite = flow({"id": "a", "method": "HEAD", "url": "/", "expect": {"status": 200}})
    async with scripted(head) as server:
        observed, _ = await observe(server, flow=suite, rate="40/s")
        assert len(server.requests) == 20 == server.connections
    assert share(observed.measures) == (20, 20), observed.causes


def moved(path: str, number: int) -> Reply | None:
    where = {"/old": "/sessions", "/older": "/old"}.get(path)
    return None if where is None else Reply(pieces=(answer(307, b"", f"Location: {where}"),))


async def test_redirect_within_a_journey_is_followed_where_its_request_says_so() -> None:
    first, *rest = FLOW["requests"]
    requests = [{**first, "url": "/older", "follow": True}, *rest]
    suite = {**SUITE, "flows": [{"id": "one", "requests": requests}]}
    async with sessions(other=moved) as server:
        observed, _ = await observe(server, flow=suite, rate="40/s")
        assert Counter(path_of(request).count("/") for request in server.requests) == {1: 60, 2: 20, 3: 20}
    assert share(observed.measures) == share(observed.parts["open"]) == (20, 20), observed.causes
    assert (number(observed, "requests"), number(observed, "redirects")) == (100, 40)


async def test_single_requests_and_those_of_a_mix_follow_redirects() -> None:
    mix = [
        {"id": "a", "url": "/older", "follow": True, "method": "POST", "expect": {"status": 201}},
        {"id": "b", "url": "/old"},
    ]
    async with sessions(other=moved) as server:
        single, _ = await observe(server, url="/old", follow=True, rate="40/s")
        mixed, world = await observe(server, mix=mix, rate="40/s")
    assert share(single.measures) == (20, 20), single.causes
    assert (number(single, "requests"), number(single, "redirects")) == (40, 20)
    assert share(mixed.parts["a"]) == (10, 10)
    assert causes_told(mixed) == {"expected status 2xx, got 307": 10}
    assert number(mixed, "redirects") == 30
    assert "GET /old HTTP/1.1" in world.evidence.files["failed-request-1.txt"]


async def test_redirect_is_followed_through_a_unix_socket_with_the_headers_of_the_target(
    tmp_path: Path,
) -> None:
    path = tmp_path / "app.sock"
    async with scripted(path=path) as server:
        server.script = lambda n: moved(path_of(server.requests[n]), n) or Reply()
        around = LoadWorld(target=OneAddress("http://app.test", extra=(("X-Tenant", "a"),)))
        written = {"url": "/old", "follow": True, "unix": str(path), "rate": "20/s"}
        observed = await Load().observe(params(**written), around)
        assert all(b"\r\nX-Tenant: a\r\n" in request for request in server.requests)
        assert len(server.requests) == 20
    assert share(observed.measures) == (10, 10), observed.causes


async def test_redirect_to_another_entry_of_the_target_is_told_from_one_that_leaves_it() -> None:
    async with scripted() as one, scripted() as other:
        one.script = lambda n: Reply(
            pieces=(answer(302, b"", f"Location: http://{'127.0.0.1' if n % 2 else 'h'}:{other.port}/"),)
        )
        target = TargetAddresses(
            [
                Address(id="a", url=f"http://127.0.0.1:{one.port}"),
                Address(id="b", url=f"http://localhost:{other.port}/api"),
            ],
            "a",
        )
        around = LoadWorld(target=target)
        observed = await Load().observe(params(url="/", follow=True, rate="20/s"), around)
        assert not other.connections
        where = f"redirect not followed: to http://{{}}:{other.port}, "
        assert causes_told(observed) == {
            f"{where.format('127.0.0.1')}which is declared, but a load goes to one host and port over one "
            "scheme": 5,
            f"{where.format('h')}which the plan's target does not declare": 5,
        }


async def test_reset_in_the_middle_fails_the_journey_at_its_request() -> None:
    def other(path: str, number: int) -> Reply | None:
        return Reply(pieces=(), end="reset") if path.endswith("/run") else None

    async with sessions(other=other) as server:
        observed, _ = await observe(server, flow=SUITE, rate="40/s")
    assert share(observed.measures) == (0, 20)
    assert causes_told(observed) == {"execute: connection reset: reset without an answer": 20}


async def test_journey_that_stalls_is_a_timeout_of_its_request() -> None:
    def other(path: str, number: int) -> Reply | None:
        return Reply(delay=5) if path.endswith("/run") else None

    async with sessions(other=other) as server:
        observed, _ = await observe(server, flow=SUITE, rate="10/s", timeout="1s")
    assert share(observed.measures) == (0, 5)
    assert share(observed.parts["execute"]) == (0, 5)
    assert all(cause.startswith("execute: timeout: ") for cause in causes_told(observed))


async def test_journeys_that_were_never_begun_are_dropped_and_above_every_latency() -> None:
    async with sessions(delay=0.1) as server:
        observed, _ = await observe(server, flow=SUITE, rate="100/s", connections=2, timeout="300ms")
    rate = observed.measures["achieved_rate"]
    whole = observed.measures["latency"]
    assert isinstance(rate, Share)
    assert isinstance(whole, Distribution)
    assert rate.total == 50
    assert rate.passed == 50 - (number(observed, "dropped") or 0) < 50
    assert whole.failed >= (number(observed, "dropped") or 0)


async def test_setup_is_sent_once_and_teardown_after_the_load() -> None:
    suite = flow(
        {"id": "use", "url": "/use/${token}", "expect": {"status": 200}},
        setup=[
            {"id": "log-in", "url": "/log-in", "expect": {"status": 200}, "capture": {"token": "$.token"}}
        ],
        teardown=[{"id": "log-out", "url": "/log-out/${token}", "expect": {"status": 200}}],
    )
    async with scripted(Reply(pieces=(answer(200, b'{"token": "a b/c"}'),))) as server:
        observed, _ = await _with_client(server, flow=suite, rate="40/s", workers=2)
        paths = [path_of(request) for request in server.requests]
    assert paths[0] == "/log-in"
    assert paths[-1].startswith("/log-out/a%20b/c")
    assert paths[1:-1] == ["/use/a%20b/c"] * 20
    assert share(observed.measures) == (20, 20)


async def test_failed_setup_sends_no_load() -> None:
    suite = flow(
        {"id": "use", "url": "/use", "expect": {"status": 200}},
        setup=[{"id": "log-in", "url": "/log-in", "expect": {"status": 200}}],
    )
    async with scripted(Reply(pieces=(answer(403),))) as server:
        with raises(ObservationError, match="no load was sent: setup/log-in failed: expected status 200"):
            await _with_client(server, flow=suite, rate="40/s")
        assert len(server.requests) == 1


async def _with_client(server: Scripted, **written: Any) -> tuple[Observation, LoadWorld]:
    target = OneAddress(f"http://127.0.0.1:{server.port}")
    async with Network(target).client() as http:
        around = LoadWorld(target=target, http=http)
        return await Load().observe(params(**written), around), around


async def test_secret_captures_are_in_no_evidence() -> None:
    secret = "hunter2-hunter2"
    suite = flow(
        {
            "id": "log-in",
            "url": "/log-in",
            "expect": {"status": 200},
            "capture": {"token": {"json": "$.token", "secret": True}},
        },
        {"id": "use", "url": "/use/${token}", "expect": {"status": 200, "json": {"$.token": "other"}}},
    )
    async with scripted(Reply(pieces=(answer(200, json.dumps({"token": secret}).encode()),))) as server:
        observed, world = await observe(server, flow=suite, rate="10/s")
    assert share(observed.measures) == (0, 5)
    assert secret not in str(observed) + str(world.evidence.files)


async def test_head_requests_and_empty_bodies_keep_the_connection() -> None:
    suite = flow(
        {"id": "look", "method": "HEAD", "url": "/", "expect": {"status": 200}},
        {"id": "push", "method": "POST", "url": "/", "expect": {"status": 200}},
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
    async with scripted() as server:
        server.script = lambda n: Reply(pieces=(head,)) if server.requests[n][:4] == b"HEAD" else Reply()
        observed, _ = await observe(server, flow=suite, connections=1)
        assert server.connections == 1
    passed, total = share(observed.measures)
    assert passed == total > 5, observed.causes


# mixes and data


async def test_mix_keeps_its_proportions_exactly() -> None:
    mix = [{"weight": 3, "url": "/health", "id": "health"}, {"weight": 1, "flow": SUITE}]
    async with sessions() as server:
        observed, _ = await observe(server, mix=mix, rate="160/s")
        paths = Counter(
            path_of(request).rpartition("/s")[0] or path_of(request) for request in server.requests
        )
    assert share(observed.parts["health"]) == (60, 60)
    assert share(observed.parts["lifecycle"]) == (20, 20)
    assert share(observed.parts["lifecycle/execute"]) == (20, 20)
    assert paths["/health"] == 60
    assert number(observed, "journeys") == 80
    assert number(observed, "requests") == 60 + 3 * 20


@pytest.mark.parametrize("order", ["sequence", "random"])
async def test_rows_are_put_in_and_shared_by_workers(tmp_path: Path, order: str) -> None:
    file = tmp_path / "users.csv"
    file.write_text("user,word\n" + "".join(f"u{n},w {n}&\n" for n in range(25)))
    written: dict[str, Any] = {
        "url": "/users/${user}?word=${word}&price=5$$",
        "headers": {"X-User": "${user}"},
        "expect": {"json": {"$.user": "${user}"}},
        "data": {"csv": str(file), "order": order},
    }
    async with scripted() as server:

        def script(n: int) -> Reply:
            user = path_of(server.requests[n]).split("/")[2].partition("?")[0]
            assert f"\r\nX-User: {user}\r\n".encode() in server.requests[n]
            return Reply(pieces=(answer(200, json.dumps({"user": user}).encode()),))

        server.script = script
        observed, _ = await observe(server, rate="100/s", workers=2, **written)
        users = Counter(path_of(request).split("/")[2].partition("?")[0] for request in server.requests)
    assert share(observed.measures) == (50, 50), observed.causes
    if order == "sequence":
        assert set(users.values()) == {2}, "every row twice, as workers share them"
    else:
        assert len(users) > 5
    assert b"?word=w%20" in server.requests[0]
    assert b"&price=5$ HTTP" in server.requests[0]


async def test_typed_rows_keep_their_types_in_json(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"n": 7, "tags": ["a", "\\u00fc\\""], "none": null}\n')
    body = {"n": "${n}", "tags": "${tags}", "none": "${none}", "text": "n=${n} ${tags} $$"}
    async with scripted() as server:
        await observe(server, url="/", method="post", json=body, data={"jsonl": str(file)}, rate="10/s")
        sent = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert sent["n"] == 7
    assert sent["tags"] == ["a", 'ü"']
    assert sent["none"] is None
    assert sent["text"] == "n=7 ['a', 'ü\"'] $"


async def test_value_with_a_line_break_is_not_sent_in_a_header(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"name": "x\\r\\nX-Evil: 1"}\n')
    async with scripted() as server:
        observed, _ = await observe(
            server, url="/", headers={"X-Name": "${name}"}, data={"jsonl": str(file)}, rate="20/s"
        )
        await asyncio.sleep(0.01)
        assert not server.requests
    assert share(observed.measures)[0] == 0
    assert causes_told(observed) == {
        "not sent: a value for a header contains a line break or a null character": 10
    }


# what a plan may say


@pytest.mark.parametrize(
    ("written", "where", "message"),
    [
        ({}, (), "either url: /path or flow:"),
        ({"url": "/", "flow": SUITE}, (), "either url: /path or flow:"),
        ({"flow": SUITE, "method": "PUT"}, ("method",), "leave method out"),
        ({"flow": SUITE, "follow": True}, ("follow",), "leave follow out"),
        ({"mix": [{"url": "/"}], "follow": True}, ("follow",), "the mix says what is sent"),
        ({"mix": []}, ("mix",), "an empty list sends nothing"),
        ({"mix": [{"url": "/"}], "url": "/"}, ("url",), "the mix says what is sent"),
        ({"mix": [{"flow": SUITE}, {"flow": SUITE}]}, ("mix", 1), "more than once"),
        ({"mix": [{"url": "/", "weight": 0}]}, ("mix", 0, "weight"), "greater than or equal to 1"),
        ({"flow": {**SUITE, "flow": "other"}}, ("flow",), "has no flow 'other'; its flows are lifecycle"),
        (
            {"flow": {**SUITE, "flows": [FLOW, {**FLOW, "id": "b"}]}},
            ("flow",),
            "name one behind #: lifecycle, b",
        ),
        (
            {"flow": flow({"id": "a", "url": "/${who}", "expect": {"status": 200}})},
            ("flow",),
            "uses ${who}, which nothing before it captures and the data do not give",
        ),
    ],
)
def test_what_cannot_work_is_a_plan_error(
    written: dict[str, Any], where: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        params(rate="1/s", **written)
    assert (where, True) in [(error["loc"], message in error["msg"]) for error in caught.value.errors()]


def test_parts_and_targets_are_known_beforehand() -> None:
    one = params(rate="1/s", flow=SUITE)
    assert Load().parts(one) == {"open", "execute", "read"}
    assert Load().targets(one) == ("/",)
    assert sentence(Load().summary(one)) == "flow lifecycle, 1/s for 500 ms"
    away = flow({"id": "a", "url": "http://elsewhere/x", "expect": {"status": 200}})
    two = params(rate="1/s", mix=[{"flow": SUITE}, {"flow": away, "weight": 2}, {"url": "/health"}])
    assert Load().parts(two) == {
        "lifecycle",
        "lifecycle/open",
        "lifecycle/execute",
        "lifecycle/read",
        "one",
        "one/a",
    }
    assert Load().targets(two) == ("/", "http://elsewhere/x", "/health")
    assert sentence(Load().summary(two)) == "1 x lifecycle + 2 x one + 1 x /health, 1/s for 500 ms"


async def test_load_goes_to_one_host_of_the_target_only() -> None:
    away = flow({"id": "a", "url": "http://127.0.0.1:1/x", "expect": {"status": 200}})
    async with scripted() as server:
        with raises(ObservationError, match="a load goes to one host and port"):
            await observe(server, flow=away, rate="1/s")
        assert not server.requests


PLAN = """\
phasegate: 1
phase: one
title: One
variables: {word: up}
target: {external: {web: {url: "http://127.0.0.1:1"}}, default: web}
steps:
  - id: only
    checks:
      - {id: steady, kind: load, rate: 10/s, duration: 1s, %s}
    criteria: [%s]
"""
SUITE_TEXT = """\
suite: 1
flows:
  - id: lifecycle
    requests:
      - {id: open, url: /open, expect: {status: 200}, capture: {session: $.id}}
      - {id: read, url: "/read/${session}?user=${user}", expect: {status: 200}}
  - {id: other, requests: [{id: a, url: "http://elsewhere/", expect: {status: 200}}]}
"""


def loaded(folder: Path, written: str, criterion: str = "steady/read.latency.p95 < 1s") -> Any:
    (folder / "suite.yaml").write_text(SUITE_TEXT)
    (folder / "users.csv").write_text("user\nada\n")
    (folder / "sessions.csv").write_text("user,session\nada,1\n")
    (folder / "words.csv").write_text("word\nada\n")
    (folder / "plan.yaml").write_text(PLAN % (written, criterion))
    (check,) = load(folder / "plan.yaml", kinds=KINDS, env={}).plan.steps[0].checks
    return check.parts[0].params


def test_plan_names_a_flow_behind_the_path_of_its_suite(tmp_path: Path) -> None:
    one = loaded(tmp_path, "flow: suite.yaml#lifecycle, data: {csv: users.csv}")
    assert one.flow.chosen.id == "lifecycle"
    assert one.data.columns() == {"user"}


def test_columns_are_names_in_the_plan(tmp_path: Path) -> None:
    written = 'mix: [{id: read, url: "/${user}/$$5"}], data: {csv: users.csv}'
    one = loaded(tmp_path, written)
    assert one.mix[0].url == "/${user}/$$5"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("flow: suite.yaml#nothing", "the suite has no flow 'nothing'; its flows are lifecycle, other"),
        ("flow: suite.yaml", "has several flows; name one behind #"),
        ("flow: nowhere.yaml#a", "nowhere.yaml"),
        ("flow: suite.yaml#lifecycle", "uses ${user}, which nothing before it captures"),
        ("flow: suite.yaml#other", "'http://elsewhere/' is not on the target"),
        ("url: /, data: users.csv", "name the file by its kind: {csv: users.csv} or {jsonl: users.jsonl}"),
        ('url: "/${user}"', "unknown variable 'user'"),
        ('url: "/${nobody}", data: {csv: users.csv}', "unknown variable 'nobody'"),
        ("url: /, data: {csv: nowhere.csv}", "nowhere.csv"),
        ("flow: suite.yaml#lifecycle, data: {csv: sessions.csv}", "the value that is captured as 'session'"),
        ('url: "/${word}", data: {csv: words.csv}', "${word} is a variable of the plan and a column"),
    ],
)
def test_plan_that_names_what_is_not_there_is_an_error(tmp_path: Path, written: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        loaded(tmp_path, written)
    assert any(message in problem.message for problem in caught.value.problems), caught.value.problems


def test_columns_and_addresses_of_the_target_go_together(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user\nada\n")
    written = 'url: "${target.web.url}/${user}", data: {csv: users.csv}'
    (tmp_path / "plan.yaml").write_text(PLAN % (written, "steady.latency.p95 < 1s"))
    (check,) = load(tmp_path / "plan.yaml", kinds=KINDS, env={}).plan.steps[0].checks
    bound = check.bind({"target.web.url": "http://127.0.0.1:8080"})[""]
    assert isinstance(bound, LoadParams)
    assert bound.url == "${target.web.url}/${user}"
