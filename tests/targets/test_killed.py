from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phasegate.targets.processes.members import find_marked, new_mark

RUN = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from phasegate.plan.asked.entries import Target
from phasegate.targets.containers.reach import TargetContainers
from phasegate.targets.deployment import Site
from phasegate.targets.processes.entries import ProcessEntry, Programs, Ready
from phasegate.targets.processes.members import MARK
from phasegate.targets.processes.local import LocalProcesses
from phasegate.targets.processes.resources import Sampler
from phasegate.targets.stack import TargetStack

class Log:
    path = ""
    def write(self, data): pass
    def tail(self, lines): return ()
    def close(self): pass

async def main(mark):
    code = "import os, time\\nif os.fork() == 0: time.sleep(600)\\nprint('up', flush=True)\\ntime.sleep(600)"
    entry = ProcessEntry(
        id="api", command=("python", "-c", code), cwd=Path("/"), ready=Ready(log="up", within=30)
    )
    site = Site(
        processes=LocalProcesses({**os.environ, MARK: mark}), containers=TargetContainers({}),
        sampler=Sampler(lambda used: None, lambda: datetime.now(UTC)),
        logs=lambda name: Log(), on_change=lambda *_: None, on_problem=print, mark=mark,
    )
    stack = TargetStack(Target(groups=(Programs(entries=(entry,)),)), site)
    async with stack:
        print("ready", flush=True)
        await asyncio.sleep(600)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_phasegate_however_it_ends(number: signal.Signals, tmp_path: Path) -> None:
    mark = new_mark()
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, mark], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"ready\n"
        assert len(find_marked(mark)) == 2
        run.send_signal(number)
        run.wait(60)
    deadline = time.monotonic() + 60
    while find_marked(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not find_marked(mark)
