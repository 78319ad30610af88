"""Targets that misbehave are observed as what they are; what they say does no harm."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from phasegate.record.journal import read_events
from tests.judged import settled
from tests.pipeline.bench import Desk, Ran
from tests.servers import Server, unused_port

CAUSES = {
    "refused": "refused",
    "/reset": "reset",
    "/hang-up": "closed",
    "/stall": "within",
    "/slow-body": "",
    "/garbage": "HTTP",
    "/short": "",
    "/redirect-loop": "302",
    "/endless": "",
    "/endless-headers": "",
    "/gzip-bomb": "",
    "/bad-gzip": "",
    "/status": "500",
}
UNENDED = ("/stall", "/slow-body", "/endless", "/endless-headers")
"""What only the timeout ends; on a busy machine every other answer may take long."""


@pytest.fixture(scope="module")
def observed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run against everything that can be wrong with a target."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    checks = [
        {
            "id": f"check-{number}",
            "kind": "health",
            "url": f"http://127.0.0.1:{unused_port()}/" if path == "refused" else server.url(path),
            "timeout": "500ms" if path in UNENDED else "1m",
            "criteria": ["success_rate == 100%", "latency.p50 < 100s"],
            # What nobody looks at may be of any size and coding.
            **({"expect": {"body": {"contains": "x"}}} if "gzip" in path else {}),
        }
        for number, path in enumerate(CAUSES)
    ]
    checks.append(
        {
            "id": "follows",
            "kind": "health",
            "url": server.url("/redirect-loop"),
            "follow": True,
            "timeout": "1m",
        }
    )
    checks.append({"id": "fine", "kind": "health", "url": server.url("/ok")})
    desk.plan("steps: " + json.dumps([{"id": "only", "parallel": True, "checks": checks}]))
    return desk.run()


def test_the_run_goes_on_and_its_record_is_whole(observed: Ran) -> None:
    assert observed.code == 1
    assert observed.is_whole().statuses()["fine"] == "passed"


@pytest.mark.parametrize(("path", "word"), CAUSES.items(), ids=CAUSES)
def test_a_target_that_misbehaves_has_been_observed_with_its_cause_in_a_line(
    observed: Ran, path: str, word: str
) -> None:
    id = f"check-{list(CAUSES).index(path)}"
    check = observed.check(id)
    assert check["status"] == "failed"
    causes = check["attempts"][0]["causes"]
    ((cause, times),) = causes
    assert times == 1
    assert word in cause
    assert "\n" not in cause
    assert len(cause) < 300
    assert cause in observed.err
    assert observed.criterion(f"{id}.latency.p50")["verdict"] == "not_met"


def test_redirects_without_end_are_followed_only_so_far(observed: Ran) -> None:
    assert observed.check("follows")["status"] == "failed"
    ((cause, _),) = observed.check("follows")["attempts"][0]["causes"]
    assert "redirect" in cause


SAYS = (
    r"[red]markup[/red] [link=http://evil]x[/link] \x1b[31mred\x1b]0;title\x07"
    r" \x9b1m \u202eevil\u2066 \r\x08 </script>"
)
SERVE = f"""
    import http.server, sys
    SAYS = "{SAYS}".encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = SAYS + b"A" * 1_000_000
            self.send_response(500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            sys.stdout.buffer.write(SAYS + b"B" * 1_000_000 + b"\\n")
            sys.stdout.flush()

    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
TEST = f"""
    import pytest

    @pytest.mark.parametrize("value", ["{SAYS}"], ids=["{SAYS}"])
    def test_hostile(value):
        assert value == "", "{SAYS}" + "C" * 1_000_000
"""


def test_hostile_text_reaches_terminal_and_files_harmlessly(desk: Desk) -> None:
    desk.write("serve.py", SERVE)
    desk.write("suite/test_hostile.py", TEST)
    desk.plan(
        """
        target:
          processes:
            app: {command: [python, serve.py, "${self.port}"], ready: {tcp: true, within: 20s}}
        steps:
          - id: only
            checks:
              - {id: body, kind: health, url: /, expect: {status: 200, body: ok}}
              - {id: output, kind: command, command: [python, suite/test_hostile.py], expect: {output: fine}}
              - {id: suite, kind: e2e, path: suite}
              - {id: fatal, kind: command, command: [python, fatal.py]}
        """
    )
    desk.write("fatal.py", f'import sys; sys.exit("{SAYS}" + "D" * 1_000_000)')
    ran = desk.run("--color", "always", "-v")
    assert ran.code == 1
    assert settled(read_events(ran.folder)).exit_code == ran.result["exit_code"] == 1
    assert ran.statuses()["suite"] == "failed"
    assert "[red]markup[/red]" in ran.err
    for bad in ("\x1b]", "\x07", "\x9b", "\u202e", "\u2066", "\x08", "\x1b[31mred"):
        assert bad not in ran.err
        assert bad not in (ran.folder / "report.html").read_text()
        assert bad not in (ran.folder / "junit.xml").read_text()
    assert len(ran.err) < 100_000
    assert max(map(len, ran.err.splitlines())) < 2_000
    ET.parse(ran.folder / "junit.xml")
    assert "</script> " not in (ran.folder / "report.html").read_text()
    assert sum(path.stat().st_size for path in ran.files()) < 20_000_000
