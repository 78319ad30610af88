"""Programs run in groups of their own, are bounded and stopped, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from phasegate.render.sentences import sentence
from phasegate.targets.processes.local import LocalProcesses
from phasegate.targets.processes.members import new_mark
from phasegate.world import Command

pytestmark = pytest.mark.paced

UPPER = 50.0
"""Seconds that nothing here may take."""


@pytest.fixture
def processes() -> LocalProcesses:
    return LocalProcesses(dict(os.environ), grace=1.0)


def python(code: str, cwd: Path, **more: object) -> Command:
    return Command(argv=("python", "-c", code), cwd=cwd, **more)  # type: ignore[arg-type]


def shell(script: str, cwd: Path, **more: object) -> Command:
    return Command(argv=("sh", "-c", script), cwd=cwd, **more)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + UPPER
    while time.monotonic() < deadline:
        if condition():
            return True
        await asyncio.sleep(0.02)
    return False


def number_in(file: Path) -> int:
    text = file.read_text() if file.exists() else ""
    return int(text) if text.endswith("\n") else 0


async def test_exit_code_and_both_streams_are_kept(processes: LocalProcesses, tmp_path: Path) -> None:
    done = await processes.run(shell("echo out; echo err >&2; exit 7", tmp_path))
    assert (done.exit_code, done.signal, done.stdout, done.stderr) == (7, None, b"out\n", b"err\n")
    assert 0 < done.duration < UPPER
    assert not done.error
    assert not done.timed_out


async def test_program_ended_by_a_signal_has_no_exit_code(processes: LocalProcesses, tmp_path: Path) -> None:
    done = await processes.run(shell("kill -SEGV $$", tmp_path))
    assert (done.exit_code, done.signal) == (None, signal.SIGSEGV)


async def test_program_that_is_not_there_is_told_not_raised(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    done = await processes.run(Command(argv=("no-such-program",), cwd=tmp_path))
    assert (done.exit_code, sentence(done.error)) == (None, "'no-such-program' is not on PATH")


async def test_each_way_not_to_start_has_its_reason(processes: LocalProcesses, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("echo hello\n")
    (tmp_path / "junk").write_bytes(b"\x00\x01\x02")
    (tmp_path / "lost").write_text("#!/no/such/interpreter\n")
    for name in ("junk", "lost"):
        (tmp_path / name).chmod(0o755)

    async def why(*argv: str, cwd: Path = tmp_path) -> str:
        return sentence((await processes.run(Command(argv=argv, cwd=cwd))).error)

    assert "not executable; chmod +x" in await why("./plain")
    assert "this system cannot run it" in await why("./junk")
    assert "its first line names does not exist" in await why("./lost")
    assert f"there is no {str(tmp_path / 'gone')!r}" in await why("./gone")
    assert "is a folder" in await why("./../" + tmp_path.name)
    assert "there is no folder" in await why("true", cwd=tmp_path / "gone")
    assert "the command is empty" in await why()
    assert "null byte" in await why("echo", "a\0b")
    assert "argument list too long" in await why("echo", "x" * 3_000_000)


async def test_python_is_our_interpreter_and_its_folder_leads_path(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    done = await processes.run(python("import os, sys; print(sys.executable, os.environ['PATH'])", tmp_path))
    executable, path = done.stdout.decode().split()
    assert executable == sys.executable
    assert path.split(os.pathsep)[0] == str(Path(sys.executable).parent)


async def test_environment_of_a_command_is_added_and_its_path_is_kept(tmp_path: Path) -> None:
    processes = LocalProcesses({"BASE": "1", "BOTH": "base", "PATH": os.environ["PATH"]})
    command = Command(argv=("/bin/sh", "-c", "echo $BASE $BOTH $MORE $PATH"), cwd=tmp_path)
    more = {"BOTH": "own", "MORE": "2", "PATH": "/usr/bin:/bin"}
    done = await processes.run(Command(argv=command.argv, cwd=tmp_path, env=more))
    assert done.stdout == b"1 own 2 /usr/bin:/bin\n"
    bare = await processes.run(Command(argv=("/usr/bin/env",), cwd=tmp_path))
    assert b"BOTH=base\n" in bare.stdout


async def test_program_beside_the_plan_is_found_from_its_folder(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    script = tmp_path / "probe.sh"
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o755)
    done = await processes.run(Command(argv=("./probe.sh",), cwd=tmp_path))
    assert done.stdout.decode().strip().endswith(str(tmp_path))


async def test_output_is_bounded_to_its_first_and_last_half(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    code = "import sys; sys.stdout.write('first' + 'x' * 50_000_000 + 'last')"
    done = await processes.run(python(code, tmp_path, keep=1000))
    assert done.stdout.startswith(b"firstx")
    assert done.stdout.endswith(b"xlast")
    assert b"\n[49,999,009 bytes left out]\n" in done.stdout
    assert len(done.stdout) < 1100


async def test_what_is_not_kept_is_counted(processes: LocalProcesses, tmp_path: Path) -> None:
    code = "import sys; sys.stdout.write('o' * 1_000_000); sys.stderr.write('e' * 300)"
    done = await processes.run(python(code, tmp_path, keep=1_000))
    assert (done.stdout_left_out, done.stderr_left_out) == (999_000, 0)
    assert done.stderr == b"e" * 300


async def test_every_line_of_standard_error_is_seen_before_the_end_is_told(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    seen: list[str] = []
    code = (
        "import sys; print('spoken'); sys.stdout.close()\n"
        "for n in range(20_000): sys.stderr.write(f'{n} ' + 'x' * (200_000 if n == 7 else 60) + chr(10))"
    )
    async with processes.open(python(code, tmp_path, keep=10), on_error_line=seen.append) as running:
        assert await running.read_line() == "spoken"
        assert await running.read_line() is None
        done = await running.wait()
        numbers = [line.split()[0] for line in seen]
    assert numbers == [str(number) for number in range(20_000)]
    assert len(seen[7]) > 200_000
    assert done.stderr_left_out == sum(len(line) + 1 for line in seen) - 10


async def test_lines_are_seen_while_the_program_runs(processes: LocalProcesses, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    go = tmp_path / "go"

    def on_line(stream: str, line: str) -> None:
        seen.append((stream, line))
        if line == "ready":
            go.touch()

    script = "echo ready; while [ ! -e go ]; do sleep 0.02; done; echo oops >&2; printf 'no end'"
    done = await processes.run(shell(script, tmp_path, limit=UPPER), on_line=on_line)
    assert done.exit_code == 0
    assert [line for stream, line in seen if stream == "stdout"] == ["ready", "no end"]
    assert ("stderr", "oops") in seen


async def test_failing_line_callback_ends_the_program_and_is_raised(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    pids: list[int] = []

    def on_line(stream: str, line: str) -> None:
        pids.append(int(line))
        raise LookupError(line)

    with pytest.raises(LookupError):
        await processes.run(shell("echo $$; exec sleep 60", tmp_path), on_line=on_line)
    assert not alive(pids[0])


async def test_limit_ends_the_whole_group(processes: LocalProcesses, tmp_path: Path) -> None:
    started = time.monotonic()
    done = await processes.run(shell("sleep 60 & echo $! > child; wait", tmp_path, limit=2.0))
    assert done.timed_out
    assert done.signal == signal.SIGTERM
    assert not alive(number_in(tmp_path / "child"))
    assert time.monotonic() - started < UPPER


async def test_program_that_ignores_sigterm_is_killed(processes: LocalProcesses, tmp_path: Path) -> None:
    done = await processes.run(shell("trap '' TERM; sleep 60; sleep 60", tmp_path, limit=2.0))
    assert done.timed_out
    assert done.signal == signal.SIGKILL


async def test_program_that_is_stopped_gets_to_see_that_it_has_to_end(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    done = await processes.run(shell("kill -STOP $$; sleep 60", tmp_path, limit=2.0))
    assert done.signal == signal.SIGTERM


async def test_jobs_in_groups_of_their_own_end_with_their_shell(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    script = "set -m; sleep 60 & echo $! > child; wait"
    task = asyncio.create_task(processes.run(shell(script, tmp_path)))
    assert await eventually(lambda: number_in(tmp_path / "child") > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(number_in(tmp_path / "child"))


async def test_program_may_use_the_grace_to_clean_up(processes: LocalProcesses, tmp_path: Path) -> None:
    done = await processes.run(
        shell("trap 'echo cleaned; exit 3' TERM; sleep 60 & wait", tmp_path, limit=2.0)
    )
    assert (done.exit_code, done.stdout, done.timed_out) == (3, b"cleaned\n", True)


async def test_background_children_do_not_outlive_a_program(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    started = time.monotonic()
    done = await processes.run(shell("sleep 60 & echo $!", tmp_path))
    assert done.exit_code == 0
    assert not alive(int(done.stdout))
    assert time.monotonic() - started < UPPER


async def test_daemon_in_a_session_of_its_own_is_left_alone_at_a_normal_end(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    code = (
        "import subprocess; p = subprocess.Popen(['sleep', '60'], start_new_session=True); "
        "print(p.pid, flush=True); p.returncode = 0"
    )
    done = await processes.run(python(code, tmp_path))
    pid = int(done.stdout)
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


async def test_child_in_a_session_of_its_own_is_ended_with_a_program_that_is_stopped(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    code = (
        "import subprocess, time; p = subprocess.Popen(['sleep', '60'], start_new_session=True); "
        "print(p.pid, flush=True); time.sleep(60)"
    )
    done = await processes.run(python(code, tmp_path, limit=2.0))
    assert done.timed_out
    pid = int(done.stdout)
    assert await eventually(lambda: not alive(pid))


async def test_cancellation_ends_the_group_before_it_goes_on(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    script = "echo $$ > leader; sleep 60 & echo $! > child; wait"
    task = asyncio.create_task(processes.run(shell(script, tmp_path)))
    assert await eventually(lambda: number_in(tmp_path / "child") > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(number_in(tmp_path / "leader"))
    assert not alive(number_in(tmp_path / "child"))


async def test_cancelling_the_end_kills_at_once(tmp_path: Path) -> None:
    processes = LocalProcesses(dict(os.environ))
    script = "trap '' TERM; echo ready > ready; while :; do sleep 0.1; done"
    group = await processes.start(shell(script, tmp_path))
    assert await eventually((tmp_path / "ready").exists)
    ending = asyncio.create_task(group.end(60.0))
    await asyncio.sleep(0.1)
    assert group.running
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert await eventually(lambda: not group.running)
    assert not psutil.pid_exists(group.pid)


async def test_cancellation_while_starting_leaves_nothing(processes: LocalProcesses, tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    for _ in range(20):
        task = asyncio.create_task(processes.run(shell("exec sleep 60", tmp_path)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    left = [
        child for child in set(psutil.Process().children()) - before if "guard" not in str(child.cmdline())
    ]
    assert left == []


async def test_no_zombies_are_left(processes: LocalProcesses, tmp_path: Path) -> None:
    await asyncio.gather(*(processes.run(shell("exit 0", tmp_path)) for _ in range(20)))
    statuses = [child.status() for child in psutil.Process().children()]
    assert psutil.STATUS_ZOMBIE not in statuses


async def test_spoken_process_answers_line_by_line(processes: LocalProcesses, tmp_path: Path) -> None:
    code = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True)"
    async with processes.open(python(code, tmp_path)) as running:
        for word in ("one", "zwölf"):
            await running.write_line(word)
            assert await running.read_line() == word.upper()
        running.interrupt()
        done = await running.wait()
        assert await running.read_line() is None
    assert done.stopped
    assert done.signal == signal.SIGTERM
    assert not alive(running.pid)


async def test_spoken_process_that_ends_by_itself_tells_why(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    async with processes.open(shell("echo last; echo why >&2; exit 4", tmp_path)) as running:
        assert await running.read_line() == "last"
        assert await running.read_line() is None
        done = await running.wait()
        await running.write_line("nobody is there")
    assert (done.exit_code, done.stderr, done.stopped) == (4, b"why\n", False)


async def test_spoken_process_that_cannot_start_is_told_not_raised(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    async with processes.open(Command(argv=("no-such-program",), cwd=tmp_path)) as running:
        await running.write_line("hello")
        assert await running.read_line() is None
        assert sentence((await running.wait()).error) == "'no-such-program' is not on PATH"


async def test_spoken_process_is_gone_when_its_context_is_left(
    processes: LocalProcesses, tmp_path: Path
) -> None:
    with pytest.raises(LookupError):
        async with processes.open(shell("trap '' TERM; while :; do sleep 0.1; done", tmp_path)) as running:
            raise LookupError
    assert not alive(running.pid)


async def test_spoken_process_is_ended_at_its_limit(processes: LocalProcesses, tmp_path: Path) -> None:
    async with processes.open(shell("sleep 60", tmp_path, limit=2.0)) as running:
        assert await running.read_line() is None
        assert (await running.wait()).timed_out


async def test_everything_ends_when_phasegate_is_killed(tmp_path: Path) -> None:
    parent = tmp_path / "parent.py"
    parent.write_text(
        "import asyncio, os, pathlib\n"
        "from phasegate.targets.processes.local import LocalProcesses\n"
        "from phasegate.world import Command\n"
        "script = 'echo $$ > leader; sleep 60 & echo $! > child; setsid sleep 60 & echo $! > stray; wait'\n"
        "command = Command(argv=('sh', '-c', script), cwd=pathlib.Path.cwd())\n"
        "environment = {**os.environ, 'PHASEGATE_MARK': '" + new_mark() + "'}\n"
        "asyncio.run(LocalProcesses(environment).run(command))\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    phasegate = await asyncio.create_subprocess_exec(
        sys.executable, str(parent), cwd=tmp_path, env=environment
    )
    assert await eventually(lambda: number_in(tmp_path / "stray") > 0)
    phasegate.kill()
    await phasegate.wait()
    pids = [number_in(tmp_path / name) for name in ("leader", "child", "stray")]
    assert await eventually(lambda: not any(alive(pid) for pid in pids))


def test_processes_work_on_uvloop(tmp_path: Path) -> None:
    import uvloop

    async def both() -> None:
        processes = LocalProcesses(dict(os.environ), grace=1.0)
        lines: list[str] = []
        done = await processes.run(
            shell("echo a; sleep 60 & exit 5", tmp_path), on_line=lambda _, line: lines.append(line)
        )
        assert (done.exit_code, done.stdout, lines) == (5, b"a\n", ["a"])
        async with processes.open(shell("read x; echo $x$x; sleep 60", tmp_path)) as running:
            await running.write_line("b")
            assert await running.read_line() == "bb"
        assert not alive(running.pid)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(both())
