"""A real PostgreSQL, Debian's, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, "apt-get install postgresql"
    return str(found[-1])


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database; the server refuses to run as root, so it runs as the user `postgres`."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="phasegate-postgres-"))
    if as_user:
        shutil.chown(folder, "postgres")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    initdb = [_program("initdb"), "-D", str(data), "-A", "trust", "-U", "shop", "--no-sync"]
    subprocess.run([*as_user, *initdb], check=True, **quiet)  # type: ignore[call-overload]
    server = [_program("postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    process = subprocess.Popen([*as_user, *server, *options], **quiet)  # type: ignore[call-overload]
    try:
        _until_ready(port)
        yield f"postgresql://shop@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _until_ready(port: int) -> None:
    ready = [_program("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    end = time.monotonic() + 60
    while subprocess.run(ready, check=False).returncode:
        assert time.monotonic() < end, "PostgreSQL did not come up within 60 s"
        time.sleep(0.1)
