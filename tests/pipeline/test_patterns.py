"""Whole runs with patterns that do not end on what the target says."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.pipeline.bench import Desk

ENDLESS = ("^(a|aa)+$", "a" * 60 + "!")
HOSTILE = [
    ENDLESS,
    ("^(a+)+$", "a" * 60 + "!"),
    ("^(.*,){20}x", "aaa," * 60),
    (r"^(\w+\s?)*$", "aaa " * 20 + "!"),
]
"""Patterns that do not match the text beside them; `re` would need years to see that."""
SERVER = """
    import http.server, json, sys

    TEXT = open("text").read()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            is_json = self.path == "/json"
            body = (json.dumps({"x": TEXT, "all": [{"x": TEXT}] * 50, TEXT: 1}) if is_json else TEXT).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if is_json else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Text", TEXT)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    print(TEXT, flush=True)
    print("listening", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
TARGET = """
target:
  processes:
    app:
      command: [python, server.py, "${{self.port}}"]
      ready: {{log: {log}, within: 20s}}
"""
EXPECTED = {
    "body": "{{body: {{matches: {p}}}}}",
    "not": "{{body: {{not_matches: {p}}}}}",
    "header": "{{headers: {{X-Text: {{matches: {p}}}}}}}",
    "json": "{{json: {{$.x: {{matches: {p}}}}}}}",
    "filter": "{{json: {{{filter}: {{length: {{gt: 0}}}}}}}}",
    "schema": "{{schema: {{properties: {{x: {{pattern: {p}}}}}}}}}",
    "named": "{{schema: {{patternProperties: {{{p}: {{type: integer}}}}, additionalProperties: false}}}}",
    "rest": "{{schema: {{patternProperties: {{{p}: {{}}}}, unevaluatedProperties: false}}}}",
}
"""Expectations on the answer, by the check that has them."""


def write(desk: Desk, pattern: str, text: str, *checks: str, log: str = "listening", gate: str = "") -> None:
    desk.write("server.py", SERVER)
    Path(desk.path / "text").write_text(text)
    lines = "".join(f"      - {check}\n" for check in checks)
    desk.plan(TARGET.format(log=json.dumps(log)) + f"steps:\n  - id: one\n    checks:\n{lines}" + gate)


def checks_of(pattern: str) -> dict[str, str]:
    p = json.dumps(pattern)
    inner = pattern.removeprefix("^").removesuffix("$").replace("\\", "\\\\")
    path = json.dumps(f"$.all[?match(@.x, '{inner}')]")
    found = {}
    for id, written in EXPECTED.items():
        url = "/json" if "json" in written or "schema" in written else "/"
        expect = written.format(p=p, filter=path)
        found[id] = f"{{id: {id}, kind: health, url: {url}, timeout: 1m, expect: {expect}}}"
    show = "[python, -c, \"print(open('text').read())\"]"
    found["output"] = f"{{id: output, kind: command, command: {show}, expect: {{output: {{matches: {p}}}}}}}"
    found["api"] = "{id: api, kind: api, suite: suite.yaml}"
    found["load"] = (
        f"{{id: load, kind: load, url: /, connections: 2, duration: 1s, expect: {{body: {{matches: {p}}}}}}}"
    )
    found["journey"] = "{id: journey, kind: load, flow: suite.yaml#looks, connections: 2, duration: 1s}"
    return found


def suite(pattern: str) -> str:
    p = json.dumps(pattern)
    return f"""
suite: 1
flows:
  - id: looks
    requests: [{{id: look, url: /json, expect: {{json: {{$.x: {{matches: {p}}}}}}}}}]
  - id: takes
    requests: [{{id: take, url: /, expect: {{status: 200}}, capture: {{it: {{regex: {p}}}}}}}]
"""


@pytest.mark.parametrize(("pattern", "text"), HOSTILE)
def test_expectation_with_a_pattern_without_end_is_not_met(desk: Desk, pattern: str, text: str) -> None:
    checks = checks_of(pattern)
    desk.write("suite.yaml", suite(pattern))
    write(desk, pattern, text, *checks.values())
    ran = desk.run()
    assert ran.code == 1, ran.err
    statuses = ran.is_whole().statuses()
    # In the end there is no match, which one of these asks for.
    met = set() if (pattern, text) == ENDLESS else {"not"}
    assert statuses == {id: "passed" if id in met else "failed" for id in checks}
    if (pattern, text) == ENDLESS:
        for id in checks:
            assert "did not end within" in json.dumps(ran.check(id)), id


def test_target_that_is_ready_when_a_pattern_without_end_matches_is_not_ready(desk: Desk) -> None:
    write(desk, *ENDLESS, "{id: never, kind: health, url: /}", log=ENDLESS[0])
    ran = desk.run()
    assert ran.is_whole().code == 75
    assert "did not end within 100 ms in a line of its output" in ran.err
    assert ran.statuses() == {"never": "not_run"}


MANY = "{id: many, kind: health, url: /, every: 20ms, probes: 10000, expect: {body: {matches: '^(a|aa)+$'}}}"


def test_limit_of_a_run_holds_while_a_pattern_without_end_is_searched(desk: Desk) -> None:
    write(desk, *ENDLESS, MANY, gate="gate: {limit: 3s}\n")
    ran = desk.run()
    assert ran.is_whole().code == 3
    assert "reached its limit of 3 s" in ran.last


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_a_run_while_a_pattern_without_end_is_searched(
    desk: Desk, number: signal.Signals, code: int
) -> None:
    write(desk, *ENDLESS, MANY)
    with desk.running() as run:
        run.until('"check":"many"')
        run.signal(number)
        ran = run.end()
    assert ran.is_whole().code == code


@pytest.mark.parametrize("pattern", ["(a{1000}){1000}", "a" * 100_000])
def test_pattern_that_cannot_be_compiled_in_time_is_an_error_of_the_plan(desk: Desk, pattern: str) -> None:
    checks = checks_of(pattern)
    checks = {id: checks[id] for id in (*EXPECTED, "output", "load") if id not in ("filter", "named", "rest")}
    write(desk, pattern, "a", *checks.values(), log=pattern)
    ran = desk.run()
    assert ran.code == 2
    assert len(ran.errors()) == len(checks) + 1, ran.err[:3000]
