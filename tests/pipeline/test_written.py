"""Plans and suites whose verdict hangs on what is written: whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.bench import Desk
from tests.servers import Server

PLAN = """
target: {{external: {{app: {{url: "{url}"}}}}}}
steps:
  - id: s
    checks:
      - {{id: api, kind: api, suite: suite.yaml}}
      - {{id: load, kind: load, flow: "suite.yaml#f", connections: 1, duration: 200ms}}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_numbers_are_sent_and_expected_as_they_are_written(desk: Desk, server: Server) -> None:
    desk.plan(PLAN.format(url=server.url("")))
    desk.write(
        "suite.yaml",
        """
        suite: 1
        headers: {X-Zip: 01234}
        flows:
          - id: f
            requests:
              - id: get
                url: /echo
                headers: {X-Version: 1.10, X-Phone: +4912}
                query: {v: 2.0, id: 007}
                expect:
                  json:
                    $.headers['x-version']: "1.10"
                    $.headers['x-phone']: "+4912"
                    $.headers['x-zip']: "01234"
                    $.path: /echo
                    $.query: {eq: {v: "2.0", id: "007"}}
              - id: post
                method: POST
                url: /echo
                json: {n: LONG, m: 1.10}
                expect: {json: {$.body: '{"n": LONG, "m": 1.10}'}}
        """.replace("LONG", "9" * 5_000),
    )
    ran = desk.run()
    assert ran.statuses()["api"] == "passed", ran.err
    assert ran.criterion("load.success_rate")["observed"].startswith("100%"), ran.err


def test_a_suite_with_whole_urls_needs_no_target(desk: Desk, server: Server) -> None:
    desk.plan("steps: [{id: s, checks: [{id: api, kind: api, suite: suite.yaml}]}]\n")
    whole = f'- {{id: a, url: "{server.url("/ok")}", expect: {{status: 200}}}}'
    for more, code in (("", 0), ("\n  - {id: b, url: /ok, expect: {status: 200}}", 2)):
        desk.write("suite.yaml", f"suite: 1\nflows:\n- id: f\n  requests:\n  {whole}{more}\n")
        assert desk.phasegate("validate", "plan.yaml").code == code
        ran = desk.run()
        assert ran.code == code, ran.err
    assert "'/ok' is on the target's default entry, and there is none" in ran.err


def test_a_captured_path_without_a_target_is_no_failure_of_the_target(desk: Desk, server: Server) -> None:
    desk.plan("steps: [{id: s, checks: [{id: api, kind: api, suite: suite.yaml}]}]\n")
    first = f'{{id: a, url: "{server.url("/echo")}", expect: {{status: 200}}, capture: {{path: $.path}}}}'
    second = '{id: b, url: "${path}", expect: {status: 200}}'
    desk.write("suite.yaml", f"suite: 1\nflows: [{{id: f, requests: [{first}, {second}]}}]\n")
    ran = desk.run()
    assert ran.code == 3, ran.err
    assert "'/echo' is on the target's default entry, and there is none" in ran.err


APP = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "${target.app.host}"])
def test_load_and_suite_go_to_the_port_that_a_process_was_given(desk: Desk, host: str) -> None:
    desk.write("app.py", APP)
    base = f"http://{host}:${{target.app.port}}"
    desk.write(
        "suite.yaml",
        f'suite: 1\nbase: "{base}"\n'
        "flows: [{id: f, requests: [{id: r, url: /, expect: {status: 200}}]}]\n",
    )
    desk.plan(f"""
        target:
          processes:
            app: {{command: [python, app.py, "${{self.port}}"], ready: {{url: /, within: 20s}}}}
        steps:
          - id: s
            checks:
              - {{id: api, kind: api, suite: suite.yaml}}
              - {{id: flow, kind: load, flow: suite.yaml, connections: 1, duration: 200ms}}
              - {{id: url, kind: load, url: "{base}/", connections: 1, duration: 200ms}}
    """)
    assert desk.phasegate("validate", "plan.yaml").code == 0
    ran = desk.run()
    assert ran.statuses()["api"] == "passed", ran.err
    for id in ("flow", "url"):
        assert ran.criterion(f"{id}.success_rate")["observed"].startswith("100%"), ran.err


def test_load_to_another_host_at_that_port_is_refused_as_it_is_written(desk: Desk) -> None:
    desk.plan("""
        target:
          processes:
            app: {command: [python, app.py, "${self.port}"], ready: {tcp: true}}
        steps:
          - id: s
            checks:
              - {id: url, kind: load, url: "http://elsewhere:${target.app.port}/", connections: 1}
              - {id: port, kind: load, url: "http://${target.app.host}:8080/", connections: 1}
    """)
    ran = desk.phasegate("validate", "plan.yaml")
    assert ran.code == 2
    assert "'http://elsewhere:${target.app.port}/' is not on the target" in ran.err
    assert "'http://127.0.0.1:8080/' is not" not in ran.err
    assert "'http://${target.app.host}:8080/' is not on the target" in ran.err
