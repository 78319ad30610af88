"""What the benchmarks share: a table, processes with their time and peak memory, a pinned server.

`BENCHMARK_SECONDS` and `BENCHMARK_ROUNDS` in the environment make rounds shorter or fewer, to try a change
out; figures of such runs are not for the README.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS = int(os.environ.get("BENCHMARK_SECONDS", "4"))
"""Of one round; whole ones, for not every tool takes others."""
ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "3"))

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        location = /counted {{
            stub_status;
        }}
        location / {{
            default_type application/json;
            return 200 '{{"status":"ok","version":"0.2.0"}}';
        }}
    }}
}}
"""

_LAUNCHER = """\
import os, sys, time
began = time.perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - began
line = f"{seconds} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss} {status}"
os.write(int(sys.argv[1]), line.encode())
"""
"""Starts a program from a small process: the kernel counts the memory of whoever starts one as its own."""


class CannotRunError(Exception):
    """Why a benchmark, or a part of it, cannot be run here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    seconds: float
    busy: float
    """Seconds of processor time."""
    peak: int
    """Bytes of resident memory, the most that the process or one of its children had."""
    exit_code: int
    output: str


def run(
    argv: Sequence[str | Path], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Ran:
    """Run a program to its end with time and peak memory as the kernel counted them.

    `environment` is added to that of this process.
    """
    with tempfile.TemporaryFile() as kept, tempfile.TemporaryFile() as figures:
        subprocess.run(
            [sys.executable, "-ISc", _LAUNCHER, str(figures.fileno()), *map(str, argv)],
            stdout=kept,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            pass_fds=(figures.fileno(),),
            check=True,
        )
        kept.seek(0)
        figures.seek(0)
        seconds, busy, peak, status = figures.read().split()
        output = kept.read().decode("utf-8", "replace")
    return Ran(
        seconds=float(seconds),
        busy=float(busy),
        peak=int(peak) * 1024,
        exit_code=os.waitstatus_to_exitcode(int(status)),
        output=output,
    )


def table(title: str, rows: Sequence[Sequence[str]]) -> str:
    """The title and a Markdown table, aligned for reading as text; the first row is the head."""
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        lines.append(f"| {' | '.join(cells)} |")
    rule = [f":{'-' * (widths[0] - 1)}", *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    return "\n".join([title, "", lines[0], f"| {' | '.join(rule)} |", *lines[1:]])


def find(program: str, install: str) -> str:
    """The path of a program: of this environment, of PATH, or where servers live.

    Errors: CannotRunError, with the command that installs it.
    """
    own = Path(sys.executable).parent
    places = f"{own}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    found = shutil.which(program, path=places)
    if found is None:
        raise CannotRunError(f"{program} is missing: {install}")
    return found


def pinned(core: int) -> list[str]:
    """The beginning of a command that runs on one core; empty where there is only one, or no taskset."""
    return ["taskset", "-c", str(core)] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else []


def certificate(folder: Path) -> Path:
    """The folder with `server.crt`, which vouches for itself and 127.0.0.1, and `server.key`."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-keyout", "server.key", "-out", "server.crt", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@contextmanager
def nginx(tls: Path | None = None, *, http2: bool = False) -> Iterator[str]:
    """nginx on core 0, answering a few bytes of JSON; its URL. `tls`: see `certificate`; `http2`: over that.

    Errors: CannotRunError.
    """
    program = find("nginx", "apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        config = Path(name) / "nginx.conf"
        http = " http2" if http2 else ""
        how = (
            f" ssl{http}; ssl_certificate {tls}/server.crt; ssl_certificate_key {tls}/server.key"
            if tls
            else ""
        )
        config.write_text(_NGINX.format(folder=name, port=port, tls=how))
        server = subprocess.Popen(
            [*pinned(0), program, "-c", str(config), "-e", f"{name}/error.log"], stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port, server)
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/health"
        finally:
            server.terminate()
            server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise CannotRunError("nginx did not come up")
