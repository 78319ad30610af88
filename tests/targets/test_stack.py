from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from phasegate.base.errors import ExitCode, TargetError
from phasegate.record import evidence
from phasegate.render.sentences import sentence
from phasegate.targets.kinds.external import ExternalEntry, ExternalServices
from phasegate.targets.processes.entries import Ready
from phasegate.targets.processes.ports import Ports, ephemeral_range
from tests.targets.conftest import SERVER, Bench
from tests.telling import raises

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


STUBBORN = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("up", flush=True)
    time.sleep(60)
"""
SLEEPING = "import time; time.sleep(60)"


async def status(url: str) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).status_code


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110  what is waited for happens in other processes
            await asyncio.sleep(0.01)


async def test_a_process_is_up_while_the_context_is_open_and_gone_after(bench: Bench) -> None:
    async with bench.stack(bench.process("api", SERVER)) as target:
        url = target.url("/health")
        assert await status(url) == 200
    with pytest.raises(httpx.ConnectError):
        await status(url)
    assert bench.states() == ["api starting", "api ready", "api stopped"]
    record = bench.changes[-1][1]
    assert record.ready_after is not None
    assert record.exit_code is None
    assert record.command[-1] == record.url.rpartition(":")[2]
    assert record.log == "evidence/target/api.log"
    assert bench.log("api") == "listening with [redacted]\n"


async def test_its_port_is_below_the_ephemeral_range(bench: Bench) -> None:
    async with bench.stack(bench.process("api", SERVER)) as target:
        assert int(target.values()["target.api.port"]) < ephemeral_range()[0]


async def test_line_that_says_it_is_ready_is_found_where_a_long_line_is_cut(bench: Bench) -> None:
    """Lines are handed on in pieces of 64 KiB."""
    script = f"print('x' * {64 * 1024 - 2} + 'READY', flush=True)\n" + SLEEPING
    async with bench.stack(bench.process("long", script, ready=Ready(log="READY", within=20))):
        pass
    assert bench.log("long").endswith("xREADY\n")


async def test_entries_start_in_order_and_know_the_earlier_ones(bench: Bench) -> None:
    second = bench.process(
        "front",
        "import os, sys; print('behind', sys.argv[1], os.environ['BACKEND'], os.environ['OWN'], flush=True)\n"
        + SLEEPING,
        "${target.api.url}",
        ready=Ready(log="^behind", within=20),
        env={"BACKEND": "${target.docs.host}", "OWN": "${self.url}"},
    )
    docs = ExternalEntry(id="docs", url="https://docs.example/")
    async with bench.stack(
        bench.process("api", SERVER), second, others=(ExternalServices(entries=(docs,)),)
    ) as target:
        values = target.values()
        expected = f"behind {values['target.api.url']} docs.example {values['target.front.url']}\n"
        assert bench.log("front") == expected
    assert bench.states() == [
        "api starting", "api ready", "front starting", "front ready", "front stopped", "api stopped",
    ]  # fmt: skip


async def test_what_never_listens_is_never_ready_and_says_so(bench: Bench) -> None:
    entry = bench.process(
        "api", "print('waiting for hunter2-hunter2', flush=True); import time; time.sleep(60)",
        ready=Ready(url="/health", within=2.0),
    )  # fmt: skip
    with pytest.raises(TargetError) as raised:
        async with bench.stack(entry):
            pytest.fail("it was never ready")
    error = raised.value
    assert error.exit_code is ExitCode.TARGET
    assert sentence(error.message).startswith("target 'api': not ready within 2 s: GET http://127.0.0.1:")
    assert sentence(error.message).endswith("/health: connection refused")
    assert sentence(error.help) == "its log ends with\n    waiting for [redacted]"
    assert bench.states() == ["api starting", "api failed"]
    assert bench.changes[-1][1].log_tail == ("waiting for [redacted]",)


async def test_a_process_that_dies_early_ends_the_wait_at_once(bench: Bench) -> None:
    entry = bench.process(
        "api",
        """
        import sys
        for n in range(30): print("line", n)
        print("no database", file=sys.stderr)
        sys.exit(7)
        """,
        ready=Ready(tcp=True, within=600),
    )
    with raises(TargetError, match="'api': it ended with exit code 7 before it was ready"):
        async with asyncio.timeout(60), bench.stack(entry):
            pytest.fail("it had ended")
    record = bench.changes[-1][1]
    assert record.exit_code == 7
    assert len(record.log_tail) == 20
    assert "no database" in record.log_tail


async def test_a_program_that_goes_to_the_background_is_told_to_stay(bench: Bench) -> None:
    with raises(TargetError, match=r"exit code 0 .*; a daemon must stay in the foreground"):
        async with bench.stack(bench.process("api", "import os\nif os.fork() == 0: " + SLEEPING)):
            pytest.fail("it had ended")
    assert not bench.left()


async def test_what_cannot_be_started_is_named(bench: Bench) -> None:
    entry = bench.process("api", "")
    missing = type(entry)(id="api", command=("no-such-program",), cwd=bench.root, ready=entry.ready)
    with raises(TargetError, match="target 'api': 'no-such-program' is not on PATH"):
        async with bench.stack(missing):
            pytest.fail("there is no such program")


async def test_a_later_entry_that_fails_takes_the_earlier_ones_down(bench: Bench) -> None:
    bad = bench.process("bad", "raise SystemExit(1)")
    with raises(TargetError, match="'bad'"):
        async with bench.stack(bench.process("api", SERVER), bad):
            pytest.fail("one was never ready")
    assert bench.states()[-1] == "api stopped"
    assert not bench.left()


async def test_an_answer_of_another_process_on_its_port_is_not_ready(bench: Bench) -> None:
    port = Ports().take()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER.replace("\n    ", "\n"), str(port), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        await server.stdout.readline()
        entry = bench.process(
            "api", SLEEPING,
            ready=Ready(url=f"http://127.0.0.1:{port}/health", within=1),
        )  # fmt: skip
        stack = bench.stack(entry, ports=_Given(port))
        with raises(TargetError, match=rf"port {port} is answered by another process .*{server.pid}"):
            async with stack:
                pytest.fail("another process answered")
    finally:
        server.kill()
        await server.communicate()


class _Given:
    def __init__(self, port: int) -> None:
        self._port = port

    def take(self) -> int:
        return self._port


async def test_a_server_that_sends_garbage_is_not_ready(bench: Bench) -> None:
    code = """
        import socket, sys
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        while True:
            connection, _ = listener.accept()
            connection.sendall(b"\\x00\\xff garbage\\r\\n\\r\\n")
            connection.close()
    """
    with raises(TargetError, match=r"the answer does not begin with HTTP|connection reset"):
        async with bench.stack(bench.process("api", code, ready=Ready(url="/", within=1))):
            pytest.fail("it does not speak HTTP")


async def test_only_2xx_is_ready(bench: Bench) -> None:
    with raises(TargetError, match="/missing: status 404"):
        async with bench.stack(bench.process("api", SERVER, ready=Ready(url="/missing", within=1))):
            pytest.fail("404 is not ready")


async def test_a_port_that_is_open_is_ready_where_the_plan_says_tcp(bench: Bench) -> None:
    async with bench.stack(bench.process("api", SERVER, ready=Ready(tcp=True, within=20))) as target:
        assert await status(target.url("/health")) == 200


async def test_its_death_during_the_run_is_told_with_code_and_tail(bench: Bench) -> None:
    async with bench.stack(bench.process("api", SERVER)) as target:
        (pid,) = bench.left()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: bench.states()[-1] == "api died")
        assert target.url("/health").startswith("http://127.0.0.1:")
    record = bench.changes[-1][1]
    assert bench.states()[-1] == "api died"
    assert sentence(record.error) == "it was ended by SIGKILL"
    assert record.exit_code == -signal.SIGKILL
    assert record.log_tail == ("listening with [redacted]",)


async def test_what_ignores_sigterm_is_killed_and_the_log_says_so(bench: Bench) -> None:
    async with bench.stack(bench.process("api", STUBBORN, ready=Ready(log="up", within=20)), grace=0.3):
        pass
    assert not bench.left()
    assert "killed" in bench.log("api")


@linux
@pytest.mark.parametrize("leave", ["", "os.setpgid(0, 0)", "os.setsid()"])
async def test_grandchildren_are_ended_wherever_they_have_gone(bench: Bench, leave: str) -> None:
    code = f"""
        import os, time
        if os.fork() == 0:
            if os.fork() == 0:
                {leave or "pass"}
                print("daemon", os.getpid(), flush=True)
                time.sleep(60)
            os._exit(0)
        time.sleep(60)
    """
    async with bench.stack(bench.process("api", code, ready=Ready(log="daemon", within=20)), grace=1.0):
        assert len(bench.left()) == 2
    assert not bench.left()


@linux
async def test_a_server_that_makes_itself_a_daemon_is_not_ours(bench: Bench) -> None:
    code = "import os, time\nif os.fork(): time.sleep(60)\nos.setsid()\n"
    entry = bench.process("api", code + SERVER.replace("\n    ", "\n"), ready=Ready(tcp=True, within=1))
    with raises(TargetError, match="a daemon must stay in the foreground"):
        async with bench.stack(entry):
            pytest.fail("the listener is not in the group")
    assert not bench.left()


@pytest.mark.parametrize("after", [0.0, 0.02, 0.1, 0.4])
async def test_a_cancelled_start_leaves_nothing_behind(bench: Bench, after: float) -> None:
    entry = bench.process("api", SLEEPING, ready=Ready(tcp=True, within=60))
    starting = asyncio.create_task(bench.stack(entry).__aenter__())
    await asyncio.sleep(after)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not bench.left()


async def test_a_second_cancellation_kills_at_once(bench: Bench) -> None:
    ready = Ready(log="up", within=20)
    stack = bench.stack(
        bench.process("a", STUBBORN, ready=ready), bench.process("b", STUBBORN, ready=ready), grace=60
    )
    await stack.__aenter__()
    ending = asyncio.create_task(stack.__aexit__(None, None, None))
    await asyncio.sleep(0.2)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(ending, 20)
    await until(lambda: not bench.left())


async def test_setup_runs_with_the_addresses_and_teardown_before_the_end(bench: Bench) -> None:
    ask = """
        import os, sys, urllib.request
        print(sys.argv[1], urllib.request.urlopen(os.environ["PHASEGATE_TARGET_URL"] + "/health").status)
    """
    stack = bench.stack(
        bench.process("api", SERVER),
        setup=(bench.command(ask, "${target.api.url}"),),
        teardown=(bench.command("raise SystemExit(3)"), bench.command(ask, "bye hunter2-hunter2")),
    )
    async with stack as target:
        url = target.values()["target.api.url"]
        assert f"\n{url} 200\n" in bench.log("setup")
    assert "\nbye [redacted] 200\n" in bench.log("teardown")
    (problem,) = bench.problems
    assert (
        sentence(problem.message) == "target.teardown: python -c 'raise SystemExit(3)' ended with exit code 3"
    )


async def test_teardown_runs_where_nothing_was_started(bench: Bench) -> None:
    async with bench.stack(teardown=(bench.command("print('bye'); raise SystemExit(3)"),)):
        pass
    assert "\nbye\n" in bench.log("teardown")
    assert len(bench.problems) == 1


async def test_a_setup_command_that_fails_is_a_target_that_is_not_up(bench: Bench) -> None:
    stack = bench.stack(
        bench.process("api", SERVER),
        setup=(bench.command("print('no schema'); raise SystemExit(2)"),),
        teardown=(bench.command("print('cleaned')"),),
    )
    with raises(TargetError, match=r"target\.setup: .* ended with exit code 2") as raised:
        async with stack:
            pytest.fail("setup failed")
    assert "no schema" in sentence(raised.value.help or "")
    assert "cleaned" in bench.log("teardown")
    assert bench.states()[-1] == "api stopped"


@linux
async def test_a_daemon_that_setup_started_does_not_outlive_the_run(bench: Bench) -> None:
    daemon = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            for fd in (0, 1, 2): os.close(fd)
            time.sleep(60)
    """
    async with bench.stack(setup=(bench.command(daemon),)):
        assert len(bench.left()) == 1
    assert not bench.left()


async def test_a_target_of_external_entries_starts_nothing(bench: Bench) -> None:
    docs = ExternalEntry(id="docs", url="https://docs.example/base/", headers=(("X-Key", "k"),))
    async with bench.stack(others=(ExternalServices(entries=(docs,)),), default="docs") as target:
        assert target.url("/a") == "https://docs.example/base/a"
        assert target.headers("docs") == (("X-Key", "k"),)
    assert not bench.changes


async def test_a_secret_that_is_not_set_keeps_the_process_from_starting(bench: Bench) -> None:
    with raises(TargetError, match="a secret that is not set: API_TOKEN"):
        async with bench.stack(bench.process("api", SERVER, missing_secrets=("API_TOKEN",))):
            pytest.fail("it needs a secret")
    assert not bench.changes


async def test_an_address_that_is_not_known_yet_is_named(bench: Bench) -> None:
    with raises(TargetError, match=r"target 'api': \$\{target.later.url\} is not known"):
        async with bench.stack(bench.process("api", SERVER, "${target.later.url}")):
            pytest.fail("a later entry has no address yet")


async def test_much_output_is_kept_within_its_bound(bench: Bench) -> None:
    code = """
        import sys, time
        for n in range(2000): print(n, "x" * 1000)
        print("up", flush=True)
        time.sleep(60)
    """
    bench.store._log_limit = 100_000
    async with bench.stack(bench.process("api", code, ready=Ready(log="up", within=20))):
        pass
    log = bench.log("api")
    assert len(log) <= 100_000
    assert log.startswith("0 x")
    assert log.endswith("up\n")


@linux
async def test_a_log_that_cannot_be_written_is_told_and_the_target_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *, below: Path) -> io.FileIO:
        return io.FileIO("/dev/full", "w")

    monkeypatch.setattr(evidence, "new_file", full)
    async with bench.stack(bench.process("api", SERVER)) as target:
        assert await status(target.url("/health")) == 200
    assert [problem.exit_code for problem in bench.problems] == [ExitCode.INCONCLUSIVE]
