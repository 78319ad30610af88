"""A secret is in no file of a run and on no terminal, however the target and the programs turn it."""

from __future__ import annotations

import base64
import html
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest

from tests.base.test_ci_commands import obeyed
from tests.codings import CODINGS
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


CODED = """
    import http.server, os, sys, urllib.parse
    from tests.codings import CODINGS

    SECRET = os.environ["API_TOKEN"]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = urllib.parse.unquote(self.path[1:])
            form = CODINGS[name](SECRET)
            line = form.replace(b"\\n", b" ").replace(b"\\r", b"")
            self.wfile.write(b"HTTP/1.1 500 " + line + b"\\r\\nX-Echo: " + line + b"\\r\\n")
            self.wfile.write(b"Content-Length: %d\\r\\n\\r\\n<<%s>>" % (len(form) + 4, form))
            sys.stdout.buffer.write(b"answered <<" + form + b">>\\n")
            sys.stdout.buffer.flush()

        def log_message(self, *arguments):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
LEAVES = """
    import os, sys
    from pathlib import Path
    from tests.codings import CODINGS

    folder = os.fsencode(sys.argv[1])
    cases = b""
    for number, coding in enumerate(CODINGS.values()):
        form = coding(os.environ["API_TOKEN"])
        for stream in (sys.stdout, sys.stderr):
            stream.buffer.write(b"<<" + form + b">>\\n")
        Path(sys.argv[1], f"own-{number}.bin").write_bytes(b"<<" + form + b">>")
        name = form.replace(b"/", b"_").replace(b"\\0", b"_")[:200] + b".txt"
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"a name")
        text = form.decode("utf-8", "replace").replace("\\0", "").replace("\\x1b", "")
        for char, entity in (("&", "&amp;"), ("<", "&lt;"), ("\\"", "&quot;")):
            text = text.replace(char, entity)
        failure = f'<failure message="{text}">{text}</failure>'
        cases += f'<testcase classname="c" name="n{number}">{failure}</testcase>'.encode()
    Path(sys.argv[2]).write_bytes(b'<testsuite name="s">' + cases + b"</testsuite>")
    sys.exit(1)
"""


@pytest.mark.parametrize(
    "secret", ["Zk9tQ4vXr2LmP8sWbN6yH3cD", 'p@ss/w+rd "\u00e9<>&\'\\x" Zk9tQ4vX', "pa{ss} w<1>rd99"]
)
def test_no_coding_of_a_secret_is_in_any_file_name_or_stream_of_a_run(desk: Desk, secret: str) -> None:
    desk.write("coded.py", CODED)
    desk.write("leaves.py", LEAVES)
    flows = [
        {"id": f"f{number}", "requests": [{"id": "a", "url": f"/{quote(name)}", "expect": {"status": 200}}]}
        for number, name in enumerate(CODINGS)
    ]
    desk.write("suite.yaml", json.dumps({"suite": 1, "flows": flows}))
    desk.plan(
        """
        secrets: [API_TOKEN]
        target:
          processes:
            app: {command: [python, coded.py, "${self.port}"], ready: {tcp: true, within: 20s}}
        steps:
          - id: only
            checks:
              - {id: coded, kind: api, suite: suite.yaml}
              - id: left
                kind: command
                command: [python, leaves.py, "${out}", "${out}/own.xml"]
                results: "${out}/own.xml"
        """
    )
    ran = desk.run("-v", "--json", "--report", "junit=-", env={"API_TOKEN": secret})
    assert ran.statuses()["coded"] == "failed", ran.err
    assert len(ran.check("coded")["attempts"][0]["cases"]) == len(CODINGS)
    texts = {str(path): path.read_bytes() + path.name.encode() for path in ran.files()}
    texts |= {"stdout": ran.out.encode(), "stderr": ran.err.encode()}
    coded = {name: coding(secret) for name, coding in CODINGS.items()}
    shown = [(name, place) for place, text in texts.items() for name, form in coded.items() if form in text]
    assert shown == []


KILLED = """
    secrets: [API_TOKEN]
    steps:
      - id: only
        checks:
          - {id: done, kind: command, command: [python, -c, "print('seen')"]}
          - id: sleeps
            kind: command
            command:
              - python
              - -c
              - |
                import os, sys, time
                os.makedirs(sys.argv[1] + "/deep/er")
                open(sys.argv[1] + "/deep/er/own.txt", "w").write(os.environ["API_TOKEN"])
                open(sys.argv[1] + "/up", "w").close()
                time.sleep(600)
              - ${out}
            limit: 900s
"""


def kill_while_a_program_sleeps(desk: Desk) -> Ran:
    desk.plan(KILLED)
    with desk.running(env={"API_TOKEN": SECRET}) as running:
        deadline = time.monotonic() + 60
        while not list(running.folder.rglob("up")) and time.monotonic() < deadline:
            time.sleep(0.05)
        again = subprocess.run(
            [sys.executable, "-m", "phasegate", "report", str(running.folder)],
            cwd=desk.path,
            env=desk.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "removed" not in again.stderr
        assert list(running.folder.rglob("own.txt"))
        running.signal(signal.SIGKILL)
        return running.end()


def test_a_killed_run_holds_nothing_that_was_never_redacted(desk: Desk) -> None:
    ran = kill_while_a_program_sleeps(desk)
    assert ran.code == -signal.SIGKILL
    assert_hidden(ran, SECRET)
    assert not list(ran.folder.rglob("own.txt"))
    assert [path.name for path in ran.files() if path.parent.parent.name == "done"] == ["stdout.txt"]


def test_report_removes_what_a_killed_run_left_and_says_so(desk: Desk) -> None:
    ran = kill_while_a_program_sleeps(desk)
    # As where the process that cleans up was killed as well.
    own = ran.folder / "evidence" / "sleeps" / "1" / "own.txt"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(SECRET)
    (own.parent / f"{SECRET[:7]}-name").write_text("")
    again = desk.phasegate("report", str(ran.folder), folder=ran.folder)
    assert again.code == 3
    assert "warning: 2 files in evidence/sleeps removed" in again.err
    assert_hidden(again, SECRET)
    assert "removed" not in desk.phasegate("report", str(ran.folder)).err


def test_report_removes_nothing_of_a_run_that_has_its_end(desk: Desk) -> None:
    desk.plan("steps: [{id: only, checks: [{id: a, kind: command, command: [echo, seen]}]}]")
    ran = desk.run()
    (ran.folder / "evidence" / "a" / "1" / "later.txt").write_text("a person's note")
    desk.phasegate("report", str(ran.folder))
    assert (ran.folder / "evidence" / "a" / "1" / "later.txt").exists()


def test_nothing_that_a_ci_system_would_obey_is_on_any_stream(desk: Desk) -> None:
    lines = [
        "::add-mask::x",
        "  ::set-output name=a::b",
        "##vso[task.x]y",
        "##[group]z",
        "section_start:1:a\r\x1b[0K",
    ]
    desk.write(
        "says.py",
        f"""
        import sys

        text = {chr(10).join(lines)!r}
        print(text)
        print(text.replace(chr(10), chr(13)))
        sys.exit(text)
    """,
    )
    check = {"id": "a", "kind": "command", "title": "##[error]t", "command": ["python", "says.py"]}
    desk.plan("steps: " + json.dumps([{"id": "only", "title": "::error::t", "checks": [check]}]))
    for more in (
        ["-v"],
        ["-v", "--progress", "live"],
        ["--json"],
        ["--report", "junit=-"],
        ["--report", "html=-"],
    ):
        ran = desk.run(*more)
        assert ran.code == 1, ran.err
        assert obeyed(ran.out) == []
        assert obeyed(ran.err) == []
    assert obeyed(desk.phasegate("validate", "::error::x").err) == []
    assert obeyed(desk.phasegate("report", str(ran.folder), "--report", "junit=-").out) == []
