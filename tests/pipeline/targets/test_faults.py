"""Faults on real processes, from plan to verdict: by the table of the docs, and what a run leaves behind."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from phasegate.model.faults import DONE, FaultStatus
from phasegate.record.journal import read_events
from tests.judged import settled
from tests.pipeline.bench import Desk, Ran
from tests.rules import Rule, rules

SERVER = """\
#!/usr/bin/env -S python3 -S
import os, socket, sys, threading
port, how = int(sys.argv[1]), sys.argv[2]
if how == "once":
    try:
        open("was-here", "x")
    except FileExistsError:
        sys.exit(4)
if how == "gone":
    os.remove(__file__)
def answer(connection):
    if connection.recv(4096) == b"end":
        os._exit(5)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    connection.close()
server = socket.create_server(("127.0.0.1", port), backlog=100)
while True:
    threading.Thread(target=answer, args=server.accept()[:1], daemon=True).start()
"""
END = """\
  setup:
    - - python
      - -S
      - -c
      - |
        import socket, sys
        with socket.create_connection(("127.0.0.1", int(sys.argv[1].rpartition(":")[2]))) as shop:
            shop.sendall(b"end")
            shop.recv(1)
      - ${target.shop.url}
"""
"""It asks the shop to end, and returns when it has."""
SLEEP = 'kind: command, command: [python, -S, -c, "import time; time.sleep(%s)"]'
HEALTH = "kind: health, url: /, probes: 12, every: 100ms, criteria: [success_rate >= 1%]"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A plan of two processes, one check and one fault, and how it is run."""

    fault: str = "kill: shop, at: 300ms"
    criteria: str = "f.recovery_time < 20s"
    how: str = "always"
    """How the server behaves when it is started again."""
    check: str = SLEEP % 1.5
    beside: str = ""
    """What stands after it in `checks`."""
    till: str = ""
    """Another process."""
    setup: str = ""
    """Of the target."""
    entry: str = ""
    probe: str = "url: /, every: 20ms, timeout: 300ms, within: 20s"
    more: str = ""
    flags: tuple[str, ...] = ()
    said: str = ""
    """Part of the reason of the fault, or of what is printed."""

    @property
    def plan(self) -> str:
        return f"""\
target:
  default: shop
  processes:
    shop: {{command: [./server, "${{self.port}}", {self.how}], ready: {{url: /}}{self.entry}}}
{self.till}{self.setup}\
  external: {{docs: {{url: "http://docs.example"}}}}
steps:
  - id: one
    checks:
      - {{id: steady, {self.check}}}
{self.beside}\
    faults:
      - {{id: f, during: steady, {self.fault}, probe: {{{self.probe}}}}}
    criteria:
      - {self.criteria}
"""


SITUATIONS: dict[str, Scene] = {
    "a process that was killed is good again within the limit": Scene(
        criteria="f.recovery_time < 20s\n      - f.recovery_after < 20s\n      - f.outage < 20s"
    ),
    "a process that was paused is good again later than the limit": Scene(
        fault="pause: shop, at: 200ms, for: 1500ms",
        criteria="f.recovery_time < 400ms",
        check=SLEEP % 2.5,
    ),
    "more requests are lost than allowed": Scene(
        fault="stop: shop, at: 200ms, for: 500ms", criteria="f.lost_requests <= 2"
    ),
    "no probe was lost": Scene(
        fault="pause: till, at: 200ms, for: 500ms",
        till='    till: {command: [./server, "${self.port}", till], ready: {tcp: true}}\n',
        criteria="f.lost_requests == 0\n      - f.recovery_time < 20s",
    ),
    "what was restarted never comes back": Scene(
        fault="restart: shop, at: 300ms",
        how="once",
        probe="url: /, every: 50ms, timeout: 300ms, within: 1s",
        said="not good again within 1 s after it was undone: 127.0.0.1:",
    ),
    "what was restarted never comes back, and no criterion speaks of it": Scene(
        fault="restart: shop, at: 300ms",
        how="once",
        probe="url: /, every: 50ms, timeout: 300ms, within: 1s",
        criteria="steady.exit_code == 0",
        said="not good again within 1 s after it was undone: 127.0.0.1:",
    ),
    "a process is replaced by another version, and comes back": Scene(
        fault='replace: shop, command: [./server, "${self.port}", other], env: {A: b}, at: 200ms, for: 1s',
        check=SLEEP % 3,
        criteria="f.rollout_time < 20s\n      - f.rollback_time < 20s",
    ),
    "another version of a process never answers": Scene(
        fault="replace: shop, command: [sleep, '99'], at: 200ms, for: 700ms",
        criteria="f.rollout_time < 20s",
    ),
    "the check has ended before the fault is due": Scene(
        fault="kill: shop, at: 9s", check=SLEEP % 0.3, said="before it"
    ),
    "the check ends while the fault is on": Scene(
        fault="pause: shop, at: 200ms, for: 30s", check=SLEEP % 0.8, said="early, as steady had ended"
    ),
    "only the check has criteria, and the fault was not done": Scene(
        fault="kill: shop, at: 9s", check=SLEEP % 0.3, criteria="steady.exit_code == 0", said="before it"
    ),
    "the process has ended before the fault": Scene(
        fault="kill: shop, at: 1s", setup=END, said="shop does not run: it ended with exit code 5"
    ),
    "the process cannot be started again": Scene(how="gone", said="it could not be undone: there is no"),
    "the check is not run": Scene(
        check=SLEEP % 1 + ", requires: [no-such-tool-here]",
        said="steady, during which it is due, was not run: ",
    ),
    "the run is narrowed to another check": Scene(
        beside=f"      - {{id: other, {SLEEP % 0.1}}}\n", flags=("--check", "other"), said="not selected"
    ),
    "the fault is over after its check": Scene(
        check=HEALTH, fault="kill: shop, at: 300ms, for: 9s", said="the fault would end after 9.3 s"
    ),
    "the check is tried again": Scene(
        check=SLEEP % 1 + ", retry: {attempts: 2}", said="another attempt would not meet the fault"
    ),
    "the entry is external": Scene(fault="kill: docs, at: 300ms", said="'docs' is external"),
    "the entry is protected and nobody confirmed it": Scene(
        entry=", protected: true", said="fault 'f' is to kill 'shop', which is protected"
    ),
    "the entry is protected and somebody confirmed it": Scene(
        entry=", protected: true", flags=("--confirm", "shop")
    ),
}


def fault(ran: Ran) -> dict[str, Any]:
    (found,) = ran.result["steps"][0]["faults"]
    return found


def laid(desk: Desk, scene: Scene) -> Desk:
    desk.write("server", SERVER).chmod(0o755)
    desk.plan(scene.plan)
    return desk


@pytest.mark.parametrize("rule", rules("faults"), ids=str)
def test_run_with_a_fault_ends_by_the_table_of_the_docs(rule: Rule, desk: Desk) -> None:
    scene = SITUATIONS[rule.situation]
    ran = laid(desk, scene).run(*scene.flags)
    assert ran.code == rule.exit_code, ran.err
    if rule.exit_code == 2:
        assert not ran.folder.exists()
        assert scene.said in ran.err
        return
    assert ran.is_whole().result["verdict"] == rule.verdict
    assert scene.said in fault(ran)["reason"]
    if rule.exit_code == 3:
        assert FaultStatus(fault(ran)["status"]) not in DONE
        assert fault(ran)["measures"] == {}


def test_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("faults")} == set(SITUATIONS)


def test_record_tells_when_a_fault_was_done_undone_and_over_and_every_probe(desk: Desk) -> None:
    ran = laid(desk, Scene(fault="stop: shop, at: 200ms, for: 400ms")).run()
    assert ran.code == 0, ran.err
    told = fault(ran)
    assert told["started"] < told["undone"] < told["recovered"]
    (probes,) = told["evidence"]
    lines = (ran.folder / probes).read_text().splitlines()
    lost = [line for line in lines if ",false," in line]
    assert len(lines) - 1 >= told["probes"] > len(lost) >= told["measures"]["lost_requests"]["value"] > 0
    assert sum(times for _, times in told["causes"]) == told["measures"]["lost_requests"]["value"]
    assert told["measures"]["recovery_time"]["value"] > 0.4
    names = [json.loads(line)["event"] for line in (ran.folder / "events.jsonl").read_text().splitlines()]
    assert [name for name in names if name.startswith("Fault")] == [
        "FaultStarted",
        "FaultUndone",
        "FaultEnded",
    ]
    assert not [entry["error"] for entry in ran.result["target"] if entry["error"]]


@pytest.mark.parametrize("act", ["pause", "stop"])
def test_stopped_run_undoes_the_fault_before_the_target_goes(desk: Desk, act: str) -> None:
    scene = Scene(fault=f"{act}: shop, at: 100ms, for: 20s", check=SLEEP % 30)
    with laid(desk, scene).running() as running:
        running.until('"event":"FaultStarted"')
        running.signal(signal.SIGINT)
        ran = running.end()
    assert ran.code == 130
    assert ran.is_whole().result["verdict"] == "INCONCLUSIVE"
    assert fault(ran)["status"] == "cut_short"
    assert fault(ran)["undone"] is not None
    assert "stopped by Ctrl-C" in fault(ran)["reason"]


def test_record_of_a_run_that_was_killed_says_that_the_fault_may_still_be_on(desk: Desk) -> None:
    scene = Scene(fault="pause: shop, at: 100ms, for: 20s", check=SLEEP % 30)
    with laid(desk, scene).running() as running:
        running.until('"event":"FaultStarted"')
        children = psutil.Process(running.process.pid).children(recursive=True)
        running.signal(signal.SIGKILL)
        running.process.wait()
    psutil.wait_procs(children, timeout=10)
    assert desk.left() == []
    run = settled(read_events(running.folder))
    assert [one.status for one in run.faults()] == [FaultStatus.UNDER_WAY]
    said = desk.phasegate("report", str(running.folder), "--report", "html")
    assert said.code in (0, 3), said.err
    page = (running.folder / "report.html").read_text()
    assert "may still be on" in page


def test_step_that_needs_one_whose_fault_missed_its_limit_is_held_back(desk: Desk) -> None:
    scene = Scene(
        fault="pause: shop, at: 200ms, for: 1500ms", criteria="f.recovery_time < 100ms", check=SLEEP % 2.5
    )
    laid(desk, scene).plan(
        scene.plan + f"  - {{id: two, needs: [one], checks: [{{id: after, {SLEEP % 0.1}}}]}}\n"
    )
    ran = desk.run()
    assert ran.code == 1
    assert ran.check("after")["status"] == "not_run"
    assert "f.recovery_time is not met" in ran.check("after")["reason"]


@pytest.mark.parametrize(
    ("limit", "flags", "ran_after"), [("100ms", ("-x",), False), ("100ms", (), True), ("20s", ("-x",), True)]
)
def test_fail_fast_begins_nothing_more_once_a_fault_missed_its_limit(
    desk: Desk, limit: str, flags: tuple[str, ...], ran_after: bool
) -> None:
    scene = Scene(
        fault="pause: shop, at: 200ms, for: 1500ms",  # longer than a busy machine keeps a probe
        criteria=f"f.recovery_time < {limit}",
        check=SLEEP % 2.5,
        beside=f"      - {{id: after, {SLEEP % 0.1}}}\n",
    )
    ran = laid(desk, scene).run(*flags)
    assert ran.code == (0 if limit == "20s" else 1), ran.err
    assert ran.check("after")["status"] == ("passed" if ran_after else "not_run")
    if not ran_after:
        assert ran.check("after")["reason"] == "an earlier fault failed (--fail-fast)"


def test_check_that_was_spared_its_fault_is_unproven_in_every_view_of_the_record(desk: Desk) -> None:
    scene = SITUATIONS["only the check has criteria, and the fault was not done"]
    ran = laid(desk, scene).run().is_whole()
    assert ran.check("steady")["status"] == "unproven"
    assert ran.result["steps"][0]["status"] == "unproven"
    assert "fault f was not done: steady had ended after" in ran.criterion("steady.exit_code")["message"]
    assert desk.phasegate("verify", str(ran.folder)).code == 3
