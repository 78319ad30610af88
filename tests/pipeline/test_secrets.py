"""A secret is in no file of a run and on no terminal, however the target and the programs turn it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from tests.pipeline.bench import Desk, Ran

SECRET = "hunter2/sup+er&secret=value"
CAPTURED = "captured/tok+en&made=by-target"
ECHO = """
    import base64, http.server, json, os, sys, urllib.parse

    SECRET = os.environ["API_TOKEN"]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/login":
                answer = {"token": sys.argv[2]}
            else:
                turned = [base64.b64encode(b"x" * n + SECRET.encode()).decode() for n in range(3)]
                turned.append(urllib.parse.quote(SECRET, safe=""))
                answer = {"headers": dict(self.headers), "turned": turned}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("X-Echo", SECRET)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            print(self.path, SECRET[:7], end="", flush=True)
            print(SECRET[7:], flush=True)

    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SHOUT = """
    import os, sys
    secret = os.environ["API_TOKEN"]
    print(secret)
    print(secret, file=sys.stderr)
    open(os.path.join(sys.argv[1], "own.txt"), "w").write(secret)
    sys.exit(f"the token {secret} was refused")
"""
SUITE = """
    suite: 1
    flows:
      - id: login
        requests:
          - id: token
            url: /login
            expect: {status: 200}
            capture: {token: {json: $.token, secret: true}}
          - id: use
            url: "/echo?token=${token}"
            headers: {X-Token: "${token}"}
            expect: {json: {$.status: ok}}
"""
PLAN = f"""
    secrets: [API_TOKEN]
    target:
      processes:
        app:
          command: [python, echo.py, "${{self.port}}", "{CAPTURED}"]
          ready: {{tcp: true, within: 20s}}
          headers: {{X-Token: "${{env.API_TOKEN}}"}}
    steps:
      - id: only
        setup: [[python, -c, "import sys; print(sys.argv)", "${{env.API_TOKEN}}"]]
        checks:
          - id: echoed
            kind: health
            url: "/echo?token=${{env.API_TOKEN}}"
            expect: {{json: {{$.status: ok}}, body: {{contains: "no ${{env.API_TOKEN}}"}}}}
          - {{id: captured, kind: api, suite: suite.yaml}}
          - {{id: shouted, kind: command, command: [python, shout.py, "${{out}}"]}}
          - {{id: named, kind: command, command: ["./${{env.API_TOKEN}}"]}}
"""


def forms(value: str) -> Iterator[bytes]:
    data = value.encode()
    yield data
    yield data[:16]
    yield quote(value, safe="").encode()
    yield quote_plus(value).encode()
    yield html.escape(value).encode()
    yield json.dumps(value)[1:-1].encode()
    for shift in range(3):
        # The first and last group hold bits of what stands beside the value.
        yield base64.b64encode(b"x" * shift + data)[4:-4][:16]


def assert_hidden(ran: Ran, *values: str) -> None:
    texts = {str(path): path.read_bytes() for path in ran.files()}
    texts |= {"stdout": ran.out.encode(), "stderr": ran.err.encode()}
    shown = [
        (name, form)
        for name, text in texts.items()
        for value in values
        for form in forms(value)
        if form in text
    ]
    assert shown == []
    assert not [path for path in ran.files() if SECRET[:8] in path.name]


def test_a_secret_is_nowhere_in_what_a_run_leaves_and_says(desk: Desk) -> None:
    desk.write("echo.py", ECHO)
    desk.write("shout.py", SHOUT)
    desk.write("suite.yaml", SUITE)
    desk.plan(PLAN.replace("try: it", ""))
    ran = desk.run("-v", "--json", env={"API_TOKEN": SECRET})
    assert ran.code == 1
    ran.is_whole()
    assert ran.statuses() == {
        "echoed": "failed",
        "captured": "failed",
        "shouted": "failed",
        "named": "errored",
    }
    # The command line of the target is part of the plan and names what is only later a secret.
    hidden = [path for path in ran.files() if path.name not in ("events.jsonl", "result.json", "report.html")]
    assert any("[redacted]" in path.read_text() for path in hidden)
    assert_hidden(ran, SECRET)
    for path in hidden:
        assert CAPTURED.encode() not in path.read_bytes()
    for id in ("echoed", "captured", "shouted"):
        assert "[redacted]" in json.dumps(ran.check(id)) or ran.check(id)["attempts"][0]["evidence"]


def test_the_same_secret_is_nowhere_in_what_other_commands_say(desk: Desk) -> None:
    for name, text in (("echo.py", ECHO), ("shout.py", SHOUT), ("suite.yaml", SUITE)):
        desk.write(name, text)
    desk.plan(PLAN)
    for arguments in (("plan", "plan.yaml"), ("plan", "plan.yaml", "--json"), ("validate", "plan.yaml")):
        ran = desk.phasegate(*arguments, env={"API_TOKEN": SECRET}, folder=desk.path / "none")
        assert ran.code == 0
        assert_hidden(ran, SECRET)
    desk.plan(
        'secrets: [API_TOKEN]\nsteps: [{id: a, checks: [{id: b, kind: health, url: "${env.API_TOKEN}"}]}]'
    )
    ran = desk.phasegate("run", "plan.yaml", env={"API_TOKEN": SECRET}, folder=desk.path / "none")
    assert ran.code == 2
    assert "${env.API_TOKEN}" in ran.err
    assert_hidden(ran, SECRET)


def test_a_check_whose_secret_is_missing_is_not_run_and_the_others_are(desk: Desk) -> None:
    desk.plan(
        """
        secrets: [API_TOKEN]
        steps:
          - id: only
            checks:
              - {id: needs, kind: command, command: [echo, "${env.API_TOKEN}"]}
              - {id: fine, kind: command, command: [python, -c, ""]}
        """
    )
    ran = desk.run(env={"API_TOKEN": ""})
    assert ran.code == 3
    assert ran.is_whole().statuses() == {"needs": "not_run", "fine": "passed"}
    assert "the secret API_TOKEN is not set" in ran.last
    assert "set the environment variable API_TOKEN" in ran.err
