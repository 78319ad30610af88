"""A real container engine for tests: whether one is there, images made on the spot, nothing left behind.

pytestmark = list(ENGINE)                   # the whole module; without an engine it is skipped, by name

def test_...(nothing_left: None) -> None:   # what was on the engine before is what is on it after
    image = busybox()
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.util
import io
import os
import socket
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

BUSYBOX = Path("/bin/busybox")
LABEL = "phasegate.test"
"""Carried by every image that tests build."""


@functools.cache
def why_not() -> str:
    """Why tests with containers cannot run here; empty when they can."""
    if importlib.util.find_spec("docker") is None:
        return "the docker SDK is not installed"
    if not BUSYBOX.is_file():
        return "there is no /bin/busybox to make images of (apt-get install busybox-static)"
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.connect("/var/run/docker.sock")
    except OSError:
        return "no container engine answers at /var/run/docker.sock (dockerd)"
    return ""


ENGINE = (
    pytest.mark.engine,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "-"),
)
"""For `pytestmark = list(ENGINE)`."""


@functools.cache
def client() -> Any:
    import docker

    found = docker.from_env(timeout=30)
    atexit.register(found.close)
    return found


def build(dockerfile: str, files: Mapping[str, bytes] | None = None) -> str:
    """The tag of an image; built only where the engine does not have it yet."""
    import docker.errors

    everything = {**(files or {}), "Dockerfile": f"{dockerfile}\nLABEL {LABEL}=1\n".encode()}
    digest = hashlib.sha256(repr(sorted(everything.items())).encode()).hexdigest()[:16]
    tag = f"phasegate-test:{digest}"
    try:
        client().images.get(tag)
    except docker.errors.ImageNotFound:
        client().images.build(fileobj=_archive(everything), custom_context=True, tag=tag, rm=True)
    return tag


def busybox(*lines: str, files: Mapping[str, bytes] | None = None) -> str:
    """An image with busybox and its commands, and further lines of a Dockerfile."""
    base = ("FROM scratch", "COPY busybox /bin/busybox", 'RUN ["/bin/busybox", "--install", "-s", "/bin"]')
    return build("\n".join((*base, *lines)), {**(files or {}), "busybox": BUSYBOX.read_bytes()})


def listing() -> dict[str, set[str]]:
    """The names of what is on the engine."""
    api = client().api
    return {
        "containers": {name for one in api.containers(all=True) for name in one["Names"]},
        "networks": {one["Name"] for one in api.networks()},
        "volumes": {one["Name"] for one in api.volumes()["Volumes"] or ()},
    }


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """`docker ps -a`, `docker network ls` and `docker volume ls` are after the test as before it."""
    before = listing()
    yield
    after = listing()
    assert after == before, {k: after[k] ^ before[k] for k in after}


def _archive(files: Mapping[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def without_engine() -> dict[str, str]:
    """An environment in which no engine is found."""
    return {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
