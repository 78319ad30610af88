"""`python -m phasegate`, without the second that Python takes to import it: a fork of a process that has.

done = run(["run", "plan.yaml"], cwd=folder, env=environment, timeout=60)      # a CompletedProcess

What runs is `phasegate/__main__.py`, in a process of its own, with its own streams, folder and environment.
It differs from `python -m phasegate` in what was there before the first line: `/proc/PID/cmdline` and
`environ` are those of this module, and all modules are loaded. Tests of these start Python.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
_READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "MALLOC_")
_LOADED_LATE = ("docker", "jinja2", "jsonschema", "ngh2", "rich.console", "uvloop")
"""Other packages that phasegate imports where it needs them."""
_NOT_OURS = ("phasegate.__main__", "phasegate.demo", "phasegate.kinds.pytest_plugin")
"""Modules that are loaded in other processes, or not yet."""
_LONGEST = 1 << 17
"""Bytes of a request."""


def allows(changes: Mapping[str, str]) -> bool:
    """Whether a fork obeys these variables as a process does that starts with them.

    It puts what is in PYTHONPATH on its path, behind which modules are that are loaded already.
    """
    return not any(name.startswith(_READ_AT_START) for name in changes)


def run(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end, like `subprocess.run` with its output captured."""
    request = json.dumps([list(arguments), str(cwd), dict(env)]).encode()
    assert len(request) < _LONGEST
    answer, end = os.pipe()
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        os.fdopen(answer, "rb", buffering=0) as told,
    ):
        try:
            socket.send_fds(_warm_process(), [request], [out.fileno(), err.fileno(), end])
        finally:
            os.close(end)
        pid = int(told.readline())
        if not select.select([told], [], [], timeout)[0]:
            os.kill(pid, signal.SIGKILL)
            told.readline()
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        code = int(told.readline())
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(list(arguments), code, *texts)


@functools.cache
def _warm_process() -> socket.socket:
    """Where to ask for forks; the process ends with the last one who could ask."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _LONGEST)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(requests: socket.socket) -> list[str] | None:
    """Fork for each request: None when nobody asks any more, the arguments in a fork."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody is waited for here
    while True:
        request, given, _, _ = socket.recv_fds(requests, _LONGEST, 3)
        if not request:
            return None
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            out, err, answer = given
            requests.close()
            if pid := os.fork():
                os.write(answer, f"{pid}\n".encode())
                _, status = os.waitpid(pid, 0)
                os.write(answer, f"{os.waitstatus_to_exitcode(status)}\n".encode())
                os._exit(0)
            os.close(answer)
            arguments, folder, environment = json.loads(request)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            sys.path[0] = folder
            added = environment.get("PYTHONPATH", "").split(os.pathsep)
            sys.path[1:1] = [entry for entry in added if entry and entry not in sys.path]
            for number, file in ((1, out), (2, err)):
                os.dup2(file, number)
                os.close(file)
            return arguments
        for file in given:
            os.close(file)


def _load_everything() -> None:
    import phasegate

    for module in pkgutil.walk_packages(phasegate.__path__, "phasegate."):
        if not module.name.startswith(_NOT_OURS):
            importlib.import_module(module.name)
    for name in _LOADED_LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _load_everything()
    arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    if arguments is not None:
        sys.argv[1:] = arguments
        runpy.run_module("phasegate", run_name="__main__", alter_sys=True)
