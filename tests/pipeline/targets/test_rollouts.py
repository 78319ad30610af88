"""Rollouts of real processes, from plan to verdict: by the table of the docs, and what they leave behind."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest

from phasegate.model.faults import FaultStatus
from phasegate.record.journal import read_events
from tests.judged import settled
from tests.pipeline.bench import Desk, Ran
from tests.rules import Rule, rules

SERVER = """\
#!/usr/bin/env -S python3 -S
import os, socket, sys, threading, time
port, how = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else os.environ.get("HOW", "good")
first = not os.path.exists(f"started-{port}")
open(f"started-{port}", "w").close()
open(f"is-{how}-{port}", "w").close()
if how == "gone":
    os.remove(__file__)
def answer(connection):
    asked = connection.recv(4096).split()[1:2]
    good = asked == [b"/ready"] if how == "bad" else how != "sick" and (first or how != "once")
    head = [f"HTTP/1.1 {200 if good else 503} So", f"Content-Length: {len(how)}", "Connection: close"]
    connection.sendall("\\r\\n".join([*head, "", how]).encode())
    connection.close()
server = socket.create_server(("127.0.0.1", port), backlog=100)
if how == "dies":
    threading.Timer(0.7, os._exit, [5]).start()
while True:
    threading.Thread(target=answer, args=server.accept()[:1], daemon=True).start()
"""
SLEEP = 'kind: command, command: [python, -S, -c, "import time; time.sleep(%s)"]'
USERS = "kind: health, url: /, every: 20ms, probes: %d, criteria: ['success_rate >= %s']"
BESIDE = "      - {id: others, during: users, %s}\n"
OTHERS = "kind: health, url: '${target.b.url}/', every: 20ms, criteria: ['success_rate >= 20%']"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A plan of two processes, their users and one rollout."""

    version: str = "env: {HOW: better}"
    own: str = "HOW: good"
    """The environment of what runs at first in a."""
    users: str = USERS % (200, "20%")
    beside: str = BESIDE % OTHERS
    rollout: str = "[a, b]"
    more: str = ""
    at: str = "300ms"
    within: str = "20s"
    criteria: str = "roll.rollout_time < 60s"
    status: FaultStatus = FaultStatus.ROLLED_OUT
    said: str = ""
    """Part of the reason of the rollout, or of what is printed."""

    @property
    def plan(self) -> str:
        processes = "".join(
            f'    {id}: {{command: [./{program}, "${{self.port}}"],'
            f" env: {{{how}}}, ready: {{url: /ready}}}}\n"
            for id, program, how in (("a", "server", self.own), ("b", "other", "HOW: good"))
        )
        return f"""\
target:
  default: a
  processes:
{processes}\
  external: {{docs: {{url: "http://docs.example"}}}}
steps:
  - id: one
    checks:
      - {{id: users, {self.users}}}
{self.beside}\
    faults:
      - id: roll
        rollout: {self.rollout}
        during: users
        at: {self.at}
        hold: 300ms
        within: {self.within}
        probe: {{url: /ready, every: 20ms, timeout: 300ms, within: 2s}}
        {self.version}
        {self.more}
    criteria:
      - {self.criteria}
"""


BAD = "env: {HOW: bad}"
STRICT = USERS % (300, "80%")
SITUATIONS: dict[str, Scene] = {
    "every instance runs the other version": Scene(),
    "it is rolled back when its time is over": Scene(
        more="for: 200ms",
        users=USERS % (300, "20%"),
        criteria="roll.rollout_time < 60s\n      - roll.rollback_time < 60s",
    ),
    "the other version answers with errors once it is ready": Scene(
        version=BAD,
        users=STRICT,
        status=FaultStatus.ROLLED_BACK,
        said="as users.success_rate >= 80% was not met: ",
    ),
    "the other version is never ready": Scene(
        version="env: {HOW: sick}",
        within="1s",
        status=FaultStatus.ROLLED_BACK,
        said="with 0 of 2 on the other version, as a was not ready: not ready within 1 s: GET http://127.0.0.1:",
    ),
    "the other version ends after it was ready": Scene(
        version="env: {HOW: dies}",
        status=FaultStatus.ROLLED_BACK,
        said="as a did not go on: it ended with exit code 5",
    ),
    "its own version is not ready again": Scene(
        version="env: {HOW: sick}",
        own="HOW: once",
        within="1s",
        status=FaultStatus.NOT_RECOVERED,
        said="a was not ready again: not ready within 1 s",
    ),
    "its own version cannot be started again after one that is bad": Scene(
        version='command: [./other, "${self.port}", sick]',
        own="HOW: gone",
        beside="",
        rollout="a",
        within="1s",
        status=FaultStatus.NOT_UNDONE,
        said="it could not be undone: a: there is no",
    ),
    "a bad version is to be rolled back, and is": Scene(
        version="env: {HOW: sick}",
        within="500ms",
        criteria="roll.rolled_out == 0%\n      - roll.rollback_time < 60s",
        status=FaultStatus.ROLLED_BACK,
    ),
    "a good version is to be rolled back, and is not": Scene(criteria="roll.rolled_out == 0%"),
    "its rollback is asked for, and it was not rolled back": Scene(criteria="roll.rollback_time < 60s"),
    "the other version cannot be started": Scene(
        version="command: [./no-such-program]",
        status=FaultStatus.NOT_DONE,
        said="it could not be done: there is no",
    ),
    "the check ends while it goes on": Scene(
        users=SLEEP % 1, more="for: 20s", status=FaultStatus.CUT_SHORT, said="as users had ended"
    ),
    "the check ends before it is due": Scene(
        users=SLEEP % 0.2, at="9s", status=FaultStatus.NOT_DONE, said="users had ended after"
    ),
    "nothing is seen after the last instance was ready": Scene(
        users=SLEEP % 4,
        beside=BESIDE % OTHERS.replace("20ms", "60s"),
        status=FaultStatus.CUT_SHORT,
        said="nothing was seen for others.success_rate >= 20% after the last instance was ready",
    ),
    "its criterion is not met before it begins": Scene(
        own="HOW: bad",
        at="2s",
        beside="",
        status=FaultStatus.NOT_DONE,
        said="before it began, users.success_rate >= 20% was not met: 0 of",
    ),
    "no criterion can judge it meanwhile": Scene(
        users=SLEEP % 1, beside="", said="no blocking criterion of users or of a check beside it can judge it"
    ),
    "its only judge has no confidence": Scene(
        users=(USERS % (200, "20%")).replace(
            "'success_rate >= 20%'", "{criterion: success_rate >= 20%, confidence: none}"
        ),
        beside="",
        said="no blocking criterion of users",
    ),
    "the entry has no instances": Scene(rollout="docs", said="'docs' is external"),
    "a process is given an image": Scene(
        version="image: shop:2", said="'a' is a process, which has no image"
    ),
    "the check is over before every instance was watched": Scene(
        users=USERS % (20, "20%"), said="and the fault would end after 900 ms"
    ),
}


def rollout(ran: Ran) -> dict[str, Any]:
    (found,) = ran.result["steps"][0]["faults"]
    return found


def laid(desk: Desk, scene: Scene) -> Desk:
    for name in ("server", "other"):
        desk.write(name, SERVER).chmod(0o755)
    desk.plan(scene.plan)
    return desk


@pytest.mark.parametrize("rule", rules("rollouts"), ids=str)
def test_run_with_a_rollout_ends_by_the_table_of_the_docs(rule: Rule, desk: Desk) -> None:
    scene = SITUATIONS[rule.situation]
    ran = laid(desk, scene).run()
    assert ran.code == rule.exit_code, ran.err
    if rule.exit_code == 2:
        assert not ran.folder.exists()
        assert scene.said in ran.err
        return
    assert ran.is_whole().result["verdict"] == rule.verdict
    assert FaultStatus(rollout(ran)["status"]) is scene.status
    assert scene.said in rollout(ran)["reason"]


def test_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("rollouts")} == set(SITUATIONS)


def test_record_of_a_rollout_that_was_rolled_back_has_both_times_and_each_instance(desk: Desk) -> None:
    scene = SITUATIONS["it is rolled back when its time is over"]
    told = rollout(laid(desk, scene).run())
    assert told["started"] < min(told["undone"], told["recovered"])
    times = {name: told["measures"][name]["value"] for name in ("rollout_time", "rollback_time")}
    assert times["rollout_time"] > 0.3
    assert times["rollback_time"] > 0
    assert [note.partition(":")[0] for note in told["notes"]] == ["a", "b"]
    assert all("ready again after" in note for note in told["notes"])


PROXY = """\
#!/usr/bin/env -S python3 -S
import http.client, itertools, socket, sys, threading
port, *ports = map(int, sys.argv[1:])
turns = itertools.count()
def answer(connection):
    path = connection.recv(4096).split()[1].decode()
    for upstream in (ports[next(turns) % 2], *ports, *ports):
        try:
            asked = http.client.HTTPConnection("127.0.0.1", upstream, timeout=2)
            asked.request("GET", path)
            told = asked.getresponse()
            body = told.read()
            break
        except (OSError, http.client.HTTPException):
            continue
    else:
        told, body = None, b"nobody"
    status = told.status if told else 502
    head = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", "Connection: close"]
    connection.sendall("\\r\\n".join([*head, "", ""]).encode() + body)
    connection.close()
server = socket.create_server(("127.0.0.1", port), backlog=100)
while True:
    threading.Thread(target=answer, args=server.accept()[:1], daemon=True).start()
"""


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("better", 0, ""),
        ("bad", 1, "with 1 of 2 on the other version, as users.success_rate == 100% was not met: "),
    ],
)
def test_behind_a_proxy_nobody_notices_a_good_version_and_one_instance_shows_a_bad_one(
    desk: Desk, how: str, code: int, said: str
) -> None:
    desk.write("proxy", PROXY).chmod(0o755)
    users = "kind: health, url: '${target.proxy.url}/', every: 20ms, timeout: 9s, probes: 150"
    scene = Scene(version=f"env: {{HOW: {how}}}", users=users, beside="")
    proxy = (
        '    proxy: {command: [./proxy, "${self.port}", "${target.a.port}", "${target.b.port}"],'
        " ready: {url: /ready}}\n  external:"
    )
    laid(desk, scene).plan(scene.plan.replace("  external:", proxy))
    ran = desk.run()
    assert ran.code == code, ran.err
    assert said in rollout(ran)["reason"]


def test_rollout_is_judged_by_the_load_that_goes_on(desk: Desk) -> None:
    load = "kind: load, url: /, rate: 50/s, duration: 8s, criteria: ['success_rate >= 80%']"
    ran = laid(desk, Scene(version=BAD, users=load, beside="", rollout="a")).run()
    assert ran.code == 1, ran.err
    assert rollout(ran)["status"] == "rolled_back"
    assert "as users.success_rate >= 80% was not met: " in rollout(ran)["reason"]


def test_version_that_stayed_is_what_later_steps_meet(desk: Desk) -> None:
    scene = Scene()
    after = "  - {id: two, checks: [{id: after, kind: health, url: /, probes: 1, expect: {body: better}}]}\n"
    ran = laid(desk, scene).plan(scene.plan + after) and desk.run()
    assert ran.code == 0, ran.err
    assert rollout(ran)["undone"] is None
    assert "rollback_time" not in rollout(ran)["measures"]
    assert not [entry["error"] for entry in ran.result["target"] if entry["error"]]


@pytest.mark.parametrize("moment", ["is-better", "is-sick"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_rollout_that_is_interrupted_leaves_nothing_running(
    desk: Desk, number: signal.Signals, moment: str
) -> None:
    """While it watches the first instance, or waits for it to be ready."""
    scene = Scene(
        version=f"env: {{HOW: {moment.removeprefix('is-')}}}", users=SLEEP % 60, more="for: 30s", within="30s"
    )
    with laid(desk, scene).running() as running:
        running.until('"event":"FaultStarted"')
        while not list(desk.path.glob(f"{moment}-*")):
            time.sleep(0.02)
        if number is signal.SIGINT:
            running.signal(number)
            ran = running.end()
            assert ran.code == 130
            assert ran.is_whole().result["verdict"] == "INCONCLUSIVE"
            assert rollout(ran)["status"] == "cut_short"
            assert rollout(ran)["undone"] is not None
            return
        children = psutil.Process(running.process.pid).children(recursive=True)
        running.signal(number)
        running.process.wait()
    psutil.wait_procs(children, timeout=10)
    assert desk.left() == []
    assert [one.status for one in settled(read_events(running.folder)).faults()] == [FaultStatus.UNDER_WAY]


@pytest.mark.parametrize(
    ("covered", "status"), [("users", "rolled_out"), ("users, others", "cut_short")], ids=["one", "all"]
)
def test_waived_criterion_rolls_nothing_back_and_judges_nothing(
    desk: Desk, covered: str, status: str
) -> None:
    scene = Scene(version=BAD, users=STRICT, rollout="a")
    day = datetime.now(UTC).date() + timedelta(days=9)
    covers = ", ".join(f"{check}.success_rate" for check in covered.split(", "))
    who = "owner: Ann, approver: Bob, reason: it is known, ticket: SHOP-1"
    desk.write(
        "waivers.yaml", f"waivers: 1\nentries: [{{id: w, covers: [{covers}], {who}, expires: {day}}}]\n"
    )
    laid(desk, scene).plan(scene.plan + "waivers: waivers.yaml\n")
    assert rollout(desk.run())["status"] == status
