"""What is left when the streams, the machine or the processes that clean up are taken away."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.pipeline.bench import Desk, Running
from tests.pipeline.ends.test_ends import SERVER, TARGET

FINE = "steps: [{id: a, checks: [{id: fine, kind: command, command: [python, -c, '']}]}]"
PHASEGATE = f"'{sys.executable}' -m phasegate"


def shell(desk: Desk, script: str) -> subprocess.CompletedProcess[str]:
    """A shell script in which $phasegate is the program."""
    return subprocess.run(
        ["bash", "-c", script.replace("$phasegate", PHASEGATE)],
        cwd=desk.path,
        env=desk.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("streams", "code"),
    [
        ("2>&-", 2),
        ("<&- >&- 2>&-", 2),
        (">&-", 0),
        ("<&-", 0),
        ("<&- >&-", 0),
        ("--json >&-", 3),
        ("--json >/dev/full", 3),
        ("2>/dev/full", 0),
        ("--json 2>/dev/full >/dev/null", 0),
        ("--json <&- 2>/dev/full >&-", 3),
    ],
)
def test_closed_and_full_streams_never_give_the_code_of_another_verdict(
    desk: Desk, streams: str, code: int
) -> None:
    desk.plan(FINE)
    done = shell(desk, f"$phasegate run plan.yaml -o out {streams}")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert (desk.path / "out").exists() is (code != 2)
    if code != 2:
        (line, *_) = (desk.path / "out" / "events.jsonl").read_text().splitlines()
        assert json.loads(line)["event"] == "RunStarted"  # nothing else was written in its place


@pytest.mark.parametrize("arguments", ["--version", "--help", "schema plan", "kinds", "validate plan.yaml"])
@pytest.mark.parametrize("streams", [">&-", ">/dev/full", "2>&-", "<&- >&- 2>&-"])
def test_no_command_ends_as_a_failed_gate_for_lack_of_a_stream(
    desk: Desk, arguments: str, streams: str
) -> None:
    desk.plan(FINE)
    done = shell(desk, f"$phasegate {arguments} {streams}")
    allowed = {0} if (arguments, streams[0]) == ("validate plan.yaml", ">") else {2, 3}
    assert done.returncode in allowed
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("limit", ["-v 60000", "-v 90000", "-n 5", "-n 14", "-f 0", "-f 4"])
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold to these limits")
def test_a_machine_that_has_no_more_to_give_never_gives_a_verdict_by_itself(desk: Desk, limit: str) -> None:
    desk.plan(FINE)
    done = shell(desk, f"ulimit {limit}; exec $phasegate run plan.yaml -o out")
    if done.returncode == 1:
        # Python itself could not start: nothing of phasegate was run.
        assert "phasegate/" not in done.stderr
        return
    # A library that is not written in Python may end the process where it gets no memory.
    assert done.returncode in (0, 2, 3, -signal.SIGABRT)
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        assert desk.phasegate("verify", "out").code == 0


def test_a_record_folder_that_disappears_takes_the_pass_with_it(desk: Desk) -> None:
    code = "import shutil; shutil.rmtree('out')"
    desk.plan(f'steps: [{{id: a, checks: [{{id: x, kind: command, command: [python, -c, "{code}"]}}]}}]')
    done = desk.phasegate("run", "plan.yaml", "-o", "out")
    assert done.code == 3
    assert "Traceback" not in done.err
    assert "events.jsonl is lost" in done.err


def test_events_that_another_file_took_the_place_of_keep_a_run_from_passing(desk: Desk) -> None:
    desk.write(
        "swap.py",
        "import shutil\nshutil.copy('out/events.jsonl', 'x')\nshutil.move('x', 'out/events.jsonl')\n",
    )
    desk.plan("steps: [{id: a, checks: [{id: x, kind: command, command: [python, swap.py]}]}]")
    done = desk.phasegate("run", "plan.yaml", "-o", "out")
    assert done.code == 3
    assert "events.jsonl is lost" in done.err
    assert json.loads((desk.path / "out" / "result.json").read_text())["verdict"] == "INCONCLUSIVE"


def test_a_record_without_a_first_event_is_told_as_such(desk: Desk) -> None:
    desk.write("out/events.jsonl", "")
    for command in ("report", "verify"):
        done = desk.phasegate(command, "out")
        assert done.code == 2
        assert "has no first event: the run was ended before it began" in done.err


def test_ctrl_c_while_modules_are_imported_says_nothing_and_ends_as_interrupted(desk: Desk) -> None:
    desk.write(
        "slow/yaml.py",
        "import os, time\nopen('importing', 'w').close()\ntime.sleep(60)\n",
    )
    desk.plan(FINE)
    environment = desk.environment()
    environment["PYTHONPATH"] = os.pathsep.join([str(desk.path / "slow"), environment["PYTHONPATH"]])
    with subprocess.Popen(
        [sys.executable, "-m", "phasegate", "validate", "plan.yaml"],
        cwd=desk.path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (desk.path / "importing").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "")


FORKING = TARGET + "steps: [{id: a, checks: [{id: long, kind: command, command: [sleep, '100']}]}]\n"


@pytest.fixture
def served(desk: Desk) -> Iterator[Running]:
    """A run whose target has a child of its own and does not obey SIGTERM."""
    desk.write(
        "server.py",
        "import signal, subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '100'], start_new_session=True)\n" + SERVER.replace("\n    ", "\n"),
    )
    desk.plan(FORKING)
    with desk.running() as run:
        run.until('"check":"long"')
        yield run


def reapers(run: Running) -> list[psutil.Process]:
    children = psutil.Process(run.process.pid).children()
    return [child for child in children if _is_reaper(child)]


def _is_reaper(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[-1:] != [] and process.cmdline()[-1].endswith("reaper.py")
    except (psutil.NoSuchProcess, IndexError):
        return False


@pytest.mark.parametrize("killed", ["the first", "the second", "each, one after the other", "both at once"])
@pytest.mark.skipif(sys.platform != "linux", reason="what left its group is found by its mark on Linux only")
def test_a_target_does_not_outlive_phasegate_and_a_reaper_that_were_killed(
    served: Running, killed: str
) -> None:
    first, second = sorted(reapers(served), key=lambda one: one.pid)
    match killed:
        case "the first":
            first.kill()
        case "the second":
            second.kill()
        case "each, one after the other":
            first.kill()
            until_two(served, but={first.pid})
            second.kill()
        case _:
            first.kill()
            second.kill()
            until_two(served, but={first.pid, second.pid})
    served.signal(signal.SIGKILL)
    served.process.communicate()
    assert served.desk.left() == []


def until_two(run: Running, but: set[int]) -> None:
    """Wait for the successors of reapers that were ended."""
    while len({reaper.pid for reaper in reapers(run)} - but) < 2:
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux is asked")
def test_the_kernel_ends_a_target_where_all_are_killed_at_the_same_moment(desk: Desk) -> None:
    desk.write("server.py", SERVER)
    desk.plan(FORKING)
    with desk.running() as run:
        run.until('"check":"long"')
        run.signal(signal.SIGSTOP)  # so that it sees no reaper go
        for reaper in reapers(run):
            reaper.kill()
        run.signal(signal.SIGKILL)
        run.process.communicate()
        assert desk.left() == []


@pytest.mark.parametrize("progress", ["lines", "none", "live"])
def test_sigusr1_tells_what_is_running_and_ends_nothing(desk: Desk, progress: str) -> None:
    desk.plan(
        """
        steps:
          - id: first
            parallel: true
            checks:
              - id: waits
                kind: command
                command: [python, -c, "exit(3)"]
                retry: {attempts: 2, wait: 60s, on: [error, fail]}
              - id: works
                kind: command
                command: [python, -c, "import os, time\\nwhile not os.path.exists('go'): time.sleep(0.02)"]
        """
    )
    with desk.running("--progress", progress, "--color", "never") as run:
        run.until('"RetryScheduled"')
        run.until('"check":"works"')
        run.signal(signal.SIGUSR1)
        time.sleep(0.5)  # signals of the same number that wait are one
        run.signal(signal.SIGUSR1)
        time.sleep(0.5)
        assert run.process.poll() is None
        (desk.path / "go").touch()
        run.signal(signal.SIGINT)
        ran = run.end()
    assert ran.code == 130
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", ran.err)
    assert "checks run; 0 of 2 checks ended" in text
    assert "step first" in text
    assert "waits waits for attempt 2, in" in text
    assert re.search(r"works .*attempt 1", text)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.85])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_run_that_is_ended_at_any_moment_leaves_a_record_that_can_be_read_or_says_why_not(
    desk: Desk, number: int, share: float
) -> None:
    desk.write("server.py", SERVER)
    desk.plan(
        TARGET + "steps: [{id: a, checks: [{id: up, kind: health, url: /, probes: 20, every: 10ms}]}]\n"
    )
    with desk.running() as run:
        time.sleep(share * 2)
        run.signal(number)
        _, err = run.process.communicate(timeout=60)
    assert desk.left() == []
    assert "Traceback" not in err
    if not run.folder.exists():
        return
    for command in ("report", "verify"):
        done = desk.phasegate(command, str(run.folder), "-q")
        assert "Traceback" not in done.err
        assert done.code in (0, 3, 130, 143) or "before it began" in done.err or "no record" in done.err
